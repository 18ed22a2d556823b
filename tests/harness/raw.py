"""A client that sends exactly the bytes it is told to and reads answers without repairing them."""

from __future__ import annotations

import socket
import ssl
import struct
import time
from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Response:
    """One parsed response. `complete` is false when the connection ended before the framing did."""

    status: int
    reason: str
    headers: list[tuple[str, str]]
    body: bytes
    head: bytes
    complete: bool = True
    trailers: list[tuple[str, str]] = field(default_factory=list)
    chunked: bool = False

    def header(self, name: str) -> str | None:
        """First value of a field, by case-insensitive name."""
        return next((v for n, v in self.headers if n.lower() == name.lower()), None)

    def all(self, name: str) -> list[str]:
        """Every value of a field."""
        return [v for n, v in self.headers if n.lower() == name.lower()]


class Connection:
    """One client connection. Reading keeps surplus bytes for the next response.

    Args:
        tls: speak TLS with this context.
        server_name: the name to ask for and to verify, where the context does that.
        session: of an earlier connection with the same context, to resume.
        before: bytes to send before TLS begins.
    """

    def __init__(
        self,
        port: int,
        host: str = "127.0.0.1",
        timeout: float = 10.0,
        *,
        tls: ssl.SSLContext | None = None,
        server_name: str | None = None,
        session: ssl.SSLSession | None = None,
        before: bytes = b"",
    ) -> None:
        self.sock = socket.create_connection((host, port), timeout=timeout)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        self.closed = False
        self.cut = False
        """Whether the end was a reset or, with TLS, came without close_notify (RFC 8446 section 6.1)."""
        self.sock.sendall(before)
        if tls is not None:
            self._secure(tls, server_name or (host if tls.check_hostname else None), session)

    def _secure(
        self, tls: ssl.SSLContext, name: str | None, session: ssl.SSLSession | None
    ) -> None:
        plain = self.sock
        try:
            self.sock = tls.wrap_socket(
                plain, server_hostname=name, session=session, suppress_ragged_eofs=False
            )
        except BaseException:
            plain.close()
            raise

    @property
    def secured(self) -> ssl.SSLSocket:
        """The socket of a connection with TLS, for what was agreed on."""
        assert isinstance(self.sock, ssl.SSLSocket)
        return self.sock

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close normally."""
        self.sock.close()

    def reset(self) -> None:
        """Close with a TCP reset."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def send(self, data: bytes | Iterable[bytes], pause: float = 0.0) -> None:
        """Send bytes, or pieces with a pause (seconds) after each."""
        pieces = [data] if isinstance(data, bytes) else data
        for piece in pieces:
            self.sock.sendall(piece)
            if pause:
                time.sleep(pause)

    def request(
        self,
        method: str = "GET",
        target: str = "/",
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        host: str = "gateway.test",
    ) -> Response:
        """Send a plain, valid request and read its final answer."""
        self.send(build(method, target, headers, body, host))
        return self.response(method)

    def _fill(self) -> bool:
        """Read once more; false at the end of the stream (a reset counts as the end)."""
        if self.closed:
            return False
        try:
            data = self.sock.recv(65536)
        except (ConnectionResetError, BrokenPipeError, ssl.SSLEOFError):
            data = b""
            self.cut = True
        if not data:
            self.closed = True
            return False
        self.buffer += data
        return True

    def read_until_close(self) -> bytes:
        """Everything up to the end of the stream. Raises TimeoutError if it stays open."""
        pieces = []
        while self._fill():
            pieces.append(self.buffer)
            self.buffer = b""
        data, self.buffer = b"".join([*pieces, self.buffer]), b""
        return data

    def read_exactly(self, size: int) -> bytes:
        """Up to `size` bytes, fewer only at the end of the stream."""
        pieces, missing = [], size
        while len(self.buffer) < missing:
            missing -= len(self.buffer)
            pieces.append(self.buffer)
            self.buffer = b""
            if not self._fill():
                return b"".join(pieces)
        last, self.buffer = self.buffer[:missing], self.buffer[missing:]
        return b"".join([*pieces, last])

    def _read_line(self) -> bytes | None:
        while b"\r\n" not in self.buffer:
            if not self._fill():
                return None
        line, _, self.buffer = self.buffer.partition(b"\r\n")
        return line

    def read_head(self) -> bytes | None:
        """The bytes of one head with its empty line, or None at the end of the stream."""
        while b"\r\n\r\n" not in self.buffer:
            if not self._fill():
                return None
        head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
        return head + b"\r\n\r\n"

    def response(self, method: str = "GET", *, interim: bool = False) -> Response:
        """Read one response; interim (1xx but 101) answers are skipped unless asked for.

        Raises:
            ConnectionError: the stream ended before a complete head.
        """
        while True:
            head = self.read_head()
            if head is None:
                raise ConnectionError(f"closed without a response, got {self.buffer!r}")
            response = self._with_body(parse_head(head), method)
            if interim or response.status >= 200 or response.status == 101:
                return response

    def _with_body(self, head: Response, method: str) -> Response:
        """Read the body by the rules of RFC 9112 section 6.3."""
        if method == "HEAD" or head.status < 200 or head.status in (204, 304):
            return head
        if (head.header("transfer-encoding") or "").lower() == "chunked":
            return self._chunked(head)
        length = head.header("content-length")
        if length is None:
            body = self.read_until_close()
            return _replace(head, body, complete=True)
        body = self.read_exactly(int(length))
        return _replace(head, body, complete=len(body) == int(length))

    def _chunked(self, head: Response) -> Response:
        body = b""
        while True:
            line = self._read_line()
            if line is None:
                return _replace(head, body, complete=False, chunked=True)
            size = int(line.split(b";")[0], 16)
            if size == 0:
                break
            piece = self.read_exactly(size + 2)
            body += piece[:size]
            if len(piece) < size + 2:
                return _replace(head, body, complete=False, chunked=True)
        trailers = []
        while line := self._read_line():
            name, _, value = line.decode("latin-1").partition(":")
            trailers.append((name, value.strip()))
        return _replace(head, body, complete=line == b"", chunked=True, trailers=trailers)

    def is_closed(self, within: float = 5.0) -> bool:
        """Whether the peer closes (or resets) within some seconds, sending nothing more."""
        self.sock.settimeout(within)
        try:
            return not self._fill() and not self.buffer
        except TimeoutError:
            return False


