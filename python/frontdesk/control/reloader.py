"""From a file on disk to a configuration in force, and what to do when that fails."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import Awaitable, Callable

from frontdesk.control import store
from frontdesk.control.boss import Boss
from frontdesk.control.compiling import Compiled, Outcome, compile_in_child
from frontdesk.control.crew import Crew, Member, OrderFailed
from frontdesk.control.log import Log
from frontdesk.control.options import RunOptions
from frontdesk.control.report import Counts, Report, Result
from frontdesk.control.rollout import Refused, Rollout, runs
from frontdesk.control.sockets import Address
from frontdesk.control.watch import Watcher
from frontdesk.errors import ConfigError
from frontdesk.snapshot.references import Unresolvable, resolve

JOIN_WITHIN = 10.0
"""Seconds to wait for a first worker; for all of them at a fresh start it is half of that."""

log = Log("control")


class Reloader:
    """Holds the desired configuration and brings the workers to it.

    Args:
        status: makes the status page listen on an address (None: nowhere).
    """

    def __init__(
        self,
        options: RunOptions,
        boss: Boss,
        crew: Crew,
        watcher: Watcher,
        status: Callable[[Address | None], Awaitable[None]],
    ) -> None:
        self.desired: Compiled | None = None
        self.last: Report | None = None
        self.counts = Counts()
        self.started = 0.0
        self._options, self._boss, self._crew = options, boss, crew
        self._watcher, self._status = watcher, status
        self._rollout = Rollout(boss, crew)
        self._schema_hash = ""
        self._lock = asyncio.Lock()

    @property
    def ready(self) -> bool:
        """Whether every worker slot serves the desired configuration."""
        members, desired = self._crew.members, self.desired
        if not members:
            return False
        return all(m.joined and (m.hash if desired is None else runs(m, desired)) for m in members)

    async def start(self, *, fresh: bool) -> bool:
        """The first load; whether there is something to serve."""
        self._watcher.watch([self._options.file])
        if not fresh:
            await self._crew.wait(all_of=1, within=2.0)
        report = await self._load("start" if fresh else "control restart", count=False)
        if report.result is not Result.refused:
            return True
        async with self._lock:
            return await self._serve_last_good(report, fresh=fresh)

    async def reload(self, cause: str) -> Report:
        """Read the file again and put it in force; refused configurations change nothing."""
        await self._boss.do("reloading")
        try:
            return await self._load(cause, count=True)
        finally:
            await self.announce()

    async def announce(self) -> None:
        """Tell the service manager how things stand, once all workers serve."""
        if self.ready:
            await self._boss.do("ready", status=self._status_line())

    def _status_line(self) -> str:
        desired = self.desired.meta.hash if self.desired else "none"
        refused = self.last is not None and self.last.result is Result.refused
        note = "; the last reload was refused, see `frontdesk status`" if refused else ""
        return f"serving configuration {desired}{note}"

    async def joined(self, member: Member) -> None:
        """A worker came (back): bring it to the desired configuration."""
        async with self._lock:
            if self.desired is not None and not runs(member, self.desired):
                try:
                    await self._rollout.apply(member, self.desired)
                except OrderFailed as error:
                    log.error("a worker does not take the configuration", error=str(error))
        await self.announce()

    # -- loading -----------------------------------------------------------------------------------

    async def _load(self, cause: str, *, count: bool) -> Report:
        async with self._lock:
            begun = time.monotonic()
            self._watcher.mark()
            outcome = await asyncio.to_thread(
                compile_in_child, self._options.file, serving=self.desired is not None
            )
            self._watcher.watch(outcome.watched)
            self._schema_hash = outcome.schema_hash
            report = await self._judge(cause, outcome)
            seconds = round(time.monotonic() - begun, 3)
            self.last = dataclasses.replace(report, seconds=seconds)
            if count:
                self.counts.count(self.last)
            _tell(self.last)
            return self.last

    async def _judge(self, cause: str, outcome: Outcome) -> Report:
        in_force = self.desired.meta.hash if self.desired else ""
        if outcome.compiled is None:
            return Report(Result.refused, cause, in_force, errors=outcome.errors, text=outcome.text)
        try:
            return await self._put_in_force(cause, outcome.compiled)
        except Refused as error:
            whole = ConfigError(self._options.file, 0, 0, "", "")
            places = outcome.compiled.places
            said = [
                dataclasses.replace(places.get(setting, whole), message=message)
                for message, setting in error.reasons
            ]
            errors = [one.as_dict() for one in said]
            text = "\n".join(one.render() for one in said)
            return Report(Result.refused, cause, in_force, errors=errors, text=text)

    async def _put_in_force(self, cause: str, new: Compiled) -> Report:
        """Bind, roll out, commit.

        Raises:
            Refused: everything is as it was.
        """
        old = self.desired
        warnings = [*new.warnings, *await self._set_shape(new)]
        try:
            await self._rollout.bind(new)
            await self._status(new.meta.status)
            await self._wait_for_workers(first=old is None)
            switched = await self._rollout.everywhere(new, old)
        except Refused:
            if old is not None:
                await self._keep(old)
                await self._status(old.meta.status)
            raise
        await self._keep(new)
        same = switched == 0 and (old is None or old.meta.hash == new.meta.hash)
        self.desired = dataclasses.replace(
            new, meta=dataclasses.replace(new.meta, applied_at=self._applied_at(new, same))
        )
        if not same or old is None:
            warnings += await self._save(self.desired)
        result = Result.unchanged if same else Result.applied
        return Report(result, cause, new.meta.hash, warnings=warnings)

    async def _set_shape(self, new: Compiled) -> list[str]:
        """Workers and threads are set once; later wishes are warned about."""
        meta = new.meta
        wanted = {"workers": meta.workers, "threads": meta.threads}
        shape = await self._boss.do("shape", **wanted, drain_ms=meta.drain_ms)
        self._rollout.threads, self.started = shape["threads"], shape["started"]
        return [
            f"process.{name}: {value} takes effect at the next start; {shape[name]} now"
            for name, value in wanted.items()
            if value is not None and value != shape[name]
        ]

    async def _wait_for_workers(self, *, first: bool) -> None:
        if first:
            await self._crew.wait(all_of=len(self._crew.members), within=JOIN_WITHIN / 2)
        if not await self._crew.wait(all_of=1, within=JOIN_WITHIN):
            raise Refused(f"no worker answers within {JOIN_WITHIN:.0f} s")

    async def _keep(self, compiled: Compiled) -> None:
        meta = compiled.meta
        await self._boss.do("keep", listeners=meta.listeners, status=meta.status)

    def _applied_at(self, new: Compiled, same: bool) -> float:
        """Now, or for a configuration that runs already the time from memory or from disk."""
        if same and self.desired is not None:
            return self.desired.meta.applied_at
        if same:
            try:
                found = store.load(self._options.places.last_good)
            except store.StoreError:
                found = None
            if found is not None and found[0].hash == new.meta.hash:
                return found[0].applied_at
        return time.time()

    async def _save(self, compiled: Compiled) -> list[str]:
        path = self._options.places.last_good
        try:
            await asyncio.to_thread(store.save, path, compiled.meta, compiled.snapshot)
        except store.StoreError as error:
            return [f"the last good configuration cannot be kept: {error}"]
        return []

    # -- the last good configuration ---------------------------------------------------------------

    async def _serve_last_good(self, report: Report, *, fresh: bool) -> bool:
        """The current file is refused and nothing is in force: try what was good before.

        A restarted control only takes it over where the workers run it anyway.
        """
        found = self._load_last_good()
        if found is None:
            return not fresh
        if not fresh and any(m.hash != found.meta.hash for m in self._crew.present):
            return True
        try:
            await self._put_in_force("last good", found)
        except Refused as error:
            log.error("the last good configuration cannot be served either", error=str(error))
            return not fresh
        self.last = dataclasses.replace(report, hash=found.meta.hash)
        if fresh:
            log.warning(
                "THE CONFIGURATION IS REFUSED; SERVING THE PREVIOUS ONE",
                hash=found.meta.hash,
                file=self._options.file,
            )
        return True

    def _load_last_good(self) -> Compiled | None:
        if not self._options.last_good:
            return None
        try:
            found = store.load(self._options.places.last_good)
        except store.StoreError as error:
            log.error("the last good configuration cannot be read", error=str(error))
            return None
        if found is None:
            return None
        meta, snapshot = found
        if self._schema_hash not in ("", meta.schema_hash):
            log.error(
                "the last good configuration is of another version of Frontdesk and cannot be used",
                its_schema=meta.schema_hash,
                our_schema=self._schema_hash,
            )
            return None
        try:
            return Compiled(meta, snapshot, resolve(meta.references))
        except Unresolvable as error:
            log.error("the last good configuration cannot be used", error=str(error))
            return None


def _tell(report: Report) -> None:
    """Write a reload to the log."""
    facts = {"cause": report.cause, "hash": report.hash, "seconds": report.seconds}
    if report.result is Result.refused:
        log.error("configuration refused", detail=report.text, **facts)
    else:
        log.info(f"configuration {report.result}", **facts)
    for warning in report.warnings:
        log.warning(warning)
