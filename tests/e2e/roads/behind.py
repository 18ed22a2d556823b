"""Upstreams of every protocol, scripted and looked at in one way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from tests.e2e.roads.plans import Plan, as_http1, as_http2
from tests.harness import RecordingUpstream
from tests.harness.http2 import Http2Upstream, ServerStream


@dataclass(frozen=True)
class Arrived:
    """A request as the upstream got it, whatever it speaks. Pseudo fields are not in `fields`."""

    method: str
    target: str
    authority: str
    fields: list[tuple[str, str]]
    body: bytes
    complete: bool
    trailers: list[tuple[str, str]]

    def all(self, name: str) -> list[str]:
        """Every value of a field."""
        return [value for n, value in self.fields if n.lower() == name]


class Behind(Protocol):
    """An upstream of any protocol."""

    def answer(self, *plans: Plan) -> None:
        """Script it."""

    def arrived(self) -> list[Arrived]:
        """What came."""

    def clear(self) -> None:
        """Forget."""

    def let_go(self) -> bool:
        """Whether the gateway has visibly given up the last request, before its end."""


class Http1Behind:
    """HTTP/1, one server that reads first and one that answers at once."""

    def __init__(self, late: RecordingUpstream, early: RecordingUpstream) -> None:
        self.late, self.early = late, early

    def answer(self, *plans: Plan) -> None:
        self.late.answer(*(as_http1(plan) for plan in plans))
        self.early.answer(*(as_http1(plan) for plan in plans))

    def clear(self) -> None:
        self.late.clear()
        self.early.clear()

    def arrived(self) -> list[Arrived]:
        return [
            Arrived(
                r.method, r.target, r.header("host") or "", r.headers, r.body, r.complete,
                _trailers(up.connection_of(r).data),
            )
            for up in (self.late, self.early) for r in up.requests
        ]  # fmt: skip

    def let_go(self) -> bool:
        for up in (self.late, self.early):
            if up.requests:
                return up.connection_of(up.last).ended != "open"
        return False


def _trailers(data: bytes) -> list[tuple[str, str]]:
    """The lines behind the last chunk of everything that came."""
    _, found, rest = data.rpartition(b"\r\n0\r\n")
    lines = rest.split(b"\r\n")[:-2] if found else []
    pairs = (line.decode("latin-1").partition(": ") for line in lines if b":" in line)
    return [(name.lower(), value) for name, _, value in pairs]


class Http2Behind:
    """HTTP/2; whether it answers at once is said by the plan's path."""

    def __init__(self, upstream: Http2Upstream) -> None:
        self.upstream = upstream

    def answer(self, *plans: Plan) -> None:
        def choose(plan: Plan) -> Callable[[ServerStream], None]:
            def script(stream: ServerStream) -> None:
                early = "-early/" in stream.request.target
                as_http2(plan, early=early)(stream)

            return script

        self.upstream.answer(*(choose(plan) for plan in plans))

    def clear(self) -> None:
        self.upstream.clear()

    def arrived(self) -> list[Arrived]:
        return [
            Arrived(
                r.method, r.target, r.header(":authority") or "",
                [(n, v) for n, v in r.headers if not n.startswith(":")],
                r.body, r.complete, r.trailers,
            )
            for r in self.upstream.requests
        ]  # fmt: skip

    def let_go(self) -> bool:
        return bool(self.upstream.requests) and self.upstream.last.reset is not None
