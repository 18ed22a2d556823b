"""One canonical path: the router, the access log and the upstream never see different ones."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.e2e.cases.paths import CANONICAL, REFUSED
from tests.e2e.wire import assert_problem, hostile_requests, send_all
from tests.harness import Connection, Gateway, RecordingUpstream, Response, eventually

_numbers = itertools.count()


@pytest.fixture(scope="module")
def gateway(module_gateway: Callable[..., Gateway], shared_upstream: RecordingUpstream) -> Gateway:
    return module_gateway(
        {
            "listeners": {"web": {"limits": {"keepalive_requests": 100_000}}},
            "services": {"up": {"url": shared_upstream.url}},
            "routes": {
                "paths": {"match": {"path": "/p/**"}, "service": "up"},
                "bystander": {"match": {"path": "/bystander"}, "service": "up"},
                "router": {
                    "match": {"path": "/p/**", "headers": {"x-ask": "router"}},
                    "redirect": {"to": "/seen{request.path}", "status": 307},
                },
            },
        }
    )


def _request(path: bytes, *lines: bytes) -> bytes:
    return b"\r\n".join([b"GET " + path + b" HTTP/1.1", b"Host: a.test", *lines, b"", b""])


def assert_refused_path(gateway: Gateway, upstream: RecordingUpstream, path: bytes) -> Response:
    """400 and nothing upstream; where the framing was fine the connection may live."""
    upstream.clear()
    with Connection(gateway.port) as client:
        client.send(_request(path))
        response = client.response()
    assert_problem(response, 400)
    assert hostile_requests(upstream) == []
    return response


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str, gateway: Gateway, shared_upstream: RecordingUpstream) -> None:
    assert_refused_path(gateway, shared_upstream, REFUSED[name])


@pytest.mark.parametrize("name", REFUSED)
def test_refused_before_any_route_is_looked_for(
    name: str, gateway: Gateway, shared_upstream: RecordingUpstream
) -> None:
    """Also where no route would take it: what cannot be understood is not "not found"."""
    path = REFUSED[name].replace(b"/p/", b"/nobody/", 1)
    assert_refused_path(gateway, shared_upstream, path)


@pytest.mark.parametrize("name", CANONICAL)
def test_canonical(name: str, gateway: Gateway, shared_upstream: RecordingUpstream) -> None:
    raw, expected = CANONICAL[name]
    shared_upstream.clear()
    with Connection(gateway.port) as client:
        client.send(_request(raw + b"?a=%2e%2E//b"))
        assert client.response().status == 200
        client.send(_request(raw, b"X-Ask: router"))
        seen = client.response()
    (arrived,) = shared_upstream.requests
    assert arrived.target.encode() == expected + b"?a=%2e%2E//b", "the query stays as it was"
    assert seen.header("location") == "/seen" + expected.decode()


def test_dot_segments_do_not_lead_into_another_route(
    gateway: Gateway, shared_upstream: RecordingUpstream
) -> None:
    for path in (b"/p/../secret", b"/p/%2e%2e/secret", b"/p/x/../../secret"):
        shared_upstream.clear()
        with Connection(gateway.port) as client:
            client.send(_request(path))
            assert client.response().status == 404, path
        assert hostile_requests(shared_upstream) == []


def test_a_refusal_does_not_echo_the_path(
    gateway: Gateway, shared_upstream: RecordingUpstream
) -> None:
    response = assert_refused_path(gateway, shared_upstream, b"/p/%2F<script>")
    assert b"<script>" not in response.head + response.body


_PLAIN = ["a", "B", "0", "-", ".", "..", "~", "/", "//", "/./", "/../", ";v=1", ".git", "..."]
_ESCAPED = ["%2e", "%2E%2e", "%61", "%7E", "%c3%a4", "%20", "%25", "%2525", "%3b", "%5f", "%252F"]
_RESERVED = list("!$&'()*+,=:@")
_FAULTY = ["%2F", "%5c", "%00", "%0a", "%7f", "%", "%g0", "..;", ".;", "\\"]
_PIECES = st.sampled_from([*_PLAIN, *_ESCAPED, *_RESERVED, *_FAULTY])
_PATHS = st.lists(_PIECES, max_size=12).map(lambda pieces: "/p/" + "".join(pieces))


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(paths=st.lists(_PATHS, min_size=10, max_size=30))
def test_what_the_log_says_is_what_the_upstream_saw_and_the_router_used(
    paths: list[str], gateway: Gateway, shared_upstream: RecordingUpstream
) -> None:
    shared_upstream.clear()
    routed: dict[str, str] = {}
    forwarded = 0
    for path in paths:
        number = f"path-{next(_numbers)}"
        with Connection(gateway.port) as client:
            client.send(_request(path.encode(), b"X-Request-ID: " + number.encode()))
            forwarded += client.response().status == 200
            send_all(client, _request(path.encode(), b"X-Ask: router"))
            location = _location(client)
        if location is not None:
            routed[number] = location.removeprefix("/seen")
    upstream = {r.header("x-request-id") or "": r.target for r in shared_upstream.requests}
    assert upstream == routed
    assert len(upstream) == forwarded
    logged = _logged(gateway, set(upstream))
    assert logged == upstream


def _location(client: Connection) -> str | None:
    try:
        return client.response().header("location")
    except ConnectionError:
        return None


def _logged(gateway: Gateway, ids: set[str]) -> dict[str, str]:
    """Path by request id of the access records of these requests, once all are written."""

    def read() -> dict[str, str]:
        lines = gateway.log_lines() if gateway.access_log.exists() else []
        return {r["request_id"]: r["path"] for r in lines if r.get("request_id") in ids}

    eventually(lambda: read().keys() == ids, what="access records")
    return read()
