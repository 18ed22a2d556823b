"""control as the supervisor sees it: a child that asks for sockets and is told of events."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

from frontdesk.control import link
from frontdesk.control.activation import Activated
from frontdesk.control.child import Child
from frontdesk.control.cpus import default_threads
from frontdesk.control.log import Log
from frontdesk.control.sockets import Address, BindError, SocketTable, listen_status
from frontdesk.control.store import Meta

if TYPE_CHECKING:
    from frontdesk.control.supervisor import Supervisor

log = Log("supervisor")

Answer = tuple[link.Message, list[int]]


class Office:
    """Starts control, restarts it when it ends, and answers its questions."""

    def __init__(self, supervisor: Supervisor, activated: Activated) -> None:
        self._boss = supervisor
        self._loop = supervisor.loop
        self._activated = activated
        self._child = Child("control", "frontdesk.control.main")
        self._link: socket.socket | None = None
        self._table: SocketTable | None = None
        self._shape = (0, 0)
        self._status: dict[Address, socket.socket] = {}
        self._then: Callable[[], None] | None = None
        self.has_verdict = False

    # -- the process -------------------------------------------------------------------------------

    def start_control(self, *, fresh: bool) -> None:
        """Start control; `fresh` when this is the start of the whole gateway."""
        ours, theirs = link.pair()
        ours.setblocking(False)
        statuses = {address: sock.fileno() for address, sock in self._status.items()}
        arguments = [
            "--link", str(theirs.fileno()),
            "--fresh", "1" if fresh else "0",
            *self._boss.options.arguments(),
        ]  # fmt: skip
        for (host, port), fd in list(statuses.items())[:1]:
            arguments += ["--status-fd", str(fd), "--status-host", host, "--status-port", str(port)]
        try:
            pidfd = self._child.start(arguments, [theirs.fileno(), *statuses.values()])
        except OSError as error:
            log.error("control cannot be started", error=str(error))
            self._loop.later(1.0, lambda: self.start_control(fresh=fresh))
            ours.close()
            return
        finally:
            theirs.close()
        self._link = ours
        self._loop.watch(pidfd, self._ended)
        self._loop.watch(ours.fileno(), self._readable)
        self.tell({"event": "workers", "workers": self._boss.fleet.describe()})

    def stop_control(self, then: Callable[[], None]) -> None:
        """End control and call `then`; it is killed when it does not end within 3 s."""
        if not self._child.running:
            then()
            return
        self._then = then
        self._child.kill(signal.SIGTERM)
        self._loop.later(3.0, lambda: self._child.kill(signal.SIGKILL))

    def _ended(self) -> None:
        assert self._child.pidfd is not None
        self._loop.forget(self._child.pidfd)
        how = self._child.reap()
        self._hang_up()
        if self._then is not None:
            self._then()
            return
        if self._boss.stopping:
            return
        pause = self._child.pause()
        log.error("control ended, starting another", how=how, after_seconds=pause)
        fresh = not self.has_verdict
        if pause == 0.0:
            self.start_control(fresh=fresh)
        else:
            self._loop.later(pause, lambda: self.start_control(fresh=fresh))

    # -- talking to it -----------------------------------------------------------------------------

    def tell(self, message: link.Message) -> None:
        """Tell control of an event; a control that is away asks for the state when it comes back."""
        if self._link is not None:
            with contextlib.suppress(link.LinkClosed):
                link.send(self._link, message)

    def _hang_up(self) -> None:
        if self._link is not None:
            self._loop.forget(self._link.fileno())
            self._link.close()
            self._link = None

    def _readable(self) -> None:
        """Answer everything that control has asked."""
        while self._link is not None:
            try:
                question, fds = link.receive(self._link)
            except BlockingIOError:
                return
            except link.LinkClosed:
                self._hang_up()
                return
            for fd in fds:
                os.close(fd)
            answer, passed = self._answer(question)
            with contextlib.suppress(link.LinkClosed):
                link.send(self._link, {"id": question["id"], **answer}, passed)

    def _answer(self, question: link.Message) -> Answer:
        operations: dict[str, Callable[[link.Message], Answer]] = {
            "shape": self._take_shape,
            "bind": self._bind,
            "bind_status": self._bind_status,
            "keep": self._keep,
            "verdict": self._verdict,
            "reloading": self._reloading,
            "ready": self._ready,
        }
        try:
            return operations[question["op"]](question)
        except BindError as error:
            return {"error": str(error)}, []
        except (KeyError, TypeError, ValueError) as error:
            return {"error": f"not understood: {error!r}"}, []

    # -- what it asks ------------------------------------------------------------------------------

    def _take_shape(self, question: link.Message) -> Answer:
        """Number of workers and threads: the first one counts until the gateway is started anew."""
        self._boss.drain_ms = int(question["drain_ms"])
        if self._table is None:
            self._set_shape(int(question["workers"]), question["threads"])
        workers, threads = self._shape
        return {"workers": workers, "threads": threads, "started": self._boss.started}, []

    def _set_shape(self, workers: int, threads: int | None) -> None:
        self._shape = (workers, threads or default_threads())
        self._table = SocketTable(*self._shape, self._activated)
        self._boss.fleet.shape(*self._shape, self._table)

    def _bind(self, question: link.Message) -> Answer:
        """Descriptors of a listener for one worker slot; binds the address if it is new."""
        if self._table is None:
            raise ValueError("bind before shape")
        if self._boss.stopping:
            raise BindError("the gateway is stopping")
        host, port = str(question["host"]), int(question["port"])
        self._table.bind(str(question["name"]), host, port)
        return {}, self._table.slot(host, port, int(question["slot"]))

    def _bind_status(self, question: link.Message) -> Answer:
        address = (str(question["host"]), int(question["port"]))
        if address not in self._status:
            self._status[address] = listen_status(*address)
        return {}, [self._status[address].fileno()]

    def _keep(self, question: link.Message) -> Answer:
        """A configuration is in force: keep its sockets, close all others."""
        if self._table is None:
            raise ValueError("keep before shape")
        listeners = {name: (host, port) for name, (host, port) in question["listeners"].items()}
        self._table.keep(set(listeners.values()))
        self._boss.fleet.serve(listeners)
        status = question["status"]
        for address in list(self._status):
            if status is None or address != tuple(status):
                self._status.pop(address).close()
        return {}, []

    def adopt(self, meta: Meta) -> None:
        """Bind what the last good configuration needs, without control."""
        if self._table is None:
            self._set_shape(meta.workers, meta.threads)
        assert self._table is not None
        bound = {}
        for name, address in meta.listeners.items():
            try:
                self._table.bind(name, *address)
                bound[name] = address
            except BindError as error:
                log.error(str(error))
        self._boss.fleet.serve(bound)

    def _verdict(self, question: link.Message) -> Answer:
        """The outcome of a fresh start."""
        self.has_verdict = True
        if not question["serving"]:
            self._loop.later(0.0, self._boss.fail)
        return {}, []

    def _reloading(self, _: link.Message) -> Answer:
        self._boss.notifier.reloading()
        return {}, []

    def _ready(self, question: link.Message) -> Answer:
        """All workers serve, or a reload is over."""
        self._boss.notifier.ready(str(question["status"]))
        return {}, []

    def close_sockets(self) -> None:
        """Give up the listeners; the status page goes on until control ends."""
        if self._table is not None:
            self._table.close()
