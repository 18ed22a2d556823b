"""An upstream that records what comes on each stream and answers with the frames a test scripts."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from tests.harness.http2 import frames
from tests.harness.http2.frames import Code, Kind
from tests.harness.http2.peer import Fields, Peer, StreamState
from tests.harness.http2.tls import TlsSocket

HTTP1_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhttp1"


@dataclass
class Http2Request:
    """One request as it arrived."""

    state: StreamState
    connection: int
    stream: int
    answered: bool = False
    """Whether its script has come to an end."""

    @property
    def headers(self) -> list[tuple[str, str]]:
        """The fields in order, pseudo fields first."""
        return self.state.heads[0]

    @property
    def trailers(self) -> list[tuple[str, str]]:
        """The fields after the body."""
        return self.state.heads[1] if len(self.state.heads) > 1 else []

    @property
    def body(self) -> bytes:
        """What has come of the body."""
        return bytes(self.state.body)

    @property
    def complete(self) -> bool:
        """Whether END_STREAM came."""
        return self.state.ended

    @property
    def reset(self) -> int | None:
        """The code with which the gateway gave it up."""
        return self.state.reset

    @property
    def method(self) -> str:
        """`:method`."""
        return self.header(":method") or ""

    @property
    def target(self) -> str:
        """`:path`."""
        return self.header(":path") or ""

    def header(self, name: str) -> str | None:
        """First value of a field."""
        return next((value for n, value in self.headers if n == name.lower()), None)

    def all(self, name: str) -> list[str]:
        """Every value of a field."""
        return [value for n, value in self.headers if n == name.lower()]


class ServerStream:
    """What a script may do with one request. Scripts run in a thread of their own."""

    def __init__(self, peer: ServerPeer, request: Http2Request) -> None:
        self.peer, self.request, self.id = peer, request, request.stream
        self.stopping = peer.stopping

    def wait_body(self) -> bytes:
        """Wait for the end of the request."""
        state = self.request.state
        self.peer.wait_for(lambda: state.ended or state.reset is not None)
        return bytes(state.body)

    def wait_received(self, size: int) -> None:
        """Wait until so many bytes of the body are there."""
        self.peer.wait_for(lambda: self.request.state.received >= size)

    def wait_reset(self) -> int:
        """Wait until the gateway gives the stream up; the code."""
        state = self.request.state
        self.peer.wait_for(lambda: state.reset is not None)
        assert state.reset is not None
        return state.reset

    def settle(self) -> None:
        """All that was sent so far has been seen by the gateway: a PING came back."""
        pongs = self.peer.pongs
        self.peer.send(frames.frame(Kind.PING, b"settled?"))
        self.peer.wait_for(lambda: self.peer.pongs > pongs)

    def head(self, status: int, headers: Fields = (), *, end: bool = False) -> None:
        """A response head, also an interim one."""
        self.peer.send_head(self.id, [(":status", str(status)), *headers], end=end)

    def data(self, data: bytes, *, end: bool = False) -> None:
        """A part of the body, within the windows."""
        self.peer.send_data(self.id, data, end=end)

    def trailers(self, fields: Fields) -> None:
        """The end."""
        self.peer.send_head(self.id, fields, end=True)

    def reset(self, code: int) -> None:
        """Give the stream up."""
        self.peer.send(frames.rst(self.id, code))

    def goaway(self, last: int, code: int = Code.NO_ERROR) -> None:
        """Say that the connection ends."""
        self.peer.send(frames.goaway(last, code))

    def close(self, *, reset: bool = False) -> None:
        """End the connection."""
        self.peer.end(reset=reset)

    def stall(self) -> None:
        """Wait until the upstream stops or the connection ends."""
        with contextlib.suppress(ConnectionError):
            self.peer.wait_for(self.stopping.is_set)


Script = Callable[[ServerStream], None]


def reply(
    body: bytes = b"ok",
    headers: Fields = (),
    status: int = 200,
    trailers: Fields = (),
    *,
    length: bool = True,
    early: bool = False,
) -> Script:
    """A plain answer, after the request's end unless `early`."""
    fields = [*headers, ("content-length", str(len(body)))] if length else list(headers)
    ending = list(trailers)

    def play(stream: ServerStream) -> None:
        if not early:
            stream.wait_body()
        stream.head(status, fields, end=not body and not ending)
        if body:
            stream.data(body, end=not ending)
        if ending:
            stream.trailers(ending)

    return play


class ServerPeer(Peer):
    """One connection of the upstream."""

    def __init__(self, owner: Http2Upstream, sock: socket.socket | TlsSocket, number: int) -> None:
        super().__init__(sock)
        self.owner, self.number, self.stopping = owner, number, owner.stopping
        self.ended = "open"
        self.requests: list[Http2Request] = []

    def head_came(self, stream: int, state: StreamState) -> None:
        """A new request starts its script."""
        if len(state.heads) == 1:
            request = Http2Request(state, self.number, stream)
            self.requests.append(request)
            self.owner.arrived(self, request)

    def wait_for(self, condition: Callable[[], bool]) -> None:
        """Wait for the thread that reads."""
        with self.changed:
            self.changed.wait_for(lambda: condition() or self.closed or self.stopping.is_set())
            if not condition():
                raise ConnectionError("closed")

    def end(self, *, reset: bool = False) -> None:
        """Close from this side."""
        if reset:
            linger = struct.pack("ii", 1, 0)
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.sock.close()
        else:
            with contextlib.suppress(OSError):
                self.sock.shutdown(socket.SHUT_RDWR)
        with self.changed:
            self.closed = True
            self.changed.notify_all()

    def serve(self, settings: Mapping[int, int]) -> None:
        """Read until the end."""
        while len(self._buffer) < len(frames.PREFACE):
            if not self._fill():
                return
        assert self._buffer.startswith(frames.PREFACE), bytes(self._buffer)
        del self._buffer[: len(frames.PREFACE)]
        self.send(frames.settings(settings))
        while self.pump() is not None:
            pass


