"""Routing from outside: precedence, 404 and 405, redirects, fixed answers, rewrites, splits, mirrors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest

from tests.e2e.wire import assert_problem
from tests.harness import Connection, Gateway, RecordingUpstream, Response, Stall, eventually, ok

SERVICES = ("a", "b", "c", "d")


@dataclass(frozen=True)
class Town:
    """A gateway in front of services that answer with their own name."""

    gateway: Gateway
    services: dict[str, RecordingUpstream]

    def ask(self, target: str, **options: Any) -> Response:
        """One request through the gateway."""
        return self.gateway.get(target, **options)

    def taken_by(self, target: str, **options: Any) -> str:
        """The body of a 200 answer: which service took it."""
        response = self.ask(target, **options)
        assert response.status == 200, response
        return response.body.decode()


ROUTES: dict[str, Any] = {
    "exact": {"match": {"path": "/p/exact"}, "service": "a"},
    "template": {"match": {"path": "/p/{name}"}, "service": "b"},
    "long-prefix": {"match": {"path": "/p/long/**"}, "service": "c"},
    "short-prefix": {"match": {"path": "/p/**"}, "service": "d"},
    "regex": {"match": {"path": {"regex": "^/(p|r)/[0-9]+/deep$"}}, "service": "a"},
    "host-exact": {"match": {"host": "x.hosts.test", "path": "/h/**"}, "service": "a"},
    "host-deeper-wildcard": {"match": {"host": "*.x.hosts.test", "path": "/h/**"}, "service": "b"},
    "host-wildcard": {"match": {"host": "*.hosts.test", "path": "/h/exact"}, "service": "c"},
    "host-any": {"match": {"path": "/h/**"}, "service": "d"},
    "method": {"match": {"path": "/m", "methods": ["POST"]}, "service": "a"},
    "no-method": {"match": {"path": "/m"}, "service": "b"},
    "two-headers": {"match": {"path": "/f", "headers": {"x-a": "1", "x-b": "*"}}, "service": "a"},
    "one-header": {"match": {"path": "/f", "headers": {"x-a": "1"}}, "service": "b"},
    "query": {"match": {"path": "/f", "query": {"debug": "*"}}, "service": "c"},
    "plain": {"match": {"path": "/f"}, "service": "d"},
    "preferred": {"match": {"path": "/f/**"}, "priority": 10, "service": "a"},
    "outvoted": {"match": {"path": "/f/exact"}, "service": "b"},
    "only-get": {"match": {"path": "/only", "methods": ["GET", "DELETE"]}, "service": "a"},
    "only-put": {"match": {"path": "/only", "methods": ["PUT"]}, "service": "a"},
    "either": {"match": [{"path": "/e1"}, {"path": "/e2", "methods": ["GET"]}], "service": "c"},
    "stripped": {"match": {"path": "/api/users/**"}, "strip_prefix": "/api", "service": "a"},
    "rewritten": {
        "match": {"path": "/orders/{id}/lines/{line}"},
        "rewrite": {"path": "/v2/{line}/of/{id}"},
        "service": "a",
    },
    "prefixed": {"match": {"path": "/based/**"}, "service": "based"},
    "legacy": {
        "match": {"path": {"regex": "^/v[0-9]+/old/(?P<rest>.*)$"}},
        "redirect": {"to": "https://example.test/new/{rest}", "status": 301},
    },
    "moved": {"match": {"path": "/moved/{id}"}, "redirect": {"to": "/now/{id}"}},
    "robots": {
        "match": {"path": "/robots.txt"},
        "respond": {"status": 200, "body": "User-agent: *\n", "content_type": "text/plain"},
    },
    "teapot": {"match": {"path": "/teapot"}, "respond": {"status": 418}},
    "split": {"match": {"path": "/split"}, "service": {"a": 90, "b": 10}},
    "split-off": {"match": {"path": "/split-off"}, "service": {"a": 1, "b": 0}},
    "weighted": {"match": {"path": "/weighted"}, "service": "weighted"},
    "mirrored": {"match": {"path": "/mirrored"}, "service": "a", "mirror": {"service": "b"}},
}


@pytest.fixture(scope="module")
def town(module_gateway: Callable[..., Gateway]) -> Iterator[Town]:
    with ExitStack() as stack:
        services = {
            name: stack.enter_context(RecordingUpstream(ok(name.encode()))) for name in SERVICES
        }
        urls = {name: service.url for name, service in services.items()}
        config = {
            "services": {
                **{name: {"url": url} for name, url in urls.items()},
                "based": {"url": urls["a"] + "/base"},
                "weighted": {"targets": [{"url": urls["c"], "weight": 3}, {"url": urls["d"]}]},
            },
            "routes": ROUTES,
        }
        yield Town(module_gateway(config), services)


@dataclass(frozen=True)
class Choice:
    """A request and the service that must take it."""

    target: str
    service: str
    options: dict[str, Any]


def _choice(target: str, service: str, **options: Any) -> Choice:
    return Choice(target, service, options)


PRECEDENCE = {
    "exact-over-template": _choice("/p/exact", "a"),
    "template-over-prefix": _choice("/p/other", "b"),
    "template-is-one-segment": _choice("/p/other/more", "d"),
    "template-needs-a-segment": _choice("/p/", "d"),
    "longer-prefix": _choice("/p/long/x", "c"),
    "prefix-is-segment-wise": _choice("/p/longer/x", "d"),
    "prefix-matches-itself-but-template-first": _choice("/p/long", "b"),
    "prefix-root": _choice("/p", "d"),
    "regex-is-last": _choice("/p/12/deep", "d"),
    "regex-where-nothing-else": _choice("/r/12/deep", "a"),
    "host-exact": _choice("/h/exact", "a", host="x.hosts.test"),
    "host-case": _choice("/h/exact", "a", host="X.Hosts.TEST"),
    "host-port": _choice("/h/exact", "a", host="x.hosts.test:8000"),
    "host-empty-port": _choice("/h/exact", "a", host="x.hosts.test:"),
    "host-trailing-dot": _choice("/h/exact", "a", host="x.hosts.test."),
    "host-longer-wildcard": _choice("/h/exact", "b", host="y.x.hosts.test"),
    "host-wildcard-over-any": _choice("/h/exact", "c", host="y.hosts.test"),
    "host-wildcard-two-labels": _choice("/h/exact", "c", host="z.y.hosts.test"),
    "host-wildcard-is-not-the-apex": _choice("/h/exact", "d", host="hosts.test"),
    "host-wildcard-other-path-falls-through": _choice("/h/other", "d", host="y.hosts.test"),
    "host-suffix-without-dot": _choice("/h/exact", "d", host="yhosts.test"),
    "host-ipv6": _choice("/h/exact", "d", host="[::1]:80"),
    "method": _choice("/m", "a", method="POST"),
    "without-method": _choice("/m", "b", method="PUT"),
    "two-headers": _choice("/f", "a", headers=[("X-A", "1"), ("X-B", "anything")]),
    "one-header": _choice("/f", "b", headers=[("X-A", "1")]),
    "header-other-value": _choice("/f", "d", headers=[("X-A", "2")]),
    "header-over-query": _choice("/f?debug=1", "b", headers=[("X-A", "1")]),
    "query": _choice("/f?x=1&debug=", "c"),
    "query-name-is-exact": _choice("/f?debugging=1", "d"),
    "nothing-special": _choice("/f", "d"),
    "priority-before-all": _choice("/f/exact", "a"),
    "any-of-first": _choice("/e1", "c", method="POST"),
    "any-of-second": _choice("/e2", "c"),
    "own-method-token": _choice("/p/exact", "a", method="PURGE"),
    "method-is-case-sensitive": _choice("/m", "b", method="post"),
}


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
    for service in town.services.values():
        service.clear()
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
    for service in town.services.values():
        service.clear()
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


def _shares(town: Town, target: str, rounds: int) -> Counter[str]:
    counted: Counter[str] = Counter()
    with Connection(town.gateway.port) as client:
        for _ in range(rounds):
            counted[client.request("GET", target).body.decode()] += 1
    return counted


def test_weighted_split(town: Town) -> None:
    """90 to 10 over 400 requests: bounds that a fair draw misses about once in a million runs."""
    shares = _shares(town, "/split", 400)
    assert shares.keys() == {"a", "b"}
    assert 10 <= shares["b"] <= 72


def test_share_of_weight_zero_gets_nothing(town: Town) -> None:
    assert _shares(town, "/split-off", 30) == {"a": 30}


def test_weighted_round_robin_among_targets_is_exact(town: Town) -> None:
    assert _shares(town, "/weighted", 80) == {"c": 60, "d": 20}


def test_mirror_gets_a_copy_and_its_answer_is_dropped(town: Town) -> None:
    main, mirror = town.services["a"], town.services["b"]
    main.clear()
    mirror.clear()
    response = town.ask("/mirrored?x=1", method="POST", body=b"payload")
    assert response.body == b"a"
    eventually(lambda: mirror.requests and mirror.requests[0].complete, what="the mirrored request")
    assert (mirror.last.target, mirror.last.body) == ("/mirrored?x=1", b"payload")
    assert (main.last.target, main.last.body) == ("/mirrored?x=1", b"payload")


def test_slow_or_dead_mirror_does_not_reach_the_client(town: Town) -> None:
    mirror = town.services["b"]
    mirror.answer(Stall(), ok(b"b"))
    try:
        assert [town.taken_by("/mirrored") for _ in range(3)] == ["a"] * 3
    finally:
        mirror.answer(ok(b"b"))


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
