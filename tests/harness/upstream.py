"""An upstream that records every byte it gets and answers with exactly what a test scripts."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Stall:
    """Send `first`, then nothing for `seconds` (or until the upstream stops), then go on."""

    seconds: float = 3600.0
    first: bytes = b""


@dataclass(frozen=True)
class Truncate:
    """Send these bytes and close the connection normally; with TLS, without `notify`, as an attacker who
    cuts the connection would: no close_notify."""

    data: bytes = b""
    notify: bool = True


@dataclass(frozen=True)
class Reset:
    """Send these bytes and reset the connection (SO_LINGER 0)."""

    data: bytes = b""


@dataclass(frozen=True)
class Drip:
    """Send the bytes in pieces of `size` with a pause in seconds after each."""

    data: bytes
    size: int = 1
    pause: float = 0.01


Step = bytes | Stall | Truncate | Reset | Drip
Script = Step | Iterable[Step]
Answer = Script | Callable[["RecordedRequest"], Script]


@dataclass
class RecordedRequest:
    """One request as it arrived: head and body bytes, parsed just enough to find its end."""

    head: bytes
    body: bytes
    complete: bool
    connection: int

    @property
    def method(self) -> str:
        """The method token."""
        return self.head.split(b" ", 1)[0].decode("latin-1")

    @property
    def target(self) -> str:
        """The request target as sent."""
        return self.head.split(b"\r\n", 1)[0].split(b" ")[1].decode("latin-1")

    @property
    def headers(self) -> list[tuple[str, str]]:
        """The fields, in order."""
        pairs = (line.split(b":", 1) for line in self.head.split(b"\r\n")[1:] if line)
        return [(n.decode("latin-1"), v.strip().decode("latin-1")) for n, v in pairs]

    def header(self, name: str) -> str | None:
        """First value of a field, by case-insensitive name."""
        return next((v for n, v in self.headers if n.lower() == name.lower()), None)

    def all(self, name: str) -> list[str]:
        """Every value of a field."""
        return [v for n, v in self.headers if n.lower() == name.lower()]


@dataclass
class RecordedConnection:
    """Every byte of one connection and how it ended: "open", "closed" or "reset" by the gateway."""

    number: int
    data: bytes = b""
    ended: str = "open"
    requests: list[RecordedRequest] = field(default_factory=list)
    resumed: bool = False
    certificate: dict[str, Any] = field(default_factory=dict)
    """The certificate that the gateway showed, empty without one."""


def ok(
    body: bytes = b"ok", headers: Iterable[tuple[str, str]] = (), status: str = "200 OK"
) -> bytes:
    """The bytes of a plain response with Content-Length."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


