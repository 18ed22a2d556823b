"""The supervisor: owns the sockets, starts and watches the other processes, and does nothing else.

It imports the standard library only and reads no configuration, so that it has no reason to fail. Started by
`frontdesk run`, which replaces itself by `python -m frontdesk.control.supervisor`.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import sys
import time
from pathlib import Path

from frontdesk.control import places, store
from frontdesk.control.activation import Activated
from frontdesk.control.fleet import Fleet
from frontdesk.control.log import Log
from frontdesk.control.loop import Loop
from frontdesk.control.notify import Notifier
from frontdesk.control.office import Office
from frontdesk.control.options import RunOptions

VERDICT_WITHIN = 10.0
"""Seconds that a fresh start waits for control before the last good configuration is served."""
GRACE = 5.0
"""Seconds on top of the drain time after which a worker that does not end is killed."""

log = Log("supervisor")


class Supervisor:
    """One running gateway."""

    def __init__(self, options: RunOptions) -> None:
        self.options = options
        self.loop = Loop()
        self.notifier = Notifier()
        self.started = time.time()
        self.drain_ms = 30_000
        self.exit_code = 0
        self.stopping = False
        self.fleet = Fleet(self.loop, options, self._workers_changed, self._workers_gone)
        self.office = Office(self, Activated())
        self._interrupts = 0

    def run(self) -> int:
        """Run until told to stop; the exit code."""
        self._install_signals()
        self._feed_watchdog()
        self.office.start_control(fresh=True)
        self.fleet.start_one_early()
        self.loop.later(VERDICT_WITHIN, self._fall_back)
        self.loop.run()
        return self.exit_code

    def _install_signals(self) -> None:
        on = self.loop.on_signal
        on(signal.SIGHUP, lambda: self.office.tell({"event": "reload"}))
        on(signal.SIGTERM, self.drain)
        on(signal.SIGINT, self._interrupted)
        on(signal.SIGQUIT, self.stop_now)
        on(signal.SIGUSR1, lambda: self.fleet.signal_all(signal.SIGUSR1))
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)

    def _interrupted(self) -> None:
        self._interrupts += 1
        if self._interrupts == 1:
            self.drain()
        else:
            self.stop_now()

    def _feed_watchdog(self) -> None:
        interval = self.notifier.watchdog_interval
        if interval is not None:
            self.notifier.alive()
            self.loop.later(interval, self._feed_watchdog)

    def _fall_back(self) -> None:
        """Serve the last good configuration where control has no verdict after a fresh start."""
        if self.office.has_verdict or self.stopping or not self.options.last_good:
            return
        try:
            found = store.load(self.options.places.last_good)
        except store.StoreError as error:
            log.error("the last good configuration cannot be read", error=str(error))
            return
        if found is None:
            log.warning("control gives no verdict and there is no last good configuration")
            return
        meta, _ = found
        log.warning("control gives no verdict, serving the last good configuration", hash=meta.hash)
        self.office.adopt(meta)
        self.fleet.restart_with_sockets()

    def _workers_changed(self) -> None:
        self.office.tell({"event": "workers", "workers": self.fleet.describe()})

    def drain(self) -> None:
        """Stop taking connections, let the workers finish what they have, then end."""
        if self.stopping:
            return
        self.stopping = True
        log.info("draining", within_seconds=self.drain_ms / 1000)
        self.notifier.stopping()
        self.office.tell({"event": "draining"})
        self.office.close_sockets()
        self.fleet.stop(signal.SIGTERM)
        self.loop.later(self.drain_ms / 1000 + GRACE, self._kill_workers)

    def stop_now(self) -> None:
        """End without waiting for requests in flight."""
        self.stopping = True
        log.info("stopping at once")
        self.notifier.stopping()
        self.office.close_sockets()
        self.fleet.stop(signal.SIGQUIT)
        self.loop.later(2.0, self._kill_workers)

    def fail(self) -> None:
        """End because there is nothing to serve; control has said why."""
        self.exit_code = 1
        self.stopping = True
        self.office.close_sockets()
        self.fleet.stop(signal.SIGKILL)

    def _kill_workers(self) -> None:
        if self.fleet.any_running:
            log.error("workers do not end, killing them")
            self.exit_code = 1
            self.fleet.signal_all(signal.SIGKILL)

    def _workers_gone(self) -> None:
        """All workers have ended while stopping: end control, which kept the status page up."""
        self.office.stop_control(then=self.loop.stop)


def main(argv: list[str] | None = None) -> int:
    """Entry point of the process."""
    options = RunOptions.parse(sys.argv[1:] if argv is None else argv)
    # Each open connection is a descriptor; the children inherit the raised limit.
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        _prepare(options)
    except places.PlaceError as error:
        log.error(str(error))
        return 1
    return Supervisor(options).run()


def _prepare(options: RunOptions) -> None:
    places.check_run_dir(options.places.run)
    places.make_private(options.places.run)
    places.hold(options.places.lock)
    try:
        places.make_private(options.places.state)
    except places.PlaceError as error:
        log.warning("no last good configuration will be kept", error=str(error))
    os.umask(0o077)
    if not Path(options.file).exists():
        log.warning("the configuration does not exist", file=options.file)


if __name__ == "__main__":
    sys.exit(main())
