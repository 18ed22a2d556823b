"""The supervisor as control sees it: asked for sockets, listened to for events."""

from __future__ import annotations

import asyncio
import itertools
import os
import socket
from collections.abc import Callable
from typing import Any

from frontdesk.control import link


class BossRefused(Exception):
    """The supervisor cannot do what was asked; the message says why."""


class Boss:
    """One end of the link. `gone` is called when the supervisor has died."""

    def __init__(
        self,
        sock: socket.socket,
        on_event: Callable[[link.Message], None],
        gone: Callable[[], None],
    ) -> None:
        self._sock, self._on_event, self._gone = sock, on_event, gone
        self._ids = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[tuple[link.Message, list[int]]]] = {}
        sock.setblocking(False)
        asyncio.get_running_loop().add_reader(sock.fileno(), self._readable)

    async def ask(self, op: str, **fields: Any) -> tuple[link.Message, list[int]]:
        """Ask and wait for the answer; the caller closes its descriptors.

        Raises:
            BossRefused: it said no.
        """
        number = next(self._ids)
        future: asyncio.Future[tuple[link.Message, list[int]]]
        future = asyncio.get_running_loop().create_future()
        self._waiting[number] = future
        link.send(self._sock, {"id": number, "op": op, **fields})
        answer, fds = await future
        if "error" in answer:
            raise BossRefused(answer["error"])
        return answer, fds

    async def do(self, op: str, **fields: Any) -> link.Message:
        """Ask something that is answered without descriptors."""
        answer, fds = await self.ask(op, **fields)
        for fd in fds:
            os.close(fd)
        return answer

    def _readable(self) -> None:
        try:
            message, fds = link.receive(self._sock)
        except BlockingIOError:
            return
        except link.LinkClosed:
            asyncio.get_running_loop().remove_reader(self._sock.fileno())
            self._gone()
            return
        if "id" in message:
            self._waiting.pop(message["id"]).set_result((message, fds))
        else:
            self._on_event(message)
