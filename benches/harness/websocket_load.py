"""Messages over WebSockets, one in flight on each: `harness.websocket_load PORT PATH SECONDS CONNECTIONS`.

Prints how many were echoed, as JSON. A connection on which anything else comes counts as failed and is left.
"""

from __future__ import annotations

import json
import selectors
import socket
import sys
import time

from .websocket_echo import ECHOED, SENT


def opened(port: int, path: str) -> socket.socket:
    """A WebSocket that has been agreed on."""
    sock = socket.create_connection(("127.0.0.1", port), timeout=10)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.sendall(
        f"GET {path} HTTP/1.1\r\nHost: bench\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
    )
    head = b""
    while b"\r\n\r\n" not in head:
        part = sock.recv(4096)
        if not part:
            break
        head += part
    if not head.startswith(b"HTTP/1.1 101 "):
        raise ConnectionError(f"no WebSocket: {head[:100]!r}")
    return sock


def echoed(sock: socket.socket) -> bool:
    """Whether a message comes back."""
    try:
        sock.sendall(SENT)
        seen = b""
        while len(seen) < len(ECHOED):
            part = sock.recv(4096)
            if not part:
                return False
            seen += part
    except OSError:
        return False
    return seen == ECHOED


def main(port: int, path: str, seconds: float, count: int) -> None:
    """Open the connections, then send and count."""
    selector = selectors.DefaultSelector()
    failed = done = 0
    for _ in range(count):
        selector.register(opened(port, path), selectors.EVENT_READ)
    begin = time.monotonic()
    end = begin + seconds
    for key in selector.get_map().values():
        key.fileobj.sendall(SENT)
    while time.monotonic() < end and selector.get_map():
        for key, _ in selector.select(1.0):
            if key.fileobj.recv(4096) == ECHOED:
                done += 1
                key.fileobj.sendall(SENT)
            else:
                failed += 1
                selector.unregister(key.fileobj)
    spent = time.monotonic() - begin
    print(json.dumps({"requests": done, "seconds": spent, "failed": failed}))


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], float(sys.argv[3]), int(sys.argv[4]))
