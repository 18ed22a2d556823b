"""TLS over a socket that one thread reads while others write, which `ssl.SSLSocket` does not promise."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading


class TlsSocket:
    """The few methods of a socket that the peers use."""

    def __init__(self, sock: socket.socket, context: ssl.SSLContext, *, name: str = "") -> None:
        self._sock = sock
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(
            self._in, self._out, server_side=not name, server_hostname=name or None
        )
        self._lock = threading.Lock()
        while True:
            try:
                self._tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                self._flush()
                self._feed()
        self._flush()

    @property
    def protocol(self) -> str | None:
        """What ALPN chose."""
        return self._tls.selected_alpn_protocol()

    def _flush(self) -> None:
        if data := self._out.read():
            self._sock.sendall(data)

    def _feed(self) -> None:
        data = self._sock.recv(65_536)
        with self._lock:
            if data:
                self._in.write(data)
            else:
                self._in.write_eof()

    def recv(self, size: int) -> bytes:
        """Up to so many bytes; none at the end, however it came."""
        while True:
            with self._lock:
                try:
                    return self._tls.read(size)
                except ssl.SSLWantReadError:
                    pass
                except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                    return b""
            self._feed()

    def sendall(self, data: bytes) -> None:
        """All of it."""
        with self._lock:
            view = memoryview(data)
            while view:
                view = view[self._tls.write(view) :]
            self._flush()

    def settimeout(self, seconds: float | None) -> None:
        """As of a socket."""
        self._sock.settimeout(seconds)

    def setsockopt(self, level: int, name: int, value: bytes) -> None:
        """As of a socket."""
        self._sock.setsockopt(level, name, value)

    def shutdown(self, how: int) -> None:
        """As of a socket, after saying goodbye."""
        with contextlib.suppress(ssl.SSLError, OSError), self._lock:
            self._tls.unwrap()
        with contextlib.suppress(OSError):
            self._flush()
        self._sock.shutdown(how)

    def close(self) -> None:
        """As of a socket."""
        self._sock.close()
