"""A gateway in front of upstreams of every protocol, and one road through it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from tests.e2e.roads.askers import Asker, Http1Asker, Http2Asker, Reply
from tests.e2e.roads.behind import Arrived, Behind, Http1Behind, Http2Behind
from tests.e2e.roads.plans import Fields
from tests.harness import Gateway, RecordingUpstream, eventually
from tests.harness.http2 import Certificates, Http2Upstream

CLIENTS = ("http1", "http2")
UPSTREAMS = ("http1", "h2c", "h2")
PAIRS = [(client, upstream) for client in CLIENTS for upstream in UPSTREAMS]


@dataclass
class Roads:
    """A gateway in front of upstreams of every protocol."""

    gateway: Gateway
    behind: dict[str, Behind]


@dataclass
class Road:
    """One client's protocol and one upstream's."""

    gateway: Gateway
    client: str
    name: str
    up: Behind
    last: Asker | None = None

    @contextlib.contextmanager
    def asker(self) -> Iterator[Asker]:
        """A client with a connection of its own."""
        one: Asker
        one = (
            Http1Asker(self.gateway.port)
            if self.client == "http1"
            else Http2Asker(self.gateway.port)
        )
        self.last = one
        with contextlib.closing(one):
            yield one

    def path(self, kind: str = "") -> str:
        """A path that leads to the upstream; `kind` is a variant of the service or route."""
        return f"/{self.name}{kind}/x"

    def ask(
        self,
        method: str = "GET",
        kind: str = "",
        fields: Fields = (),
        body: bytes | None = None,
        trailers: Fields = (),
        *,
        length: bool = True,
    ) -> Reply:
        """One whole request on a connection of its own."""
        with self.asker() as one:
            how = "" if body is None else str(len(body)) if length and body else "stream"
            one.begin(method, self.path(kind), fields, body=how)
            if body:
                one.send(body)
            if how == "stream":
                one.end(trailers)
            return one.finish()

    def record(self) -> dict[str, Any]:
        """The access record of the last request."""
        assert self.last is not None
        wanted = self.last.request_id

        def find() -> list[dict[str, Any]]:
            file = self.gateway.access_log
            records = self.gateway.log_lines() if file.exists() else []
            return [record for record in records if record["request_id"] == wanted]

        return eventually(find, what=f"the record of {wanted}")[0]

    def only(self) -> Arrived:
        """The one request that arrived."""
        (arrived,) = eventually(self.up.arrived, what="a request at the upstream")
        return arrived


VARIANTS: dict[str, dict[str, Any]] = {
    "": {},
    "-early": {},
    "-once": {"retries": {"attempts": 0}},
    "-quick": {
        "timeouts": {"first_byte": "400ms", "idle": "400ms"},
        "retries": {"attempts": 0},
    },
    "-total": {"timeouts": {"total": "600ms"}, "retries": {"attempts": 0}},
}


def start_roads(
    start: Callable[..., Gateway], certificates: Certificates, stack: contextlib.ExitStack
) -> Roads:
    """The gateway and its upstreams. Routes are `/PROTOCOL VARIANT/**`, and `-small` takes small bodies."""
    late = stack.enter_context(RecordingUpstream())
    early = stack.enter_context(RecordingUpstream(early=True))
    h2c = stack.enter_context(Http2Upstream())
    h2 = stack.enter_context(Http2Upstream(tls=certificates.server()))
    base: dict[str, dict[str, Any]] = {
        "http1": {"url": late.url},
        "h2c": {"url": h2c.url, "protocol": "h2c"},
        "h2": {"url": h2.url, "tls": certificates.service()},
    }
    services = {
        name + variant: {**service, **more}
        for name, service in base.items() for variant, more in VARIANTS.items()
    }  # fmt: skip
    services["http1-early"]["url"] = early.url
    routes: dict[str, Any] = {
        name: {"match": {"path": f"/{name}/**"}, "service": name, "max_body": "off"}
        for name in services
    }
    for name in base:
        routes[f"{name}-small"] = {
            "match": {"path": f"/{name}-small/**"}, "service": name, "max_body": "1KiB",
        }  # fmt: skip
    gateway = start({"services": services, "routes": routes})
    behind: dict[str, Behind] = {
        "http1": Http1Behind(late, early),
        "h2c": Http2Behind(h2c),
        "h2": Http2Behind(h2),
    }
    return Roads(gateway, behind)
