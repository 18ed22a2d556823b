"""One child process of the supervisor: start, watch, and start again with growing pauses."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterable

FIRST_PAUSE = 0.1
LONGEST_PAUSE = 5.0
STABLE_AFTER = 10.0
"""Seconds; a child that lived so long has its count of failures forgotten."""

_MANAGER_VARIABLES = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")
# What Python ignores or the supervisor handles must be at its default in a fresh child.
_DEFAULT_SIGNALS = (
    signal.SIGHUP,
    signal.SIGINT,
    signal.SIGQUIT,
    signal.SIGTERM,
    signal.SIGUSR1,
    signal.SIGPIPE,
)


class Child:
    """A slot for a process that runs a module of this package."""

    def __init__(self, name: str, module: str) -> None:
        self.name = name
        self.starts = 0
        self.started = 0.0
        self.pid: int | None = None
        self.pidfd: int | None = None
        self._module = module
        self._failures = 0
        self._since = 0.0

    @property
    def running(self) -> bool:
        """Whether there is a process."""
        return self.pid is not None

    def start(self, arguments: Iterable[str], fds: Iterable[int] = ()) -> int:
        """Start the process with these descriptors under their own numbers; its pidfd.

        `-P` keeps the working directory out of the import path: a `json.py` beside the user's
        configuration must not become part of the gateway.
        """
        command = [sys.executable, "-P", "-m", self._module, "--parent", str(os.getpid())]
        environ = {k: v for k, v in os.environ.items() if k not in _MANAGER_VARIABLES}
        passed = list(fds)
        for fd in passed:
            os.set_inheritable(fd, True)
        try:
            self.pid = os.posix_spawn(
                sys.executable, [*command, *arguments], environ,
                setsigmask=[], setsigdef=_DEFAULT_SIGNALS,
            )  # fmt: skip
        finally:
            for fd in passed:
                os.set_inheritable(fd, False)
        self.pidfd = os.pidfd_open(self.pid)
        self.starts += 1
        self.started, self._since = time.time(), time.monotonic()
        return self.pidfd

    def reap(self) -> str:
        """Collect the ended process; how it ended, for people ("exit code 1", "signal SIGKILL")."""
        assert self.pid is not None
        assert self.pidfd is not None
        _, status = os.waitpid(self.pid, 0)
        os.close(self.pidfd)
        self.pid = self.pidfd = None
        code = os.waitstatus_to_exitcode(status)
        return f"exit code {code}" if code >= 0 else f"signal {_signal_name(-code)}"

    def kill(self, number: int) -> None:
        """Send a signal, if there is a process to take it."""
        if self.pidfd is not None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self.pidfd, number)

    def pause(self) -> float:
        """Seconds to wait before the next start: none at first, then 0.1 s doubling up to 5 s."""
        if time.monotonic() - self._since > STABLE_AFTER:
            self._failures = 0
        self._failures += 1
        if self._failures == 1:
            return 0.0
        return min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(self._failures - 2, 10))


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)
