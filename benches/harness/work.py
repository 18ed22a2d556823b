"""The work every contender of a row is configured to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Speaks = Literal["http1", "tls", "http2", "handshakes", "resumed", "websocket", "grpc"]
SAMPLED_ROUTES = 1_000


@dataclass(frozen=True)
class Work:
    """A number of routes in front of one upstream.

    `observed` switches access log and metrics on, where a peer is asked for them at all. `speaks` is what
    the client speaks: HTTP/1 alone, HTTP/1 over TLS, HTTP/2 over TLS, one TLS handshake per request, messages
    over WebSockets, or gRPC calls over HTTP/2 with TLS.
    """

    upstream_port: int
    routes: int = 1
    observed: bool = False
    speaks: Speaks = "http1"

    @property
    def is_secure(self) -> bool:
        """Whether the client speaks TLS."""
        return self.speaks not in ("http1", "websocket")

    @property
    def is_http2(self) -> bool:
        """Whether the client speaks HTTP/2."""
        return self.speaks in ("http2", "grpc")

    def prefixes(self) -> list[str]:
        """The path prefix of each route, without the trailing slash."""
        return [f"/r/{index:06d}" for index in range(self.routes)]

    def paths(self) -> list[str]:
        """Paths to ask for: one under each route, or under a thousand spread over all of them."""
        step = max(1, self.routes // SAMPLED_ROUTES)
        return [f"{prefix}/item" for prefix in self.prefixes()[::step]]
