"""Answers that the gateway makes itself: RFC 9457 for machines, a page for people, nothing internal."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.harness import Connection, Gateway, RecordingUpstream, Response, Stall, free_port

SECRETS = (
    b"127.0.0.1",
    b"localhost",
    b"panicked",
    b"Traceback",
    b"/src/",
    b".rs:",
    b"internal.test",
)


@pytest.fixture(scope="module")
def gateway(module_gateway: Callable[..., Gateway], shared_upstream: RecordingUpstream) -> Gateway:
    shared_upstream.answer(Stall())
    return module_gateway(
        {
            "services": {
                "dead": {"url": f"http://127.0.0.1:{free_port()}"},
                "slow": {"url": shared_upstream.url, "timeouts": {"first_byte": "200ms"}},
                "nowhere": {"url": "http://no-such-host.internal.test:1"},
            },
            "routes": {
                "dead": {"match": {"path": "/dead"}, "service": "dead"},
                "slow": {"match": {"path": "/slow"}, "service": "slow"},
                "nowhere": {"match": {"path": "/nowhere"}, "service": "nowhere"},
                "get": {"match": {"path": "/get", "methods": ["GET"]}, "service": "dead"},
                "filtered": {
                    "match": {"path": "/filtered"},
                    "service": "dead",
                    "policies": {"ip_filter": {"deny": ["127.0.0.1"]}},
                },
            },
        }
    )


CASES: dict[str, tuple[str, str, frozenset[int]]] = {
    "not-found": ("GET", "/nothing", frozenset({404})),
    "method": ("POST", "/get", frozenset({405})),
    "bad-path": ("GET", "/a%2Fb", frozenset({400})),
    "forbidden": ("GET", "/filtered", frozenset({403})),
    "refused": ("GET", "/dead", frozenset({502})),
    "timeout": ("GET", "/slow", frozenset({504})),
    "unresolvable": ("GET", "/nowhere", frozenset({502, 503, 504})),
}


def _ask(gateway: Gateway, name: str, **options: Any) -> Response:
    method, target, statuses = CASES[name]
    response = gateway.get(target, method=method, **options)
    assert response.status in statuses
    assert response.complete
    assert not [secret for secret in SECRETS if secret in response.head + response.body]
    return response


@pytest.mark.parametrize("name", CASES)
def test_problem_document(name: str, gateway: Gateway) -> None:
    response = _ask(gateway, name, headers=[("X-Request-ID", "id-1")])
    assert response.header("content-type") == "application/problem+json"
    problem = json.loads(response.body)
    assert problem["status"] == response.status
    assert problem["request_id"] == "id-1" == response.header("x-request-id")
    for member in ("type", "title", "detail", "instance"):
        assert isinstance(problem[member], str)
        assert problem[member]
    assert response.header("cache-control") in (None, "no-store")
    assert response.header("date")


@pytest.mark.parametrize("name", CASES)
def test_page_for_a_browser(name: str, gateway: Gateway) -> None:
    accept = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
    response = _ask(gateway, name, headers=[("Accept", accept), ("X-Request-ID", "id-2")])
    assert (response.header("content-type") or "").startswith("text/html")
    assert b"id-2" in response.body
    assert str(response.status).encode() in response.body


@pytest.mark.parametrize("name", ["not-found", "refused"])
def test_plain_text(name: str, gateway: Gateway) -> None:
    response = _ask(gateway, name, headers=[("Accept", "text/plain")])
    assert (response.header("content-type") or "").startswith("text/plain")
    assert str(response.status).encode() in response.body


ACCEPTS = {
    "none": (None, "application/problem+json"),
    "any": ("*/*", "application/problem+json"),
    "json": ("application/json", "application/problem+json"),
    "problem": ("application/problem+json", "application/problem+json"),
    "html": ("text/html", "text/html"),
    "html-less-than-json": ("application/json, text/html;q=0.5", "application/problem+json"),
    "something-else": ("image/png", "application/problem+json"),
    "nonsense": (";;q=,/", "application/problem+json"),
}


@pytest.mark.parametrize("name", ACCEPTS)
def test_accept_decides(name: str, gateway: Gateway) -> None:
    accept, expected = ACCEPTS[name]
    headers = [("Accept", accept)] if accept else []
    response = _ask(gateway, "not-found", headers=headers)
    assert (response.header("content-type") or "").startswith(expected)


@pytest.mark.parametrize("name", ["refused", "timeout", "unresolvable"])
def test_proxy_status(name: str, gateway: Gateway) -> None:
    """RFC 9209: who says it, and which error; no `next-hop`, that would be internal."""
    value = _ask(gateway, name).header("proxy-status") or ""
    source, *parameters = [part.strip() for part in value.split(";")]
    assert source
    errors = {
        "refused": {"connection_refused"},
        "timeout": {"http_response_timeout", "connection_read_timeout"},
        "unresolvable": {
            "dns_error",
            "dns_timeout",
            "destination_not_found",
            "destination_unavailable",
        },
    }[name]
    assert parameters[0].removeprefix("error=") in errors
    assert "next-hop" not in value


@pytest.mark.parametrize("name", ["not-found", "method", "forbidden", "bad-path"])
def test_no_proxy_status_for_what_is_not_the_upstreams_fault(name: str, gateway: Gateway) -> None:
    assert _ask(gateway, name).header("proxy-status") is None


def test_method_answer_names_the_allowed_methods(gateway: Gateway) -> None:
    assert _ask(gateway, "method").header("allow") == "GET, HEAD"


def test_head_gets_the_fields_without_the_body(gateway: Gateway) -> None:
    with Connection(gateway.port) as client:
        response = client.request("HEAD", "/nothing")
        assert response.status == 404
        assert int(response.header("content-length") or 0) > 0
        assert client.request("GET", "/nothing").status == 404, "framing is intact"


@pytest.mark.parametrize("evil", ["<script>alert(1)</script>", "\"'><img>", "${x}{{7*7}}"])
@pytest.mark.parametrize("accept", ["text/html", "application/json"])
def test_nothing_of_the_request_is_executable_in_the_answer(
    evil: str, accept: str, gateway: Gateway
) -> None:
    target = "/nothing/" + evil.replace(" ", "%20")
    headers = [("Accept", accept), ("User-Agent", evil), ("X-Request-ID", evil)]
    response = gateway.get(target, headers=headers)
    assert response.status in (400, 404)
    assert b"<script>" not in response.body
    assert b"<img>" not in response.body
    if accept == "application/json":
        json.loads(response.body)
