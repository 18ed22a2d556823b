"""Frames as bytes (RFC 9113 section 4.1), without any check of their sense."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEADER_SIZE = 9
MAX_FRAME = 16_384

END_STREAM = ACK = 0x1
END_HEADERS = 0x4
PADDED = 0x8
PRIORITY = 0x20


class Kind(IntEnum):
    """Frame types (RFC 9113 section 6)."""

    DATA = 0
    HEADERS = 1
    PRIORITY = 2
    RST_STREAM = 3
    SETTINGS = 4
    PUSH_PROMISE = 5
    PING = 6
    GOAWAY = 7
    WINDOW_UPDATE = 8
    CONTINUATION = 9


class Setting(IntEnum):
    """Settings (RFC 9113 section 6.5.2)."""

    HEADER_TABLE_SIZE = 1
    ENABLE_PUSH = 2
    MAX_CONCURRENT_STREAMS = 3
    INITIAL_WINDOW_SIZE = 4
    MAX_FRAME_SIZE = 5
    MAX_HEADER_LIST_SIZE = 6
    ENABLE_CONNECT_PROTOCOL = 8


class Code(IntEnum):
    """Error codes (RFC 9113 section 7)."""

    NO_ERROR = 0
    PROTOCOL_ERROR = 1
    INTERNAL_ERROR = 2
    FLOW_CONTROL_ERROR = 3
    STREAM_CLOSED = 5
    FRAME_SIZE_ERROR = 6
    REFUSED_STREAM = 7
    CANCEL = 8
    COMPRESSION_ERROR = 9
    ENHANCE_YOUR_CALM = 11
    HTTP_1_1_REQUIRED = 13


@dataclass(frozen=True)
class Frame:
    """One frame as it came."""

    kind: int
    flags: int
    stream: int
    payload: bytes

    @property
    def number(self) -> int:
        """The payload's last four bytes: the code of RST_STREAM, the increment of WINDOW_UPDATE."""
        return int.from_bytes(self.payload[-4:]) & 0x7FFFFFFF

    def content(self) -> bytes:
        """The payload of DATA or HEADERS without padding and priority."""
        payload = self.payload
        if self.flags & PADDED:
            payload = payload[1 : len(payload) - payload[0]]
        if self.kind == Kind.HEADERS and self.flags & PRIORITY:
            payload = payload[5:]
        return payload


def frame(
    kind: int, payload: bytes = b"", *, flags: int = 0, stream: int = 0, length: int | None = None
) -> bytes:
    """The bytes of a frame; `length` lies about the payload's size."""
    size = len(payload) if length is None else length
    return size.to_bytes(3) + struct.pack(">BBI", kind, flags, stream) + payload


def settings(values: Mapping[int, int] | None = None) -> bytes:
    """A SETTINGS frame."""
    pairs = (struct.pack(">HI", key, value) for key, value in (values or {}).items())
    return frame(Kind.SETTINGS, b"".join(pairs))


def rst(stream: int, code: int) -> bytes:
    """A RST_STREAM frame."""
    return frame(Kind.RST_STREAM, code.to_bytes(4), stream=stream)


def window_update(stream: int, increment: int) -> bytes:
    """A WINDOW_UPDATE frame."""
    return frame(Kind.WINDOW_UPDATE, increment.to_bytes(4), stream=stream)


def goaway(last: int, code: int = Code.NO_ERROR) -> bytes:
    """A GOAWAY frame."""
    return frame(Kind.GOAWAY, struct.pack(">II", last, code))


def header_frames(stream: int, block: bytes, *, end: bool, size: int = MAX_FRAME) -> bytes:
    """HEADERS and as many CONTINUATION frames as the block needs."""
    pieces = [block[at : at + size] for at in range(0, len(block), size)] or [b""]
    out = b""
    for number, piece in enumerate(pieces):
        flags = END_HEADERS if number == len(pieces) - 1 else 0
        kind = Kind.CONTINUATION
        if number == 0:
            kind, flags = Kind.HEADERS, flags | (END_STREAM if end else 0)
        out += frame(kind, piece, flags=flags, stream=stream)
    return out
