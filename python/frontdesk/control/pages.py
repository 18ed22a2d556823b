"""What the status listener shows."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable

from frontdesk.control import exposition
from frontdesk.control.crew import Crew
from frontdesk.control.exposition import family
from frontdesk.control.reloader import Reloader
from frontdesk.control.report import Result
from frontdesk.control.status_page import Page

_METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Pages:
    """/healthz, /readyz and /metrics, from the state of control and its workers."""

    def __init__(self, reloader: Reloader, crew: Crew) -> None:
        self.draining = False
        self._reloader, self._crew = reloader, crew

    def table(self) -> dict[str, Callable[[], Awaitable[Page]]]:
        """The pages by path."""
        return {"/healthz": self.healthz, "/readyz": self.readyz, "/metrics": self.metrics}

    async def healthz(self) -> Page:
        """200 while control and at least one worker live."""
        alive = len(self._crew.present)
        if alive == 0:
            return _page(503, "failed", reason="no worker is running")
        return _page(200, "ok", workers=alive)

    async def readyz(self) -> Page:
        """200 when every worker slot serves the desired configuration; else the reason why not."""
        reason = self._not_ready()
        if reason:
            return _page(503, "not ready", reason=reason)
        desired = self._reloader.desired
        return _page(200, "ready", hash=desired.meta.hash if desired else "")

    def _not_ready(self) -> str:
        if self.draining:
            return "draining"
        if self._reloader.ready:
            return ""
        members = self._crew.members
        away = [str(m.slot) for m in members if not m.joined or not m.hash]
        if len(away) == len(members):
            return "no worker has a configuration yet"
        if away:
            return f"workers {', '.join(away)} of {len(members)} are not ready"
        return "workers are switching to another configuration"

    async def metrics(self) -> Page:
        """The workers' metrics added up, and control's own."""
        texts = [payload.decode() for _, payload in await self._crew.reports("metrics")]
        merged = exposition.merge(texts) if texts else ""
        return Page(200, (merged + self._own()).encode(), _METRICS_TYPE)

    def _own(self) -> str:
        reloader, members = self._reloader, self._crew.members
        desired, last = reloader.desired, reloader.last
        refused = last is not None and last.result is Result.refused
        counts = [({"result": str(r)}, float(n)) for r, n in reloader.counts.by_result.items()]
        restarts = float(sum(member.restarts for member in members))
        parts = [
            family(
                "frontdesk_config_reloads_total", "counter",
                "Reloads since control started, by result.", counts,
            ),
            family(
                "frontdesk_config_last_reload_successful", "gauge",
                "Whether the newest configuration could be read and put in force.",
                [({}, 0.0 if refused else 1.0)],
            ),
            family(
                "frontdesk_config_last_applied_timestamp_seconds", "gauge",
                "When the configuration in force was applied, Unix time.",
                [({}, desired.meta.applied_at if desired else 0.0)],
            ),
            family(
                "frontdesk_config_info", "gauge", "The configuration in force.",
                [({"hash": desired.meta.hash}, 1.0)] if desired else [],
            ),
            family(
                "frontdesk_workers_wanted", "gauge", "Worker slots.", [({}, float(len(members)))],
            ),
            family(
                "frontdesk_workers_up", "gauge", "Workers that answer.",
                [({}, float(len(self._crew.present)))],
            ),
            family(
                "frontdesk_worker_restarts_total", "counter",
                "Workers started in place of one that had ended.", [({}, restarts)],
            ),
        ]  # fmt: skip
        return "".join(parts)


def _page(code: int, status: str, **facts: object) -> Page:
    return Page(code, json.dumps({"status": status, **facts}).encode() + b"\n")
