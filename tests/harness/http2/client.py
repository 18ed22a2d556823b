"""A client that can be polite or anything else."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from tests.harness.http2 import frames
from tests.harness.http2.certificates import NAME
from tests.harness.http2.frames import Code, Kind, Setting
from tests.harness.http2.peer import LARGE_WINDOW, Fields, Peer, Text
from tests.harness.http2.tls import TlsSocket


@dataclass(frozen=True)
class Http2Response:
    """What came on a stream. `complete` is false when it ended otherwise than by END_STREAM."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    complete: bool
    trailers: list[tuple[str, str]] = field(default_factory=list)
    interim: list[list[tuple[str, str]]] = field(default_factory=list)
    reset: int | None = None

    def header(self, name: str) -> str | None:
        """First value of a field."""
        return next((value for n, value in self.headers if n == name.lower()), None)

    def all(self, name: str) -> list[str]:
        """Every value of a field."""
        return [value for n, value in self.headers if n == name.lower()]


class Http2Client(Peer):
    """One connection, used by one thread.

    Args:
        tls: speak TLS and require that ALPN chooses h2.
        settings: sent with the preface; None sends nothing at all.
        window: what the server may send on the whole connection.
    """

    def __init__(
        self,
        port: int,
        *,
        tls: ssl.SSLContext | None = None,
        settings: Mapping[int, int] | None = {Setting.INITIAL_WINDOW_SIZE: 1 << 20},
        window: int = 1 << 24,
        timeout: float = 15.0,
        receive_buffer: int | None = None,
    ) -> None:
        plain = socket.socket()
        if receive_buffer:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        plain.settimeout(timeout)
        plain.connect(("127.0.0.1", port))
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.plain = plain
        sock: socket.socket | TlsSocket = plain
        if tls is not None:
            sock = TlsSocket(plain, tls, name=NAME)
            assert sock.protocol == "h2", sock.protocol
        super().__init__(sock)
        self._next = 1
        if settings is not None:
            self.send(frames.PREFACE + frames.settings(settings))
            if window > 65_535:
                self.send(frames.window_update(0, min(window, LARGE_WINDOW) - 65_535))

    def __enter__(self) -> Http2Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close normally, without GOAWAY."""
        self.plain.close()

    def abort(self) -> None:
        """Close with a TCP reset."""
        self.plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.plain.close()

    def send_anyhow(self, data: bytes | Iterable[bytes]) -> None:
        """Send; a peer that has closed meanwhile is no error here."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for piece in [data] if isinstance(data, bytes) else data:
                self.send(piece)

    def wait_for(self, condition: Callable[[], bool]) -> None:
        """Read frames until the condition holds."""
        while not condition():
            if self.pump() is None:
                raise ConnectionError(f"closed, goaway {self.goaway}")

    def settle(self) -> None:
        """All that was sent so far has been seen by the server: a PING came back."""
        pongs = self.pongs
        self.send(frames.frame(Kind.PING, b"settled?"))
        self.wait_for(lambda: self.pongs > pongs)

    def next_stream(self) -> int:
        """An id that is not used yet."""
        stream, self._next = self._next, self._next + 2
        return stream

    def start(
        self,
        method: Text = "GET",
        path: Text = "/",
        headers: Fields = (),
        *,
        authority: Text = "gateway.test",
        end: bool = True,
    ) -> int:
        """Open a stream with a valid head; its id."""
        stream = self.next_stream()
        pseudo: list[tuple[Text, Text]] = [(":method", method), (":scheme", "http")]
        pseudo += [(":authority", authority), (":path", path)]
        self.send_head(stream, [*pseudo, *headers], end=end)
        return stream

    def raw_head(self, fields: Fields, *, end: bool = True) -> int:
        """Open a stream with exactly these fields; its id."""
        stream = self.next_stream()
        self.send_head(stream, fields, end=end)
        return stream

    def reset(self, stream: int, code: int = Code.CANCEL) -> None:
        """Give a stream up."""
        self.send(frames.rst(stream, code))

    def request(
        self,
        method: Text = "GET",
        path: Text = "/",
        headers: Fields = (),
        body: bytes = b"",
        trailers: Fields = (),
        authority: Text = "gateway.test",
    ) -> Http2Response:
        """A plain, valid request and its final answer. A body is sent without content-length."""
        stream = self.start(
            method, path, headers, authority=authority, end=not body and not trailers
        )
        with contextlib.suppress(BrokenPipeError):
            if body:
                self.send_data(stream, body, end=not trailers)
            if trailers:
                self.send_head(stream, trailers, end=True)
        return self.response(stream)

    def head_of(self, stream: int) -> Http2Response:
        """Wait for the final head only."""
        state = self.state(stream)
        self.wait_for(lambda: state.reset is not None or any(_final(h) for h in state.heads))
        return self.seen(stream)

    def response(self, stream: int) -> Http2Response:
        """Wait for a stream's end; the connection's end is one too."""
        state = self.state(stream)
        with contextlib.suppress(ConnectionError):
            self.wait_for(lambda: state.ended or state.reset is not None)
        return self.seen(stream)

    def seen(self, stream: int) -> Http2Response:
        """What has come on a stream so far."""
        state = self.state(stream)
        finals = [head for head in state.heads if _final(head)]
        interim = [head for head in state.heads if _status(head) in range(100, 200)]
        trailers = next((h for h in state.heads if _status(h) == 0), [])
        return Http2Response(
            _status(finals[0]) if finals else 0,
            finals[0] if finals else [],
            bytes(state.body),
            state.ended and bool(finals),
            trailers,
            interim,
            state.reset,
        )

    def until_closed(self) -> tuple[int, int] | None:
        """Read to the end of the connection; the last GOAWAY. Raises TimeoutError if it stays open."""
        while self.pump() is not None:
            pass
        return self.goaway


def _status(head: list[tuple[str, str]]) -> int:
    return int(dict(head).get(":status", "0"))


def _final(head: list[tuple[str, str]]) -> bool:
    return _status(head) >= 200
