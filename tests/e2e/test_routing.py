"""Routing from outside: precedence, 404 and 405, redirects, fixed answers, rewrites."""

from __future__ import annotations

import pytest

from tests.e2e.cases.routing import PRECEDENCE
from tests.e2e.town import Town
from tests.e2e.wire import assert_problem
from tests.harness import Connection


@pytest.mark.parametrize("name", PRECEDENCE)
def test_precedence(name: str, town: Town) -> None:
    choice = PRECEDENCE[name]
    assert town.taken_by(choice.target, **choice.options) == choice.service


@pytest.mark.parametrize(
    "target", ["/", "/nothing", "/P/exact", "/exact", "/robots.txt/x", "/r/x/deep"]
)
def test_nobody_takes_it(target: str, town: Town) -> None:
    assert_problem(town.ask(target), 404)


@pytest.mark.parametrize("method", ["POST", "PATCH", "OPTIONS", "TRACE-NOT", "get"])
def test_other_methods_are_told_which_are_allowed(method: str, town: Town) -> None:
    response = town.ask("/only", method=method)
    assert_problem(response, 405)
    allowed = {name.strip() for name in (response.header("allow") or "").split(",")}
    assert allowed == {"DELETE", "GET", "HEAD", "PUT"}


def test_method_differs_in_one_of_several_matches(town: Town) -> None:
    response = town.ask("/e2", method="POST")
    assert response.status == 405
    assert response.header("allow") == "GET, HEAD"


def test_head_is_served_by_a_get_route(town: Town) -> None:
    service = town.services["a"]
    service.clear()
    with Connection(town.gateway.port) as client:
        response = client.request("HEAD", "/only")
        assert response.status == 200
        assert client.request("GET", "/only").body == b"a", "framing is intact"
    assert [request.method for request in service.requests] == ["HEAD", "GET"]


def test_options_asterisk_is_answered_here(town: Town) -> None:
    town.clear()
    with Connection(town.gateway.port) as client:
        response = client.request("OPTIONS", "*")
        assert (response.status, response.body) == (204, b"")
        assert client.request("GET", "/p/exact").status == 200
    arrived = [r.target for service in town.services.values() for r in service.requests]
    assert arrived == ["/p/exact"]


def test_options_for_a_path_is_forwarded(town: Town) -> None:
    assert town.taken_by("/p/exact", method="OPTIONS") == "a"


@pytest.mark.parametrize("start", ["TRACE /p/exact", "CONNECT a.test:80", "CONNECT a.test:443"])
def test_connect_and_trace_are_not_allowed(start: str, town: Town) -> None:
    town.clear()
    host = "a.test" if start.startswith("TRACE") else start.partition(" ")[2]
    with Connection(town.gateway.port) as client:
        client.send(f"{start} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        assert client.response().status == 405
    assert not [r for service in town.services.values() for r in service.requests]


UPSTREAM_TARGETS = {
    "strip-prefix": ("/api/users/7?x=1", "/users/7?x=1"),
    "strip-prefix-root": ("/api/users", "/users"),
    "rewrite": ("/orders/7/lines/2?x=%20", "/v2/2/of/7?x=%20"),
    "rewrite-escapes": ("/orders/a%20b/lines/%C3%A4", "/v2/%C3%A4/of/a%20b"),
    "prefix-of-the-target": ("/based/x?y", "/base/based/x?y"),
    "query-empty": ("/p/exact?", "/p/exact?"),
    "query-odd": ("/p/exact?a=b&&=c&%zz", "/p/exact?a=b&&=c&%zz"),
}


@pytest.mark.parametrize("name", UPSTREAM_TARGETS)
def test_target_upstream(name: str, town: Town) -> None:
    sent, expected = UPSTREAM_TARGETS[name]
    service = town.services["a"]
    service.clear()
    assert town.ask(sent).status == 200
    assert service.last.target == expected


def test_absolute_form_is_routed_by_its_path_and_sent_in_origin_form(town: Town) -> None:
    service = town.services["a"]
    service.clear()
    for target in ("http://X.hosts.test/h/1?q", "http://x.hosts.test:80/h/1?q"):
        assert town.taken_by(target, host="x.hosts.test") == "a"
        assert service.last.target == "/h/1?q"


def test_host_sent_upstream(town: Town) -> None:
    """The client's by default; the target's or a fixed one by option."""
    service = town.services["a"]
    expected = {
        "/p/exact": "Client.test:8000",
        "/to-target": f"127.0.0.1:{service.port}",
        "/to-literal": "internal.test:81",
    }
    for target, host in expected.items():
        assert town.taken_by(target, host="Client.test:8000") == "a"
        assert [value.lower() for value in service.last.all("host")] == [host.lower()]


REDIRECTS = {
    "regex-group": ("/v1/old/a/b", 301, "https://example.test/new/a/b"),
    "template": ("/moved/7", 308, "/now/7"),
    "escapes-stay": ("/moved/%C3%A4%0D".replace("%0D", ""), 308, "/now/%C3%A4"),
}


@pytest.mark.parametrize("name", REDIRECTS)
def test_redirect(name: str, town: Town) -> None:
    target, status, location = REDIRECTS[name]
    response = town.ask(target)
    assert (response.status, response.header("location")) == (status, location)
    assert response.complete


def test_fixed_response(town: Town) -> None:
    with Connection(town.gateway.port) as client:
        response = client.request("GET", "/robots.txt")
        assert (response.status, response.body) == (200, b"User-agent: *\n")
        assert response.header("content-type") == "text/plain"
        head = client.request("HEAD", "/robots.txt")
        assert head.status == 200
        assert head.header("content-length") == "14"
        assert client.request("GET", "/teapot").status == 418


def test_http_1_0_without_host_takes_routes_without_a_host_rule(town: Town) -> None:
    service = town.services["d"]
    service.clear()
    with Connection(town.gateway.port) as client:
        client.send(b"GET /h/exact HTTP/1.0\r\n\r\n")
        response = client.response()
        assert (response.status, response.body) == (200, b"d")
        assert client.is_closed()
    assert service.last.all("host") == [f"127.0.0.1:{service.port}"]


def test_http_1_0_keep_alive_is_honoured_when_asked_for(town: Town) -> None:
    with Connection(town.gateway.port) as client:
        for _ in range(2):
            client.send(b"GET /h/exact HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            response = client.response()
            assert response.body == b"d"
            assert (response.header("connection") or "").lower() == "keep-alive"