def _replace(head: Response, body: bytes, **changes: object) -> Response:
    return Response(**{**head.__dict__, "body": body, **changes})


def parse_head(head: bytes) -> Response:
    """Parse a response head strictly enough for a test to trust it."""
    first, *lines = head[:-4].decode("latin-1").split("\r\n")
    version, status, reason = [*first.split(" ", 2), ""][:3]
    assert version in ("HTTP/1.1", "HTTP/1.0"), head
    headers = []
    for line in lines:
        name, colon, value = line.partition(":")
        assert colon and name and name == name.strip(), head
        headers.append((name, value.strip()))
    return Response(int(status), reason, headers, b"", head)


def build(
    method: str,
    target: str,
    headers: Iterable[tuple[str, str]] = (),
    body: bytes = b"",
    host: str = "gateway.test",
) -> bytes:
    """The bytes of a plain HTTP/1.1 request; Content-Length is added for a body."""
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}"]
    lines += [f"{name}: {value}" for name, value in headers]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def raw(
    port: int,
    data: bytes | Iterable[bytes],
    *,
    pause: float = 0.0,
    timeout: float = 10.0,
    half_close: bool = False,
    host: str = "127.0.0.1",
    tls: ssl.SSLContext | None = None,
    server_name: str | None = None,
) -> bytes:
    """Send bytes (in pieces, if given so), then read until the peer closes.

    A peer that closes while the bytes are still being sent is an answer too, not an error.
    """
    with Connection(port, host, timeout, tls=tls, server_name=server_name) as connection:
        try:
            connection.send(data, pause)
            if half_close:
                connection.sock.shutdown(socket.SHUT_WR)
        except (ConnectionResetError, BrokenPipeError, ssl.SSLEOFError):
            pass
        return connection.read_until_close()


def request(
    port: int,
    target: str = "/",
    method: str = "GET",
    headers: Iterable[tuple[str, str]] = (),
    body: bytes = b"",
    host: str = "gateway.test",
    timeout: float = 10.0,
    tls: ssl.SSLContext | None = None,
    server_name: str | None = None,
) -> Response:
    """One valid request on a connection of its own."""
    with Connection(port, timeout=timeout, tls=tls, server_name=server_name) as connection:
        return connection.request(method, target, headers, body, host)
