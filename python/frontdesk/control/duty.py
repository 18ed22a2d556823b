"""What a worker does on order: the engine and the circumstances it runs in."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from frontdesk.control import store
from frontdesk.control.frames import Frame
from frontdesk.control.log import Log
from frontdesk.control.options import RunOptions
from frontdesk.control.sockets import Address
from frontdesk.snapshot.references import Unresolvable, resolve

if TYPE_CHECKING:
    from frontdesk.engine import Engine

Inherited = dict[str, tuple[Address, list[int]]]


class Duty:
    """The engine of one worker. It is made with the first snapshot, which brings the number of threads."""

    def __init__(
        self, slot: int, threads: int, inherited: Inherited, options: RunOptions, log: Log
    ) -> None:
        self._slot, self._threads, self._inherited = slot, threads, inherited
        self._options, self._log = options, log
        self._engine: Engine | None = None
        self._engine_starts: Callable[[], None] = lambda: None
        self._started = time.time()
        self._hash = ""
        self._holds: dict[str, Address] = {}
        self._drain_ms = 30_000

    @classmethod
    def from_arguments(cls, given: dict[str, str], options: RunOptions, log: Log) -> Duty:
        """From the arguments that the supervisor gave."""
        inherited = {
            name: ((host, int(port)), [int(fd) for fd in fds])
            for name, ((host, port), fds) in json.loads(given["--listeners"]).items()
        }
        return cls(int(given["--slot"]), int(given["--threads"]), inherited, options, log)

    def when_engine_starts(self, call: Callable[[], None]) -> None:
        """Called once, when there is an engine to run."""
        self._engine_starts = call

    def start_from_last_good(self) -> None:
        """Serve at once with inherited sockets and the snapshot on disk, as a replaced worker does."""
        if not self._inherited:
            return
        try:
            found = store.load(self._options.places.last_good)
            if found is None:
                self._log.warning("no last good configuration, waiting for control")
                return
            meta, snapshot = found
            self._drain_ms = meta.drain_ms
            fds = {n: f for n, (a, f) in self._inherited.items() if meta.listeners.get(n) == a}
            secrets = resolve(meta.references)
            self._apply(snapshot, secrets, {n: (meta.listeners[n], f) for n, f in fds.items()})
        except (store.StoreError, Unresolvable, ValueError) as error:
            self._log.warning(
                "the last good configuration cannot be used, waiting for control", error=str(error)
            )
        else:
            self._log.info("serving the last good configuration", hash=self._hash)
        finally:
            for _, inherited in self._inherited.values():
                _close(inherited)

    def run_engine(self) -> None:
        """Serve until the end; blocks."""
        assert self._engine is not None
        self._engine.run()

    def drain(self) -> bool:
        """Begin to drain; false when there is nothing to drain."""
        if self._engine is None:
            return False
        self._engine.drain(self._drain_ms)
        return True

    def stop(self) -> bool:
        """End now; false when nothing runs."""
        if self._engine is None:
            return False
        self._engine.stop()
        return True

    def reopen_logs(self) -> None:
        """Open log files anew, after they were moved away."""
        if self._engine is not None:
            self._engine.reopen_logs()

    def carry_out(self, order: Frame) -> Frame:
        """One order from control, and its answer. Descriptors of the order are closed here."""
        orders: dict[str, Callable[[Frame], Frame]] = {
            "hello": lambda _: self._done(),
            "apply": self._order_apply,
            "stats": lambda _: self._report("stats"),
            "metrics": lambda _: self._report("metrics"),
            "drain": self._order_drain,
            "reopen": self._order_reopen,
            "ping": lambda _: self._done(),
        }
        try:
            return orders[order.header["op"]](order)
        except Exception as error:  # noqa: BLE001 - traffic must go on, whatever an order runs into
            # Most often EngineRefused: nothing changed, and control is told why.
            return Frame({"ok": False, "reason": str(error) or repr(error)})
        finally:
            order.close_fds()

    def _order_apply(self, order: Frame) -> Frame:
        header, fds = order.header, iter(order.fds)
        listeners = {
            name: ((host, int(port)), [next(fds) for _ in range(count)])
            for name, host, port, count in header["listeners"]
        }
        self._threads = self._threads or int(header["threads"])
        self._apply(order.payload, header["secrets"], listeners)
        self._holds = {name: (h, int(p)) for name, (h, p) in header["addresses"].items()}
        self._drain_ms = int(header["drain_ms"])
        return self._done()

    def _apply(self, snapshot: bytes, secrets: dict[str, str], listeners: Inherited) -> None:
        """Have the engine build and switch.

        Raises:
            EngineRefused: nothing changed.
        """
        first = self._engine is None
        if self._engine is None:
            from frontdesk.engine import Engine

            self._engine = Engine(self._threads)
        try:
            self._hash = self._engine.apply(
                snapshot, secrets, {name: fds for name, (_, fds) in listeners.items()}
            )
        except ValueError:
            if first:
                self._engine = None
            raise
        self._holds.update({name: address for name, (address, _) in listeners.items()})
        if first:
            self._engine_starts()

    def _order_drain(self, order: Frame) -> Frame:
        self._drain_ms = int(order.header.get("timeout_ms", self._drain_ms))
        self.drain()
        return self._done()

    def _order_reopen(self, _: Frame) -> Frame:
        self.reopen_logs()
        return self._done()

    def _report(self, what: str) -> Frame:
        if self._engine is None:
            return Frame({"ok": False, "reason": "no configuration yet"})
        report = self._engine.stats() if what == "stats" else self._engine.metrics().encode()
        return Frame({"ok": True}, report)

    def _done(self) -> Frame:
        state: dict[str, Any] = {
            "slot": self._slot,
            "pid": os.getpid(),
            "started": self._started,
            "hash": self._hash,
            "threads": self._threads,
            "holds": self._holds,
        }
        return Frame({"ok": True, **state})


def _close(fds: list[int]) -> None:
    for fd in fds:
        os.close(fd)
