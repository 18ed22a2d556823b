"""The policy `ip_filter` on the wire: deny wins, the narrower scope replaces, the client address decides."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.e2e.wire import assert_problem, hostile_requests
from tests.harness import Connection, Gateway, RecordingUpstream, Response


@pytest.fixture(scope="module")
def gateway(module_gateway: Callable[..., Gateway], shared_upstream: RecordingUpstream) -> Gateway:
    def route(path: str, ip_filter: object, service: str = "up") -> dict[str, object]:
        policies = {} if ip_filter is None else {"policies": {"ip_filter": ip_filter}}
        return {"match": {"path": path}, "service": service, **policies}

    return module_gateway(
        {
            "listeners": {"web": {"trusted_proxies": ["127.0.0.0/8"]}},
            "policies": {"ip_filter": {"deny": ["192.0.2.0/24"]}},
            "services": {
                "up": {"url": shared_upstream.url},
                "inner": {
                    "url": shared_upstream.url,
                    "policies": {"ip_filter": {"allow": ["10.0.0.0/8", "2001:db8::/32"]}},
                },
            },
            "routes": {
                "global": route("/global", None),
                "off": route("/off", False),
                "replaced": route("/replaced", {"deny": ["198.51.100.7"]}),
                "both": route("/both", {"allow": ["192.0.2.0/24"], "deny": ["192.0.2.66"]}),
                "service": route("/service", None, "inner"),
                "route-over-service": route("/over", {"deny": ["10.0.0.1"]}, "inner"),
                "respond": {
                    "match": {"path": "/respond"},
                    "respond": {"body": "hello"},
                },
            },
        }
    )


@dataclass(frozen=True)
class Rule:
    """A path, a client address, and whether it may pass."""

    path: str
    client: str
    allowed: bool


RULES = {
    "global-denied": Rule("/global", "192.0.2.1", False),
    "global-denied-last-of-net": Rule("/global", "192.0.2.255", False),
    "global-neighbour-net": Rule("/global", "192.0.3.0", True),
    "global-denied-as-mapped-ipv6": Rule("/global", "::ffff:192.0.2.1", False),
    "global-ipv6": Rule("/global", "2001:db8::1", True),
    "switched-off": Rule("/off", "192.0.2.1", True),
    "replaced-not-merged": Rule("/replaced", "192.0.2.1", True),
    "replaced": Rule("/replaced", "198.51.100.7", False),
    "single-address-is-exact": Rule("/replaced", "198.51.100.8", True),
    "allowed": Rule("/both", "192.0.2.1", True),
    "deny-wins": Rule("/both", "192.0.2.66", False),
    "not-in-allow": Rule("/both", "203.0.113.1", False),
    "service-scope-allowed": Rule("/service", "10.9.8.7", True),
    "service-scope-denied": Rule("/service", "192.0.3.1", False),
    "service-scope-ipv6": Rule("/service", "2001:db8:1::1", True),
    "service-scope-ipv6-denied": Rule("/service", "2001:db9::1", False),
    "route-over-service": Rule("/over", "192.0.3.1", True),
    "route-over-service-denied": Rule("/over", "10.0.0.1", False),
    "respond-route-denied": Rule("/respond", "192.0.2.1", False),
    "respond-route": Rule("/respond", "192.0.3.1", True),
}


def _from(gateway: Gateway, path: str, client: str) -> Response:
    return gateway.get(path, headers=[("X-Forwarded-For", client)])


@pytest.mark.parametrize("name", RULES)
def test_rule(name: str, gateway: Gateway, shared_upstream: RecordingUpstream) -> None:
    rule = RULES[name]
    shared_upstream.clear()
    response = _from(gateway, rule.path, rule.client)
    if rule.allowed:
        assert response.status == 200
    else:
        problem = assert_problem(response, 403)
        assert rule.client not in str(problem)
        assert hostile_requests(shared_upstream) == []


def test_refused_client_keeps_its_connection(gateway: Gateway) -> None:
    with Connection(gateway.port) as client:
        for address, status in (("192.0.2.1", 403), ("192.0.3.1", 200), ("192.0.2.1", 403)):
            assert client.request("GET", "/global", [("X-Forwarded-For", address)]).status == status
