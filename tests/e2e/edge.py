"""A gateway whose listeners trust their peers differently, for the tests of forwarding fields."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.e2e.wire import hostile_requests
from tests.harness import (
    Connection,
    Gateway,
    RecordedRequest,
    RecordingUpstream,
    eventually,
    free_port,
)


@dataclass(frozen=True)
class Edge:
    """One gateway with listeners of different trust in front of one recording upstream."""

    gateway: Gateway
    upstream: RecordingUpstream
    trusted: int
    proxied: int
    allowing: int
    refusing: int

    def send(self, *lines: str, port: int = 0, start: str = "GET /x HTTP/1.1") -> RecordedRequest:
        """One request with these field lines; what arrived upstream."""
        self.upstream.clear()
        data = "\r\n".join([start, "Host: A.test:8000", *lines, "", ""]).encode("latin-1")
        with Connection(port or self.gateway.port) as client:
            client.send(data)
            assert client.response().status == 200
        (arrived,) = hostile_requests(self.upstream)
        return arrived

    def logged_client(self, request: RecordedRequest) -> str:
        """The client address in the access record of a request."""
        wanted = request.header("x-request-id")

        def find() -> list[str]:
            records = self.gateway.log_lines() if self.gateway.access_log.exists() else []
            return [str(r["client"]) for r in records if r["request_id"] == wanted]

        return eventually(find, what=f"access record of {wanted}")[0]


def start_edge(start: Callable[..., Gateway], upstream: RecordingUpstream) -> Edge:
    """The gateway with its five listeners, started by a fixture's `start`."""
    trusted, proxied, allowing, refusing = (free_port() for _ in range(4))
    loopback = ["127.0.0.0/8", "10.0.0.0/8", "::1/128"]
    gateway = start(
        {
            "listeners": {
                "web": {},
                "trusted": {"address": f"127.0.0.1:{trusted}", "trusted_proxies": loopback},
                "proxied": {
                    "address": f"127.0.0.1:{proxied}",
                    "trusted_proxies": loopback,
                    "proxy_protocol": True,
                },
                "allowing": {"address": f"127.0.0.1:{allowing}", "underscores": "allow"},
                "refusing": {"address": f"127.0.0.1:{refusing}", "underscores": "refuse"},
            },
            "services": {"up": {"url": upstream.url}},
            "routes": {
                "all": {"match": {"path": "/**"}, "service": "up"},
                "prefixed": {
                    "match": {"path": "/api/v1/**"},
                    "strip_prefix": "/api/v1",
                    "service": "up",
                },
            },
        }
    )
    return Edge(gateway, upstream, trusted, proxied, allowing, refusing)
