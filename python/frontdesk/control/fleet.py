"""The worker processes: one per slot, replaced when they crash, on the same sockets."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from typing import Any

from frontdesk.control.child import Child
from frontdesk.control.log import Log
from frontdesk.control.loop import Loop
from frontdesk.control.options import RunOptions
from frontdesk.control.sockets import Address, SocketTable

log = Log("supervisor")


class Fleet:
    """Keeps the workers alive.

    Args:
        changed: called after each start and end of a worker.
        gone: called when the last worker has ended after `stop`.
    """

    def __init__(
        self,
        loop: Loop,
        options: RunOptions,
        changed: Callable[[], None],
        gone: Callable[[], None],
    ) -> None:
        self._loop, self._options = loop, options
        self._changed, self._gone = changed, gone
        self._workers: list[Child] = []
        self._threads: int | None = None
        self._table: SocketTable | None = None
        self._listeners: dict[str, Address] = {}
        self._stopping = False

    @property
    def any_running(self) -> bool:
        """Whether a worker process is left."""
        return any(worker.running for worker in self._workers)

    def describe(self) -> list[dict[str, Any]]:
        """Slots with pid (None between two lives), start time (Unix seconds) and number of restarts."""
        return [
            {"slot": slot, "pid": w.pid, "started": w.started, "restarts": max(0, w.starts - 1)}
            for slot, w in enumerate(self._workers)
        ]

    def start_one_early(self) -> None:
        """Start slot 0 while control still compiles: there is a worker in every configuration."""
        self._grow(1)

    def shape(self, workers: int, threads: int, table: SocketTable) -> None:
        """Set the number of processes and of their threads, once for the life of the gateway."""
        self._threads, self._table = threads, table
        self._grow(workers)

    def serve(self, listeners: dict[str, Address]) -> None:
        """From now on a replaced worker starts at once with these sockets and the last good snapshot."""
        self._listeners = listeners

    def restart_with_sockets(self) -> None:
        """Replace the workers that wait for control by ones that start from the last good snapshot."""
        self.signal_all(signal.SIGKILL)

    def signal_all(self, number: int) -> None:
        """Send a signal to every worker."""
        for worker in self._workers:
            worker.kill(number)

    def stop(self, number: int) -> None:
        """End the workers with a signal and start no new ones; `gone` is called after the last."""
        self._stopping = True
        self.signal_all(number)
        if not self.any_running:
            self._loop.later(0.0, self._gone)

    def _grow(self, count: int) -> None:
        for slot in range(len(self._workers), count):
            self._workers.append(Child(f"worker {slot}", "frontdesk.control.worker"))
            self._start(slot)

    def _start(self, slot: int) -> None:
        worker = self._workers[slot]
        if self._stopping or worker.running:
            return
        sockets = self._sockets(slot)
        arguments = [
            "--slot", str(slot),
            "--threads", str(self._threads or 0),
            "--listeners", json.dumps(sockets),
            *self._options.arguments(),
        ]  # fmt: skip
        try:
            pidfd = worker.start(arguments, [fd for _, fds in sockets.values() for fd in fds])
        except OSError as error:
            log.error(f"{worker.name} cannot be started", error=str(error))
            self._loop.later(1.0, lambda: self._start(slot))
            return
        self._loop.watch(pidfd, lambda: self._ended(slot))
        self._changed()

    def _sockets(self, slot: int) -> dict[str, tuple[Address, list[int]]]:
        """What the worker of a slot inherits: address and descriptors by listener name."""
        if self._table is None:
            return {}
        table = self._table
        return {n: (a, table.slot(*a, slot)) for n, a in self._listeners.items()}

    def _ended(self, slot: int) -> None:
        worker = self._workers[slot]
        assert worker.pidfd is not None
        self._loop.forget(worker.pidfd)
        how = worker.reap()
        if self._stopping:
            if not self.any_running:
                self._gone()
            return
        pause = worker.pause()
        log.error(f"{worker.name} ended, starting another", how=how, after_seconds=pause)
        if pause == 0.0:
            self._start(slot)
            return
        self._changed()
        self._loop.later(pause, lambda: self._start(slot))
