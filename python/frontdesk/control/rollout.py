"""Gives one configuration to all workers, or to none of them."""

from __future__ import annotations

import os

from frontdesk.control.boss import Boss, BossRefused
from frontdesk.control.compiling import Compiled
from frontdesk.control.crew import Crew, Member, OrderFailed
from frontdesk.control.log import Log

log = Log("control")


class Refused(Exception):
    """The configuration cannot be put in force; what was in force before still is.

    Args:
        message: why.
        setting: the one to change (`listeners.web.address`), "" where none is to blame.
    """

    def __init__(self, message: str, setting: str = "") -> None:
        super().__init__(message)
        self.reasons = [(message, setting)]

    @classmethod
    def together(cls, several: list[Refused]) -> Refused:
        """Several refusals as one."""
        first, *others = several
        for other in others:
            first.reasons += other.reasons
        return first


class Rollout:
    """Applies configurations to members, with the sockets they need."""

    def __init__(self, boss: Boss, crew: Crew) -> None:
        self._boss, self._crew = boss, crew
        self.threads = 0

    async def bind(self, compiled: Compiled) -> None:
        """Have every address bound before anything changes.

        Raises:
            Refused: addresses are taken, not ours or not allowed.
        """
        refusals = []
        for name, (host, port) in compiled.meta.listeners.items():
            try:
                await self._boss.do("bind", name=name, host=host, port=port, slot=0)
            except BossRefused as error:
                refusals.append(Refused(str(error), f"listeners.{name}.address"))
        if refusals:
            raise Refused.together(refusals)

    async def everywhere(self, new: Compiled, old: Compiled | None) -> int:
        """Apply to all members; the number of those that did not run it already.

        Raises:
            Refused: one member refused or died; those that had switched were put back to `old`.
        """
        switched: list[Member] = []
        for member in self._crew.present:
            if runs(member, new):
                continue
            try:
                await self.apply(member, new)
                switched.append(member)
            except (OrderFailed, BossRefused) as error:
                await self._put_back(switched, old)
                said = error.reason if isinstance(error, OrderFailed) else ""
                setting, _, reason = said.partition(": ")
                if setting in new.places:
                    raise Refused(reason, setting) from error
                raise Refused(f"the engine refuses it: {error}") from error
        return len(switched)

    async def apply(self, member: Member, compiled: Compiled) -> None:
        """Apply to one member.

        Raises:
            OrderFailed: it refused, nothing changed there; or it is gone.
            BossRefused: its sockets are not to be had.
        """
        meta = compiled.meta
        listeners, passed = [], []
        try:
            for name, (host, port) in meta.listeners.items():
                if member.holds.get(name) == (host, port):
                    continue
                where = {"name": name, "host": host, "port": port}
                _, fds = await self._boss.ask("bind", **where, slot=member.slot)
                passed += fds
                listeners.append([name, host, port, len(fds)])
            await member.order(
                "apply",
                compiled.snapshot,
                passed,
                secrets=compiled.secrets,
                listeners=listeners,
                addresses=meta.listeners,
                threads=self.threads,
                drain_ms=meta.drain_ms,
            )
        finally:
            for fd in passed:
                os.close(fd)

    async def _put_back(self, switched: list[Member], old: Compiled | None) -> None:
        if old is None:
            return
        for member in switched:
            try:
                await self.apply(member, old)
            except (OrderFailed, BossRefused) as error:
                log.error("a worker cannot be put back", slot=member.slot, error=str(error))


def runs(member: Member, compiled: Compiled) -> bool:
    """Whether a member serves exactly this configuration."""
    return member.hash == compiled.meta.hash and member.holds == compiled.meta.listeners
