"""A worker process: the engine in one thread, orders from control in the main one.

It imports as little as it can: what it does not load cannot cost memory in every worker, nor fail at a
restart. It outlives control and serves for ever with what it was given last.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import socket
import sys
import threading
from collections.abc import Callable

from frontdesk.control import frames, options
from frontdesk.control.duty import Duty
from frontdesk.control.log import Log
from frontdesk.control.orphan import die_with_parent

PEER_TIMEOUT = 10.0
"""Seconds that one message from or to control may take."""


class Worker:
    """Waits for signals, orders and the end of the engine."""

    def __init__(self, duty: Duty, server: socket.socket, log: Log) -> None:
        self._duty, self._server, self._log = duty, server, log
        self._selector = selectors.DefaultSelector()
        self._woken, self._wake = socket.socketpair()
        self._stopping = False
        self._exit_code: int | None = None

    def run(self) -> int:
        """Work until the engine has ended; the exit code."""
        for end in (self._woken, self._wake):
            end.setblocking(False)
        signal.set_wakeup_fd(self._wake.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGQUIT, signal.SIGUSR1):
            signal.signal(number, lambda *_: None)
        # A terminal sends these to the whole group; the supervisor decides what they mean.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        self._selector.register(self._woken, selectors.EVENT_READ)
        self._selector.register(self._server, selectors.EVENT_READ)
        self._duty.when_engine_starts(self._start_engine)
        self._duty.start_from_last_good()
        while self._exit_code is None:
            for key, _ in self._selector.select():
                self._ready(key.fileobj)
        return self._exit_code

    def _ready(self, source: object) -> None:
        if source is self._woken:
            self._signals()
        elif source is self._server:
            client, _ = self._server.accept()
            client.settimeout(PEER_TIMEOUT)
            self._selector.register(client, selectors.EVENT_READ)
        elif isinstance(source, socket.socket):
            self._order(source)

    def _order(self, client: socket.socket) -> None:
        """Carry out one order; a peer that breaks the protocol is hung up on, nothing more."""
        try:
            frame = frames.receive(client)
            if frame is None:
                raise frames.FrameError("closed")
            frames.send(client, self._duty.carry_out(frame))
        except frames.FrameError as error:
            if str(error) != "closed":
                self._log.warning("hanging up on control", error=str(error))
            self._selector.unregister(client)
            client.close()

    def _signals(self) -> None:
        for number in set(os.read(self._woken.fileno(), 4096)):
            if number == signal.SIGUSR1:
                self._duty.reopen_logs()
            elif number == signal.SIGTERM:
                self._stop(self._duty.drain)
            elif number == signal.SIGQUIT:
                self._stop(self._duty.stop)
            elif number == 0:
                self._exit_code = 0 if self._stopping else 1

    def _stop(self, how: Callable[[], bool]) -> None:
        self._stopping = True
        if not how():
            self._exit_code = 0

    def _start_engine(self) -> None:
        threading.Thread(target=self._run_engine, name="engine", daemon=True).start()
        # What this thread does, such as building a configuration, stands behind the traffic. The engine's
        # threads come from the other one and keep the priority the process was given.
        thread = threading.get_native_id()
        nice = max(options.NICE, os.getpriority(os.PRIO_PROCESS, thread))
        os.setpriority(os.PRIO_PROCESS, thread, nice)

    def _run_engine(self) -> None:
        try:
            self._duty.run_engine()
        except Exception as error:  # noqa: BLE001 - whatever it is, the process must end and say so
            self._log.error("the engine failed", error=repr(error))
        # Byte 0 is no signal number: the main thread reads it as "the engine has ended".
        self._wake.send(b"\0")


def _listen(path: str) -> socket.socket:
    """The socket for orders, replacing one that a crashed worker has left."""
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    server.bind(path)
    os.chmod(path, 0o600)
    server.listen(16)
    return server


def main(argv: list[str] | None = None) -> int:
    """Entry point of the process."""
    arguments = sys.argv[1:] if argv is None else argv
    given = options.pairs(arguments)
    die_with_parent(int(given["--parent"]))
    run_options = options.RunOptions.parse(arguments)
    slot = int(given["--slot"])
    log = Log(f"worker {slot}")
    duty = Duty.from_arguments(given, run_options, log)
    server = _listen(str(run_options.places.worker_socket(slot)))
    return Worker(duty, server, log).run()


if __name__ == "__main__":
    sys.stdout.flush()
    code = main()
    # The interpreter's teardown would wait for nothing useful, and the engine has flushed its logs.
    os._exit(code)
