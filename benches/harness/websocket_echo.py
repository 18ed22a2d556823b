"""A WebSocket server that echoes messages of one size: `websocket_echo.py PORT`.

It knows no more of WebSocket than the benchmark needs, so that it costs little: every message has `SIZE`
bytes and a mask of zeros, and any other request is answered with 200.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import sys

SIZE = 64
SENT = b"\x82" + bytes([0x80 | SIZE]) + b"\0\0\0\0" + b"x" * SIZE
"""A message as the client sends it."""
ECHOED = b"\x82" + bytes([SIZE]) + b"x" * SIZE
"""The same from the server."""
_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Echo(asyncio.Protocol):
    """One connection."""

    def __init__(self) -> None:
        self._head: bytes | None = b""
        self._waiting = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to write."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer the handshake, then as many messages as are whole."""
        if self._head is not None:
            self._head += data
            if b"\r\n\r\n" in self._head:
                self._answer(self._head)
            return
        whole, self._waiting = divmod(self._waiting + len(data), len(SENT))
        if whole:
            self._transport.write(ECHOED * whole)

    def _answer(self, head: bytes) -> None:
        _, found, rest = head.partition(b"ec-WebSocket-Key: ")
        if not found:
            self._head = b""
            self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            return
        key = rest.partition(b"\r\n")[0]
        accept = base64.b64encode(hashlib.sha1(key + _MAGIC).digest())
        self._head = None
        self._transport.write(
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
        )


async def main(port: int) -> None:
    """Serve for ever."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Echo, "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