@dataclass
class _Http1Request:
    """A request on a connection for which ALPN chose HTTP/1."""

    data: bytes = b""
    heads: list[bytes] = field(default_factory=list)


class Http2Upstream:
    """A threaded server on a loopback port.

    Each stream is answered by the next of `scripts`; the last one (default: 200 "ok") answers all that
    follow. With `tls` it speaks TLS; where ALPN does not choose h2, every request is answered with
    `HTTP1_ANSWER`. `on_connect` takes over a connection before the preface is read.
    """

    def __init__(
        self,
        *scripts: Script,
        tls: ssl.SSLContext | None = None,
        settings: Mapping[int, int] | None = None,
        auto_window: bool = True,
        on_connect: Callable[[ServerPeer], None] | None = None,
    ) -> None:
        self.tls, self.settings, self.auto_window = tls, dict(settings or {}), auto_window
        self.on_connect = on_connect
        self.connections: list[ServerPeer] = []
        self.http1: list[_Http1Request] = []
        self.accepted = 0
        self.errors: list[BaseException] = []
        self.most_at_once = 0
        """Streams that were open at the same time on one connection, at the most."""
        self.stopping = threading.Event()
        self._scripts: Sequence[Script] = scripts or (reply(),)
        self._next = 0
        self._lock = threading.RLock()
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self.port}"
        self._spawn(self._accept)

    def __enter__(self) -> Http2Upstream:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def requests(self) -> list[Http2Request]:
        """All requests, connection by connection."""
        with self._lock:
            return [request for peer in self.connections for request in peer.requests]

    @property
    def last(self) -> Http2Request:
        """The newest request of the newest connection."""
        return self.requests[-1]

    def answer(self, *scripts: Script) -> None:
        """Replace the scripts from here on."""
        with self._lock:
            self._scripts, self._next = scripts or (reply(),), 0

    def clear(self) -> None:
        """Forget the requests so far; connections stay."""
        with self._lock:
            for peer in self.connections:
                peer.requests = []
            self.connections = [peer for peer in self.connections if peer.ended == "open"]
            self.most_at_once = 0

    def close_all(self) -> None:
        """End every connection from this side."""
        with self._lock:
            peers = list(self.connections)
        for peer in peers:
            peer.end()

    def stop(self) -> None:
        """Close everything and wait for the threads."""
        self.stopping.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.close_all()
        for thread in self._threads:
            thread.join(5)

    def arrived(self, peer: ServerPeer, request: Http2Request) -> None:
        """Play the next script for a request."""
        with self._lock:
            script = self._scripts[min(self._next, len(self._scripts) - 1)]
            self._next += 1
        self._spawn(self._play, script, ServerStream(peer, request))

    def _play(self, script: Script, stream: ServerStream) -> None:
        open_now = sum(not request.answered for request in stream.peer.requests)
        self.most_at_once = max(self.most_at_once, open_now)
        try:
            script(stream)
        except OSError:
            pass
        except Exception as error:  # noqa: BLE001
            self.errors.append(error)
        finally:
            stream.request.answered = True

    def _spawn(self, run: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=run, args=args, daemon=True)
        with self._lock:
            self._threads = [t for t in self._threads if t.is_alive()] + [thread]
            thread.start()

    def _accept(self) -> None:
        while not self.stopping.is_set():
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self._spawn(self._serve, sock)

    def _serve(self, plain: socket.socket) -> None:
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock: socket.socket | TlsSocket = plain
        try:
            if self.tls is not None:
                sock = TlsSocket(plain, self.tls)
        except (OSError, ssl.SSLError):
            plain.close()
            return
        with self._lock:
            peer = ServerPeer(self, sock, self.accepted)
            peer.auto_window = self.auto_window
            self.accepted += 1
        try:
            if isinstance(sock, TlsSocket) and sock.protocol != "h2":
                self._serve_http1(sock)
                return
            with self._lock:
                self.connections.append(peer)
            if self.on_connect is not None:
                self.on_connect(peer)
            else:
                peer.serve(self.settings)
            peer.ended = "closed"
        except ConnectionResetError:
            peer.ended = "reset"
        except OSError:
            peer.ended = "closed"
        finally:
            with peer.changed:
                peer.closed = True
                peer.changed.notify_all()
            sock.close()

    def _serve_http1(self, sock: TlsSocket) -> None:
        record = _Http1Request()
        self.http1.append(record)
        while data := sock.recv(65_536):
            record.data += data
            while b"\r\n\r\n" in record.data:
                head, _, record.data = record.data.partition(b"\r\n\r\n")
                record.heads.append(head)
                sock.sendall(HTTP1_ANSWER)
