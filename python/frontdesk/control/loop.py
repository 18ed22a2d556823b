"""The supervisor's event loop: descriptors, signals and timers, in one thread and without asyncio.

asyncio would double the memory of a process that does next to nothing.
"""

from __future__ import annotations

import contextlib
import heapq
import itertools
import os
import selectors
import signal
import socket
import time
from collections.abc import Callable

Callback = Callable[[], None]


class Timer:
    """A call in the future that can be taken back."""

    def __init__(self, call: Callback) -> None:
        self.call: Callback | None = call

    def cancel(self) -> None:
        """Never call it."""
        self.call = None


class Loop:
    """Runs callbacks until `stop`."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._timers: list[tuple[float, int, Timer]] = []
        self._order = itertools.count()
        self._signals: dict[int, Callback] = {}
        self._running = False
        self._woken, self._wake = socket.socketpair()
        for end in (self._woken, self._wake):
            end.setblocking(False)
        self.watch(self._woken.fileno(), self._dispatch_signals)
        signal.set_wakeup_fd(self._wake.fileno(), warn_on_full_buffer=False)

    def watch(self, fd: int, readable: Callback) -> None:
        """Call when a descriptor becomes readable."""
        self._selector.register(fd, selectors.EVENT_READ, readable)

    def forget(self, fd: int) -> None:
        """Stop watching a descriptor; to be called before it is closed."""
        with contextlib.suppress(KeyError):
            self._selector.unregister(fd)

    def on_signal(self, number: int, call: Callback) -> None:
        """Call from the loop (never from inside a handler) when a signal arrives."""
        self._signals[number] = call
        signal.signal(number, lambda *_: None)

    def later(self, seconds: float, call: Callback) -> Timer:
        """Call once after a delay."""
        timer = Timer(call)
        heapq.heappush(self._timers, (time.monotonic() + seconds, next(self._order), timer))
        return timer

    def stop(self) -> None:
        """Let `run` return after the current callback."""
        self._running = False

    def run(self) -> None:
        """Run until `stop`."""
        self._running = True
        while self._running:
            for key, _ in self._selector.select(self._until_next()):
                if self._running:
                    key.data()
            self._run_timers()

    def _until_next(self) -> float | None:
        if not self._timers:
            return None
        return max(0.0, self._timers[0][0] - time.monotonic())

    def _run_timers(self) -> None:
        while self._running and self._timers and self._timers[0][0] <= time.monotonic():
            _, _, timer = heapq.heappop(self._timers)
            if timer.call is not None:
                timer.call()

    def _dispatch_signals(self) -> None:
        try:
            numbers = os.read(self._woken.fileno(), 4096)
        except BlockingIOError:
            return
        for number in dict.fromkeys(numbers):
            if number in self._signals:
                self._signals[number]()
