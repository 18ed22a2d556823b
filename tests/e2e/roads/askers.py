"""Clients of both protocols, used in one way."""

from __future__ import annotations

import contextlib
import itertools
from dataclasses import dataclass, field
from typing import Protocol

from tests.e2e.messages import as_chunks
from tests.e2e.roads.plans import Fields
from tests.harness import Connection
from tests.harness.http2 import Http2Client

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Reply:
    """A response, whatever protocol it came by."""

    status: int
    fields: list[tuple[str, str]]
    body: bytes
    complete: bool
    trailers: list[tuple[str, str]] = field(default_factory=list)
    interim: list[tuple[int, list[tuple[str, str]]]] = field(default_factory=list)

    def header(self, name: str) -> str | None:
        """First value of a field."""
        return next((value for n, value in self.fields if n.lower() == name), None)


class Asker(Protocol):
    """A client of any protocol."""

    request_id: str

    def begin(self, method: str, target: str, fields: Fields = (), *, body: str = "") -> None:
        """Send a head; `body` is "", "stream" or the content-length."""

    def send(self, data: bytes) -> None:
        """A part of the body."""

    def end(self, trailers: Fields = ()) -> None:
        """The end of a body of unknown length."""

    def finish(self) -> Reply:
        """Read the response; an early end of the connection makes it incomplete, with status 0 at worst."""

    def until(self, text: bytes) -> None:
        """Read until the response's body has this in it."""

    def give_up(self) -> None:
        """RST_STREAM, or a reset of the connection."""

    def close(self) -> None:
        """The end."""


class Http1Asker:
    """HTTP/1.1."""

    def __init__(self, port: int) -> None:
        self.connection = Connection(port, timeout=20)
        self.chunked, self.method, self.request_id = False, "GET", ""

    def begin(self, method: str, target: str, fields: Fields = (), *, body: str = "") -> None:
        lines = [f"{method} {target} HTTP/1.1", "Host: a.test", "TE: trailers", "Connection: TE"]
        lines += [f"{name}: {value}" for name, value in fields]
        self.request_id = f"http1-{next(_numbers)}"
        lines.append(f"X-Request-ID: {self.request_id}")
        self.method, self.chunked = method, body == "stream"
        if self.chunked:
            lines.append("Transfer-Encoding: chunked")
        elif body:
            lines.append(f"Content-Length: {body}")
        self.connection.send("\r\n".join([*lines, "", ""]).encode("latin-1"))

    def send(self, data: bytes) -> None:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.connection.send(as_chunks(data)[:-5] if self.chunked else data)

    def end(self, trailers: Fields = ()) -> None:
        if self.chunked:
            lines = ["0", *(f"{name}: {value}" for name, value in trailers), "", ""]
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                self.connection.send("\r\n".join(lines).encode("latin-1"))

    def finish(self) -> Reply:
        interim: list[tuple[int, list[tuple[str, str]]]] = []
        while True:
            try:
                got = self.connection.response(self.method, interim=True)
            except ConnectionError:
                return Reply(0, [], b"", False, interim=interim)
            if got.status >= 200:
                trailers = [(name.lower(), value) for name, value in got.trailers]
                fields = [(name.lower(), value) for name, value in got.headers]
                return Reply(got.status, fields, got.body, got.complete, trailers, interim)
            interim.append((got.status, got.headers))

    def until(self, text: bytes) -> None:
        while text not in self.connection.buffer:
            assert self.connection._fill(), f"closed before {text!r}"

    def give_up(self) -> None:
        self.connection.reset()

    def close(self) -> None:
        self.connection.close()


class Http2Asker:
    """HTTP/2, by prior knowledge."""

    def __init__(self, port: int) -> None:
        self.client = Http2Client(port, timeout=20)
        self.stream, self.left = 0, 0
        self.chunked, self.request_id = False, ""

    def begin(self, method: str, target: str, fields: Fields = (), *, body: str = "") -> None:
        self.chunked = body == "stream"
        self.request_id = f"http2-{next(_numbers)}"
        more = [("te", "trailers"), ("x-request-id", self.request_id)]
        if body and not self.chunked:
            more.append(("content-length", body))
        lower = [(name.lower(), value) for name, value in fields]
        ends = not body
        self.stream = self.client.start(
            method, target, [*lower, *more], authority="a.test", end=ends
        )
        self.left = 0 if not body or self.chunked else int(body)

    def send(self, data: bytes) -> None:
        self.left -= len(data)
        with contextlib.suppress(BrokenPipeError, ConnectionError):
            self.client.send_data(self.stream, data, end=not self.chunked and self.left == 0)

    def end(self, trailers: Fields = ()) -> None:
        if trailers:
            self.client.send_head(self.stream, trailers, end=True)
        elif self.chunked:
            self.client.send_data(self.stream, b"", end=True)

    def finish(self) -> Reply:
        got = self.client.response(self.stream)
        interim = [(int(dict(head)[":status"]), head) for head in got.interim]
        return Reply(got.status, got.headers, got.body, got.complete, got.trailers, interim)

    def until(self, text: bytes) -> None:
        state = self.client.state(self.stream)
        self.client.wait_for(lambda: text in state.body)

    def give_up(self) -> None:
        self.client.reset(self.stream)

    def close(self) -> None:
        self.client.close()
