"""The workers as control sees them: who is there, what each runs, and how to give orders."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable
from typing import Any

from frontdesk.control import frames
from frontdesk.control.frames import Frame
from frontdesk.control.places import Places
from frontdesk.control.sockets import Address

ORDER_WITHIN = 60.0
"""Seconds for one order, building 100,000 routes included."""
REPORT_WITHIN = 10.0
"""Seconds for an answer that a worker has at hand."""
_RETRY = 0.02


class OrderFailed(Exception):
    """A worker refused or did not answer; `refused` tells which, `reason` is what it said."""

    def __init__(self, message: str, *, refused: bool, reason: str = "") -> None:
        super().__init__(message)
        self.refused, self.reason = refused, reason


class Member:
    """One worker slot. Orders are sent from threads, because they block; one at a time.

    Args:
        lost: called when the connection to a worker that may live has broken.
    """

    def __init__(self, slot: int, lost: Callable[[Member], None] = lambda _: None) -> None:
        self.slot = slot
        self._lost = lost
        self.pid: int | None = None
        self.started = 0.0
        self.restarts = 0
        self.hash = ""
        self.holds: dict[str, Address] = {}
        self._sock: socket.socket | None = None
        self._lock = asyncio.Lock()

    @property
    def joined(self) -> bool:
        """Whether there is a connection to the living worker."""
        return self._sock is not None

    async def join(self, places: Places, pid: int) -> bool:
        """Connect to the worker with this pid; false where it does not listen yet."""
        sock = await asyncio.to_thread(_connect, str(places.worker_socket(self.slot)))
        if sock is None:
            return False
        self.leave()
        self._sock = sock
        try:
            state = await self._order("hello", Frame({"op": "hello"}), REPORT_WITHIN)
        except OrderFailed:
            return False
        if state.header["pid"] != pid:
            self.leave()
            return False
        return True

    def leave(self) -> None:
        """Forget the connection."""
        if self._sock is not None:
            with contextlib.suppress(OSError):
                self._sock.shutdown(socket.SHUT_RDWR)
            self._sock.close()
        self._sock, self.hash, self.holds = None, "", {}

    async def order(
        self, op: str, payload: bytes = b"", fds: list[int] | None = None, **fields: Any
    ) -> Frame:
        """Give an order and return the answer.

        Raises:
            OrderFailed: the worker said no, is not there, or went away.
        """
        within = REPORT_WITHIN if op in ("stats", "metrics", "ping") else ORDER_WITHIN
        joined = self.joined
        try:
            return await self._order(op, Frame({"op": op, **fields}, payload, fds or []), within)
        except OrderFailed:
            if joined and not self.joined:
                self._lost(self)
            raise

    async def _order(self, op: str, order: Frame, within: float) -> Frame:
        async with self._lock:
            sock = self._sock
            if sock is None:
                raise OrderFailed(f"worker {self.slot} is not there", refused=False)
            try:
                answer = await asyncio.to_thread(_exchange, sock, order, within)
            except frames.TooLarge as error:
                raise OrderFailed(f"worker {self.slot}: {error}", refused=True) from error
            except frames.FrameError as error:
                if self._sock is sock:
                    self.leave()
                raise OrderFailed(f"worker {self.slot}: {op}: {error}", refused=False) from error
        if not answer.header.get("ok"):
            reason = str(answer.header["reason"])
            raise OrderFailed(f"worker {self.slot}: {reason}", refused=True, reason=reason)
        if "hash" in answer.header:
            self.hash = answer.header["hash"]
            self.holds = {n: (h, int(p)) for n, (h, p) in answer.header["holds"].items()}
        return answer


def _connect(path: str) -> socket.socket | None:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    sock.settimeout(ORDER_WITHIN)
    try:
        sock.connect(path)
    except OSError:
        sock.close()
        return None
    return sock


def _exchange(sock: socket.socket, order: Frame, within: float) -> Frame:
    sock.settimeout(within)
    frames.send(sock, order)
    answer = frames.receive(sock)
    if answer is None:
        raise frames.FrameError("it went away")
    return answer


class Crew:
    """All members, kept in step with what the supervisor tells."""

    def __init__(self, places: Places, joined: Callable[[Member], Awaitable[None]]) -> None:
        self.members: list[Member] = []
        self._places, self._joined = places, joined
        self._changed = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def present(self) -> list[Member]:
        """The members that are connected."""
        return [member for member in self.members if member.joined]

    def update(self, workers: list[dict[str, Any]]) -> None:
        """Take over the supervisor's list: leave the dead, join the new."""
        for slot in range(len(self.members), len(workers)):
            self.members.append(Member(slot, self._rejoin))
        for member, told in zip(self.members, workers, strict=False):
            member.started, member.restarts = told["started"], told["restarts"]
            if told["pid"] != member.pid:
                member.leave()
                member.pid = told["pid"]
                if member.pid is not None:
                    self._start(self._join(member, member.pid))

    def _rejoin(self, member: Member) -> None:
        """A connection broke, but the supervisor has not said that the worker is gone."""
        if member.pid is not None:
            self._start(self._join(member, member.pid))

    async def wait(self, *, all_of: int, within: float) -> bool:
        """Wait until so many members are there; whether they are."""
        deadline = asyncio.get_running_loop().time() + within
        while len(self.present) < all_of:
            left = deadline - asyncio.get_running_loop().time()
            if left <= 0:
                return False
            self._changed.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), min(left, 0.5))
        return True

    async def reports(self, what: str) -> list[tuple[Member, bytes]]:
        """`stats` or `metrics` of everyone who answers."""

        async def one(member: Member) -> tuple[Member, bytes] | None:
            try:
                return member, (await member.order(what)).payload
            except OrderFailed:
                return None

        answers = await asyncio.gather(*(one(member) for member in self.present))
        return [answer for answer in answers if answer is not None]

    async def _join(self, member: Member, pid: int) -> None:
        while member.pid == pid and not member.joined:
            if await member.join(self._places, pid):
                self._changed.set()
                await self._joined(member)
                return
            await asyncio.sleep(_RETRY)

    def _start(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
