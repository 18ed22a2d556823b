"""The status listener: /healthz, /readyz and /metrics over a deliberately tiny HTTP/1.1.

It answers GET and HEAD, reads at most 8 KiB in 5 s, closes after each answer, and keeps a bounded number of
connections, of which the oldest must go, so that nothing sent to it can cost control more than that.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

HEAD_BYTES = 8 * 1024
TIMEOUT = 5.0
"""Seconds for a request to arrive, and again for the answer to be taken."""
MAX_CONNECTIONS = 64

_REQUEST_LINE = re.compile(rb"([A-Z]+) (/[!-~]*) HTTP/1\.[01]")
_FIELD = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t\x20-\x7e\x80-\xff]*")


@dataclass(frozen=True)
class Page:
    """One answer."""

    status: int
    body: bytes
    content_type: str = "application/json"


_REASONS = {
    200: "OK", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed",
    408: "Request Timeout", 431: "Request Header Fields Too Large",
    500: "Internal Server Error", 503: "Service Unavailable",
}  # fmt: skip

Pages = dict[str, Callable[[], Awaitable[Page]]]


class StatusPage:
    """Serves `pages` on one socket at a time."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages
        self._server: asyncio.Server | None = None
        self._open: dict[asyncio.StreamWriter, None] = {}

    async def serve(self, sock: socket.socket | None) -> None:
        """Serve on a listening socket from now on (None: not at all) and close the one before."""
        old, self._server = self._server, None
        if sock is not None:
            self._server = await asyncio.start_server(self._connection, sock=sock, limit=HEAD_BYTES)
        if old is not None:
            old.close()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._open) >= MAX_CONNECTIONS:
            oldest = next(iter(self._open))
            del self._open[oldest]
            oldest.transport.abort()
        self._open[writer] = None
        try:
            page, with_body = await self._exchange(reader)
            writer.write(_render(page, with_body=with_body))
            await asyncio.wait_for(writer.drain(), TIMEOUT)
        except (OSError, TimeoutError):
            writer.transport.abort()
        finally:
            self._open.pop(writer, None)
            with contextlib.suppress(OSError):
                writer.close()

    async def _exchange(self, reader: asyncio.StreamReader) -> tuple[Page, bool]:
        try:
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), TIMEOUT)
        except asyncio.LimitOverrunError:
            return _error(431, f"the head is larger than {HEAD_BYTES} bytes"), True
        except (asyncio.IncompleteReadError, TimeoutError):
            return _error(408, f"no complete head within {TIMEOUT:.0f} s"), True
        first, *fields = head[:-4].split(b"\r\n")
        line = _REQUEST_LINE.fullmatch(first)
        if line is None or not all(_FIELD.fullmatch(field) for field in fields):
            return _error(400, "not a valid HTTP/1.1 request"), True
        method, path = line[1].decode(), line[2].decode().partition("?")[0]
        if path not in self._pages:
            return _error(404, f"there are {', '.join(self._pages)}"), method != "HEAD"
        if method not in ("GET", "HEAD"):
            return _error(405, "only GET and HEAD"), True
        return await self._pages[path](), method != "HEAD"


def _error(status: int, detail: str) -> Page:
    title = _REASONS[status]
    body = f'{{"title": "{title}", "status": {status}, "detail": "{detail}"}}\n'
    return Page(status, body.encode(), "application/problem+json")


def _render(page: Page, *, with_body: bool) -> bytes:
    lines = [
        f"HTTP/1.1 {page.status} {_REASONS[page.status]}",
        f"Content-Type: {page.content_type}",
        f"Content-Length: {len(page.body)}",
        "Cache-Control: no-store",
        "Connection: close",
        *(["Allow: GET, HEAD"] if page.status == 405 else []),
    ]
    return "\r\n".join([*lines, "", ""]).encode() + (page.body if with_body else b"")
