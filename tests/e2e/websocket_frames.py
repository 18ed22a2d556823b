"""WebSocket handshakes and frames as bytes (RFC 6455)."""

from __future__ import annotations

import struct

ACCEPT = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
UPGRADE = (
    b"GET /chat HTTP/1.1\r\nHost: a.test\r\nConnection: keep-alive, Upgrade\r\n"
    b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: " + KEY + b"\r\n\r\n"
)
SWITCH = (
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Accept: " + ACCEPT + b"\r\n\r\n"
)
PING = b"\x89\x00"


def message(payload: bytes, *, masked: bool = False, opcode: int = 2, last: bool = True) -> bytes:
    """One frame. Masked with zeros, so that the payload can be read in what arrives."""
    size = len(payload)
    head = bytes([opcode | (0x80 if last else 0)])
    mask = 0x80 if masked else 0
    if size < 126:
        head += bytes([mask | size])
    elif size < 65_536:
        head += bytes([mask | 126]) + struct.pack("!H", size)
    else:
        head += bytes([mask | 127]) + struct.pack("!Q", size)
    return head + (b"\0\0\0\0" if masked else b"") + payload


def closing(code: int, *, masked: bool = False) -> bytes:
    """A close frame."""
    return message(struct.pack("!H", code), masked=masked, opcode=8)


def unmasked(frame: bytes) -> bytes:
    """A short masked frame without its mask."""
    assert frame[1] & 0x80
    key, payload = frame[2:6], frame[6:]
    plain = bytes(byte ^ key[at % 4] for at, byte in enumerate(payload))
    return bytes([frame[0], frame[1] & 0x7F]) + plain
