"""Plain requests sent on to HTTPS, and browsers told to stay there (RFC 6797)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.e2e.secure import listener
from tests.e2e.wire import assert_problem
from tests.harness import (
    Authority,
    Connection,
    Gateway,
    Issued,
    RecordingUpstream,
    Response,
    free_port,
    ok,
    request,
)
from tests.harness.configs import forwarding

HSTS = "strict-transport-security"


def redirecting(url: str, redirect: object) -> dict[str, object]:
    return forwarding(url, listeners={"web": {"redirect_https": redirect}})


@pytest.fixture(scope="module")
def plain(module_gateway: Callable[..., Gateway], shared_upstream: RecordingUpstream) -> Gateway:
    return module_gateway(redirecting(shared_upstream.url, True))


def location(gateway: Gateway, target: str, host: str = "site.test", method: str = "GET") -> str:
    response = gateway.get(target, host=host, method=method)
    assert (response.status, response.body) == (308, b"")
    assert response.complete
    return response.header("location") or ""


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("/", "https://site.test/"),
        ("/a/b.html", "https://site.test/a/b.html"),
        ("/a?x=1&y=%20", "https://site.test/a?x=1&y=%20"),
        ("/?", "https://site.test/?"),
        ("/a?u=https://b.test/?c", "https://site.test/a?u=https://b.test/?c"),
        ("//b.test/x", "https://site.test//b.test/x"),
        ("/%2e%2e/x%2fy", "https://site.test/%2e%2e/x%2fy"),
        ("http://site.test/abs?q", "https://site.test/abs?q"),
        ("http://site.test", "https://site.test/"),
    ],
)
def test_same_url_over_https(
    plain: Gateway, fresh_upstream: RecordingUpstream, target: str, expected: str
) -> None:
    """Nothing is interpreted on the way: the secure listener judges the path."""
    assert location(plain, target) == expected
    assert fresh_upstream.requests == []


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("site.test:8080", "https://site.test/"),
        ("SITE.test", "https://site.test/"),
        ("192.0.2.1:8080", "https://192.0.2.1/"),
        ("[2001:db8::1]", "https://[2001:db8::1]/"),
        ("[2001:db8::1]:8080", "https://[2001:db8::1]/"),
    ],
)
def test_host_without_its_port(plain: Gateway, host: str, expected: str) -> None:
    assert location(plain, "/", host).lower() == expected


@pytest.mark.parametrize("method", ["HEAD", "POST", "PUT", "DELETE", "PROPFIND"])
def test_every_method(plain: Gateway, fresh_upstream: RecordingUpstream, method: str) -> None:
    assert location(plain, "/x", method=method) == "https://site.test/x"
    assert fresh_upstream.requests == []


@pytest.mark.parametrize(("method", "target"), [("CONNECT", "site.test:443"), ("TRACE", "/x")])
def test_methods_that_are_never_taken(plain: Gateway, method: str, target: str) -> None:
    """CONNECT names no URL that could be sent on, and TRACE would be answered nowhere."""
    assert plain.get(target, method=method, host="site.test:443").status == 405


def test_body_is_dropped_and_the_connection_goes_on(
    plain: Gateway, fresh_upstream: RecordingUpstream
) -> None:
    with Connection(plain.port) as client:
        for _ in range(3):
            assert client.request("POST", "/x", body=b"GET /y HTTP/1.1\r\n\r\n").status == 308
    assert fresh_upstream.requests == []


def test_request_that_names_no_host_is_refused(plain: Gateway) -> None:
    with Connection(plain.port) as client:
        client.send(b"GET / HTTP/1.0\r\n\r\n")
        problem = assert_problem(client.response(), 400)
    assert "names no host" in problem["detail"]
    with Connection(plain.port) as client:
        client.send(b"GET / HTTP/1.1\r\nHost:\r\n\r\n")
        assert_problem(client.response(), 400)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_port_and_status(
    gateway_of: Callable[..., Gateway], upstream: RecordingUpstream, status: int
) -> None:
    gateway = gateway_of(redirecting(upstream.url, {"port": 8443, "status": status}))
    response = gateway.get("/a?b", host="site.test:8080")
    assert response.status == status
    assert response.header("location") == "https://site.test:8443/a?b"
    response = gateway.get("/", host="[::1]:8080")
    assert response.header("location") == "https://[::1]:8443/"


def test_redirect_leads_to_the_secure_listener(
    gateway_of: Callable[..., Gateway],
    authority: Authority,
    site: Issued,
    upstream: RecordingUpstream,
) -> None:
    secure = free_port()
    listeners = {
        "web": {"redirect_https": {"port": secure}},
        "secure": {
            "address": f"127.0.0.1:{secure}",
            "tls": {**listener(site)["web"]["tls"], "hsts": {}},
        },
    }
    gateway = gateway_of(forwarding(upstream.url, listeners=listeners))
    response = gateway.get("/a?b", host=f"127.0.0.1:{gateway.port}")
    assert response.header("location") == f"https://127.0.0.1:{secure}/a?b"
    assert response.header(HSTS) is None, "RFC 6797 section 7.2: never without TLS"
    assert upstream.requests == []
    followed = request(secure, "/a?b", tls=authority.client(), host=f"127.0.0.1:{secure}")
    assert followed.status == 200
    assert followed.header(HSTS) == "max-age=31536000"
    assert upstream.last.target == "/a?b"


@pytest.fixture(scope="module")
def secure(
    module_gateway: Callable[..., Gateway], shared_upstream: RecordingUpstream, site: Issued
) -> Gateway:
    hsts = {"max_age": "180d", "subdomains": True, "preload": True}
    config = forwarding(shared_upstream.url, listeners=listener(site, hsts=hsts))
    config["routes"] = {
        "dead": {"match": {"path": "/dead"}, "service": "dead"},
        "moved": {"match": {"path": "/moved"}, "redirect": {"to": "https://b.test/"}},
        "fixed": {"match": {"path": "/fixed"}, "respond": {"body": "x"}},
        "app": {"match": {"path": "/app/**", "methods": ["GET"]}, "service": "app"},
    }
    config["services"]["dead"] = {"url": f"http://127.0.0.1:{free_port()}"}
    return module_gateway(config)


def told(response: Response) -> None:
    assert response.all(HSTS) == ["max-age=15552000; includeSubDomains; preload"]


@pytest.mark.parametrize(
    ("target", "method", "status"),
    [
        ("/app/x", "GET", 200),
        ("/app/x", "POST", 405),
        ("/fixed", "GET", 200),
        ("/moved", "GET", 308),
        ("/none", "GET", 404),
        ("/dead", "GET", 502),
        ("/app/%2f", "GET", 400),
        ("*", "OPTIONS", 204),
    ],
)
def test_hsts_on_every_answer(
    secure: Gateway, authority: Authority, target: str, method: str, status: int
) -> None:
    response = secure.get(target, method=method, tls=authority.client())
    assert response.status == status
    told(response)


def test_hsts_of_the_upstream_is_not_added_to(
    secure: Gateway, authority: Authority, fresh_upstream: RecordingUpstream
) -> None:
    """Of two fields a browser takes the first (RFC 6797 section 8.1): the listener's word counts."""
    fresh_upstream.answer(ok(b"x", [("Strict-Transport-Security", "max-age=0")]))
    told(secure.get("/app/x", tls=authority.client()))


@pytest.mark.parametrize("data", [b"GET / HTTP/1.1\r\n\r\n", b"nonsense\r\n\r\n"])
def test_hsts_on_a_refused_request(secure: Gateway, authority: Authority, data: bytes) -> None:
    with Connection(secure.port, tls=authority.client()) as client:
        client.send(data)
        told(client.response())