class RecordingUpstream:
    """A threaded raw-socket server on a loopback port.

    Each request is answered by the next of `answers`; the last one (default: 200 "ok") answers all that
    follow. An answer is bytes, a step (`Stall`, `Truncate`, `Reset`, `Drip`), a list of these, or a
    function of the `RecordedRequest` that gives one. With `early=True` the answer is sent as soon as
    the head is there, before the body is read. With `on_connect` a function takes over the
    socket of every connection after accept (for tunnels); bytes it reads are its own to record. With `tls`
    it speaks TLS; `names` holds the names that were asked for (SNI).
    """

    def __init__(
        self,
        *answers: Answer,
        early: bool = False,
        port: int = 0,
        on_connect: Callable[[socket.socket], None] | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.names: list[str | None] = []
        self._tls = tls
        if tls is not None:
            tls.sni_callback = lambda _, name, __: self.names.append(name)
        self.connections: list[RecordedConnection] = []
        self._answers: list[Answer] = list(answers) or [ok()]
        self._next = 0
        self._accepted = 0
        self._epoch = 0
        self._early = early
        self._on_connect = on_connect
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", port), backlog=1024)
        self.port: int = self._listener.getsockname()[1]
        self.url = f"{'http' if tls is None else 'https'}://127.0.0.1:{self.port}"
        self._spawn(self._accept)

    def __enter__(self) -> RecordingUpstream:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def requests(self) -> list[RecordedRequest]:
        """All requests of all connections, in the order of their heads' arrival."""
        with self._lock:
            return [r for c in self.connections for r in c.requests]

    @property
    def data(self) -> bytes:
        """Every byte of every connection, connection by connection."""
        with self._lock:
            return b"".join(c.data for c in self.connections)

    @property
    def last(self) -> RecordedRequest:
        """The newest request."""
        return self.requests[-1]

    def connection_of(self, request: RecordedRequest) -> RecordedConnection:
        """The connection on which a request came; its number is never given twice."""
        with self._lock:
            return next(c for c in self.connections if c.number == request.connection)

    def answer(self, *answers: Answer) -> None:
        """Replace the script from here on."""
        with self._lock:
            self._answers, self._next = list(answers), 0

    def clear(self) -> None:
        """Forget what was recorded; connections that are open go on being recorded anew."""
        with self._lock:
            for connection in self.connections:
                connection.data, connection.requests = b"", []
            self.connections = [c for c in self.connections if c.ended == "open"]

    def close_idle(self) -> None:
        """Close every open connection from this side, as a server that restarts does."""
        with self._lock:
            sockets = list(self._open)
            self._epoch += 1
        for sock in sockets:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def stop(self) -> None:
        """Close everything and wait for the threads."""
        self._stopping.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.close_idle()
        for thread in self._threads:
            thread.join(5)

    def _spawn(self, run: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=run, args=args, daemon=True)
        self._threads = [t for t in self._threads if t.is_alive()] + [thread]
        thread.start()

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls is not None:
                sock = self._tls.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
            with self._lock:
                record = RecordedConnection(self._accepted)
                self._accepted += 1
                self.connections.append(record)
                self._open.add(sock)
            self._spawn(self._serve, sock, record)

    def _serve(self, sock: socket.socket, record: RecordedConnection) -> None:
        try:
            if isinstance(sock, ssl.SSLSocket):
                sock.do_handshake()
                record.resumed = bool(sock.session_reused)
                record.certificate = dict(sock.getpeercert() or {})
            if self._on_connect is not None:
                self._on_connect(sock)
            else:
                self._exchange_all(sock, record)
        except (ConnectionResetError, BrokenPipeError):
            record.ended = "reset"
        except OSError:
            record.ended = "closed"
        finally:
            if record.ended == "open":
                record.ended = "closed"
            with self._lock:
                self._open.discard(sock)
            sock.close()

    def _exchange_all(self, sock: socket.socket, record: RecordedConnection) -> None:
        reader = _Reader(sock, record, self._lock)
        while (head := reader.head()) is not None:
            recorded = RecordedRequest(head, b"", False, record.number)
            with self._lock:
                record.requests.append(recorded)
            if not self._early:
                reader.body(recorded)
            if not self._play(sock, self._script(recorded)):
                return
            if self._early:
                reader.body(recorded)

    def _script(self, recorded: RecordedRequest) -> Iterable[Step]:
        with self._lock:
            answer = self._answers[min(self._next, len(self._answers) - 1)]
            self._next += 1
        script = answer(recorded) if callable(answer) else answer
        return [script] if isinstance(script, bytes | Stall | Truncate | Reset | Drip) else script

    def _stall(self, seconds: float) -> None:
        """Wait; `close_idle` and `stop` end it early."""
        epoch, until = self._epoch, time.monotonic() + seconds
        while epoch == self._epoch and time.monotonic() < until:
            if self._stopping.wait(0.02):
                return

    def _play(self, sock: socket.socket, steps: Iterable[Step]) -> bool:
        """Send one script; false when it ended the connection."""
        for step in steps:
            if isinstance(step, bytes):
                sock.sendall(step)
            elif isinstance(step, Stall):
                sock.sendall(step.first)
                self._stall(step.seconds)
            elif isinstance(step, Drip):
                for at in range(0, len(step.data), step.size):
                    sock.sendall(step.data[at : at + step.size])
                    time.sleep(step.pause)
            else:
                sock.sendall(step.data)
                if isinstance(step, Truncate) and step.notify and isinstance(sock, ssl.SSLSocket):
                    _say_the_end(sock)
                if isinstance(step, Reset):
                    linger = struct.pack("ii", 1, 0)
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                return False
        return True


def _say_the_end(sock: ssl.SSLSocket) -> None:
    """Send close_notify and wait for nothing."""
    sock.setblocking(False)
    with contextlib.suppress(OSError):
        sock.unwrap()


class _Reader:
    """Finds heads and bodies in a connection's bytes and records all of them."""

    def __init__(
        self, sock: socket.socket, record: RecordedConnection, lock: threading.Lock
    ) -> None:
        self._sock, self._record, self._lock = sock, record, lock
        self._buffer = b""

    def _fill(self) -> bool:
        data = self._sock.recv(65536)
        with self._lock:
            self._record.data += data
        self._buffer += data
        return bool(data)

    def head(self) -> bytes | None:
        """One request head with its empty line, or None at the end."""
        while b"\r\n\r\n" not in self._buffer:
            if not self._fill():
                return None
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        return head + b"\r\n\r\n"

    def body(self, recorded: RecordedRequest) -> None:
        """Read the body of `recorded`, decoding chunks; `complete` says whether it ended properly."""
        if (recorded.header("transfer-encoding") or "").lower() == "chunked":
            recorded.complete = self._chunks(recorded)
            return
        size = int(recorded.header("content-length") or 0)
        while len(self._buffer) < size and self._fill():
            pass
        recorded.body, self._buffer = self._buffer[:size], self._buffer[size:]
        recorded.complete = len(recorded.body) == size

    def _line(self) -> bytes | None:
        while b"\r\n" not in self._buffer:
            if not self._fill():
                return None
        line, _, self._buffer = self._buffer.partition(b"\r\n")
        return line

    def _chunks(self, recorded: RecordedRequest) -> bool:
        while (line := self._line()) is not None:
            size = int(line.split(b";")[0], 16)
            if size == 0:
                while line := self._line():
                    pass
                return line == b""
            while len(self._buffer) < size + 2:
                if not self._fill():
                    recorded.body += self._buffer[:size]
                    return False
            recorded.body += self._buffer[:size]
            self._buffer = self._buffer[size + 2 :]
        return False
