"""Builders of bodies and of messages around them."""

from __future__ import annotations

import random

CHUNK = 40_000


def body_of(size: int) -> bytes:
    """Bytes without a pattern, the same on every run."""
    return random.Random(size).randbytes(size)


def as_chunks(body: bytes, size: int = CHUNK) -> bytes:
    """The chunked coding of a body."""
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def post(body: bytes, chunked: bool, path: str = "/x") -> bytes:
    """A POST of `body` in one of the two framings."""
    framing = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(body)}"
    head = f"POST {path} HTTP/1.1\r\nHost: a.test\r\n{framing}\r\n\r\n".encode()
    return head + (as_chunks(body) if chunked else body)


def chunked_ok(body: bytes) -> bytes:
    """A 200 response with a chunked body."""
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + as_chunks(body)
