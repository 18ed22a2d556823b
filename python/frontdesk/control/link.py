"""Messages between the supervisor and control: JSON over a SOCK_SEQPACKET pair.

One packet is one message, descriptors ride along with it (SCM_RIGHTS). control asks with an `id` and gets one
answer with the same `id`; the supervisor tells of events without being asked.
"""

from __future__ import annotations

import json
import os
import socket
from typing import Any

MAX_PACKET = 1 << 17
_MAX_FDS = 253

Message = dict[str, Any]


class LinkClosed(Exception):
    """The other side is gone."""


def pair() -> tuple[socket.socket, socket.socket]:
    """Both ends; neither is inherited unless asked for."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)
    for end in (ours, theirs):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * MAX_PACKET)
    return ours, theirs


def send(sock: socket.socket, message: Message, fds: list[int] | None = None) -> None:
    """Send one message.

    Raises:
        LinkClosed: the other side is gone or has stopped reading.
    """
    try:
        socket.send_fds(sock, [json.dumps(message).encode()], fds or [])
    except OSError as error:
        raise LinkClosed(str(error)) from error


def receive(sock: socket.socket) -> tuple[Message, list[int]]:
    """Receive one message and its descriptors, which the caller closes.

    Raises:
        LinkClosed: the other side is gone.
        BlockingIOError: nothing to read on a non-blocking socket.
    """
    try:
        data, fds, flags, _ = socket.recv_fds(sock, MAX_PACKET, _MAX_FDS)
    except BlockingIOError:
        raise
    except OSError as error:
        raise LinkClosed(str(error)) from error
    if not data or flags & (socket.MSG_CTRUNC | socket.MSG_TRUNC):
        for fd in fds:
            os.close(fd)
        raise LinkClosed("closed" if not data else "a message was cut")
    message: Message = json.loads(data)
    return message, fds
