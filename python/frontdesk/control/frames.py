"""Messages between control and a worker, over a Unix stream socket.

A frame is two 32-bit big-endian lengths, a JSON header and an opaque payload (a snapshot, stats, metrics:
kept out of the JSON so that megabytes are not escaped). Descriptors travel with the first byte (SCM_RIGHTS).
"""

from __future__ import annotations

import json
import os
import socket
import struct
from dataclasses import dataclass, field
from typing import Any

MAX_HEADER = 128 << 20
"""Certificates and keys travel here, so that they are never beside the snapshot on disk: 10,000 of 10 KiB."""
MAX_PAYLOAD = 256 << 20
# SCM_MAX_FD of the kernel, unix(7).
MAX_FDS = 253
_LENGTHS = struct.Struct(">II")


class TooLarge(ValueError):
    """A message is larger than the protocol allows; none of it was sent."""


class FrameError(Exception):
    """The peer is gone or does not speak this protocol."""


@dataclass(frozen=True)
class Frame:
    """One message. Received descriptors belong to the receiver, who closes them."""

    header: dict[str, Any]
    payload: bytes = b""
    fds: list[int] = field(default_factory=list)

    def close_fds(self) -> None:
        """Close what was received."""
        for fd in self.fds:
            os.close(fd)


def send(sock: socket.socket, frame: Frame) -> None:
    """Send a whole frame.

    Raises:
        FrameError: the peer is gone, or does not read within the socket's timeout.
        TooLarge: nothing was sent.
    """
    header = json.dumps(frame.header).encode()
    if len(frame.fds) > MAX_FDS:
        raise TooLarge(f"{len(frame.fds)} descriptors, and at most {MAX_FDS} can be passed")
    for what, size, limit in (
        ("certificates and keys", len(header), MAX_HEADER),
        ("snapshot", len(frame.payload), MAX_PAYLOAD),
    ):
        if size > limit:
            raise TooLarge(f"too large: {size:,} bytes of {what}, and at most {limit:,} are taken")
    lengths = _LENGTHS.pack(len(header), len(frame.payload))
    try:
        sent = socket.send_fds(sock, [lengths, header], frame.fds)
        sock.sendall((lengths + header)[sent:])
        sock.sendall(frame.payload)
    except OSError as error:
        raise FrameError(f"cannot send: {error}") from error


def receive(sock: socket.socket) -> Frame | None:
    """Receive a whole frame; None when the peer closed between two frames.

    Raises:
        FrameError: cut in the middle, too large, not JSON, or slower than the socket's timeout.
    """
    try:
        first, fds, flags, _ = socket.recv_fds(sock, _LENGTHS.size, MAX_FDS)
    except OSError as error:
        raise FrameError(f"cannot receive: {error}") from error
    if not first:
        return None
    try:
        if flags & socket.MSG_CTRUNC:
            raise FrameError("descriptors were lost: the limit of open files is too low")
        header_size, size = _LENGTHS.unpack(first + _exactly(sock, _LENGTHS.size - len(first)))
        if header_size > MAX_HEADER or size > MAX_PAYLOAD:
            raise FrameError(f"a frame of {header_size} + {size} bytes is over the limit")
        header = json.loads(_exactly(sock, header_size))
        if not isinstance(header, dict):
            raise FrameError("the header is not an object")
        return Frame(header, _exactly(sock, size), fds)
    except (FrameError, ValueError) as error:
        for fd in fds:
            os.close(fd)
        raise FrameError(str(error)) from error


def _exactly(sock: socket.socket, size: int) -> bytes:
    data = bytearray(size)
    view, at = memoryview(data), 0
    while at < size:
        try:
            count = sock.recv_into(view[at:], min(size - at, 1 << 20))
        except OSError as error:
            raise FrameError(f"cannot receive: {error}") from error
        if count == 0:
            raise FrameError("the peer closed in the middle of a message")
        at += count
    return bytes(data)
