"""control: compiles configurations, gives them to the workers, and tells how things stand.

Nothing here is on the way of a request. It may crash at any time: the supervisor starts it again, and it
finds out what the workers run by asking them.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
import time
from typing import Any

from frontdesk.control import link, options
from frontdesk.control.boss import Boss, BossRefused
from frontdesk.control.crew import Crew
from frontdesk.control.desk import Desk
from frontdesk.control.log import Log
from frontdesk.control.orphan import die_with_parent
from frontdesk.control.pages import Pages
from frontdesk.control.reloader import Reloader
from frontdesk.control.rollout import Refused
from frontdesk.control.sockets import Address
from frontdesk.control.status_page import StatusPage
from frontdesk.control.watch import Watcher

log = Log("control")


class Control:
    """Ties the parts together."""

    def __init__(self, given: dict[str, str], run_options: options.RunOptions) -> None:
        self._options = run_options
        self._fresh = given["--fresh"] == "1"
        self._boss = Boss(socket.socket(fileno=int(given["--link"])), self._event, _exit)
        self._crew = Crew(run_options.places, self._joined)
        self._watcher = Watcher()
        self._reloader = Reloader(run_options, self._boss, self._crew, self._watcher, self._listen)
        self.pages = Pages(self._reloader, self._crew)
        self._page = StatusPage(self.pages.table())
        self._listening: Address | None = None
        self._inherited = given.get("--status-fd")
        if self._inherited is not None:
            self._listening = (given["--status-host"], int(given["--status-port"]))
        self._signals = asyncio.Queue[str]()

    async def run(self) -> None:
        """Serve until the supervisor ends it."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, _exit)
        desk = Desk({"reload": self._reload_command, "status": self.status, "stats": self.stats})
        # Before the status page can say that all is ready: whoever waits for that may ask here next.
        await desk.open(self._options.places.control_socket)
        await self._crew.wait(all_of=1, within=2.0)
        if self._inherited is not None:
            # The socket was left by a control that crashed; probes have queued in it since.
            await self._page.serve(socket.socket(fileno=int(self._inherited)))
        serving = await self._reloader.start(fresh=self._fresh)
        await self._boss.do("verdict", serving=serving)
        await self._reloader.announce()
        await asyncio.gather(self._follow_file(), self._follow_signals())

    async def _follow_file(self) -> None:
        while self._options.watch:
            await self._watcher.changed()
            await self._reloader.reload("file change")

    async def _follow_signals(self) -> None:
        while True:
            await self._reloader.reload(await self._signals.get())

    def _event(self, event: link.Message) -> None:
        """Something the supervisor tells."""
        if event["event"] == "workers":
            self._crew.update(event["workers"])
        elif event["event"] == "reload":
            self._signals.put_nowait("signal")
        elif event["event"] == "draining":
            self.pages.draining = True

    async def _joined(self, member: Any) -> None:
        await self._reloader.joined(member)

    async def _listen(self, address: Address | None) -> None:
        """Move the status page to another address.

        Raises:
            Refused: it cannot be bound; the page stays where it is.
        """
        if address == self._listening:
            return
        if address is None:
            await self._page.serve(None)
        else:
            host, port = address
            try:
                _, fds = await self._boss.ask("bind_status", host=host, port=port)
            except BossRefused as error:
                raise Refused(str(error), "observe.metrics.address") from error
            await self._page.serve(socket.socket(fileno=fds[0]))
        self._listening = address

    # -- what the commands ask ---------------------------------------------------------------------

    async def _reload_command(self) -> dict[str, Any]:
        return (await self._reloader.reload("command")).as_dict()

    async def status(self) -> dict[str, Any]:
        """Everything `frontdesk status` shows."""
        reloader = self._reloader
        desired, last = reloader.desired, reloader.last
        stats = {m.slot: json.loads(p) for m, p in await self._crew.reports("stats")}
        workers = [
            {
                "slot": m.slot,
                "pid": m.pid,
                "ready": m.joined and bool(m.hash),
                "hash": m.hash,
                "uptime_seconds": round(time.time() - m.started, 1) if m.pid else 0.0,
                "restarts": m.restarts,
                "threads": stats.get(m.slot, {}).get("threads", 0),
                "connections": stats.get(m.slot, {}).get("connections", {}),
                "in_flight": stats.get(m.slot, {}).get("in_flight", 0),
            }
            for m in self._crew.members
        ]
        return {
            "file": self._options.file,
            "ready": reloader.ready and not self.pages.draining,
            "draining": self.pages.draining,
            "uptime_seconds": round(time.time() - reloader.started, 1),
            "supervisor_pid": os.getppid(),
            "control_pid": os.getpid(),
            "hash": desired.meta.hash if desired else "",
            "applied_at": desired.meta.applied_at if desired else 0.0,
            "listeners": desired.meta.listeners if desired else {},
            "status_address": self._listening,
            "last_reload": last.as_dict() if last else None,
            "reloads": {str(k): v for k, v in reloader.counts.by_result.items()},
            "workers": workers,
        }

    async def stats(self) -> dict[str, Any]:
        """The statistics of every worker, for `frontdesk top`."""
        reports = await self._crew.reports("stats")
        return {"at": time.time(), "workers": [json.loads(payload) for _, payload in reports]}


def _exit() -> None:
    # Threads may wait for a worker or a compilation; nothing that control holds is worth waiting for.
    os._exit(0)


async def _main(given: dict[str, str], run_options: options.RunOptions) -> None:
    await Control(given, run_options).run()


def main(argv: list[str] | None = None) -> int:
    """Entry point of the process."""
    arguments = sys.argv[1:] if argv is None else argv
    given = options.pairs(arguments)
    die_with_parent(int(given["--parent"]))
    # Behind the traffic, but not so far that a probe goes unanswered on a busy machine.
    os.setpriority(os.PRIO_PROCESS, 0, max(options.NICE, os.getpriority(os.PRIO_PROCESS, 0)))
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)
    asyncio.run(_main(given, options.RunOptions.parse(arguments)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
