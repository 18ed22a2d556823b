"""The row of reloads: a changed configuration with many routes, applied under load."""

from __future__ import annotations

import os
import signal
import time
from abc import ABC, abstractmethod
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from .contender import Contender, Record, Running
from .generators import OpenLoop, Plan, Timeline, run_open_loop
from .peers import Setting
from .process import Started, free_ports, status_of
from .run_context import Context, Result
from .stats import Summary
from .work import Work

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from .latency import Histogram

RATE = 5_000
BEFORE_SECONDS = 4.0
AFTER_SECONDS = 6.0
GIVE_UP_SECONDS = 20.0
AROUND_SECONDS = 1.0


class Reloadable(ABC):
    """A peer that can be given one route more while it runs."""

    label: str

    @abstractmethod
    def contender(self, work: Work) -> Contender:
        """The peer with the work."""

    @abstractmethod
    def render(self, setting: Setting) -> tuple[Path, str]:
        """Where the configuration is, and its text for the setting."""

    def signal(self, started: Started) -> None:
        """Tells the process to read its configuration again."""
        os.kill(started.process.pid, signal.SIGHUP)


@dataclass(frozen=True)
class Change:
    """When a reload was asked for and when its route answered, in Unix time."""

    begin: float
    end: float | None

    @property
    def seconds(self) -> float:
        """How long it took; endless when it did not happen."""
        return float("inf") if self.end is None else self.end - self.begin


def replace_file(path: Path, text: str) -> None:
    """Replaces a file in one step, as an editor or a deployment does."""
    fresh = path.with_suffix(".new")
    fresh.write_text(text)
    fresh.replace(path)


def measure(context: Context, peers: Sequence[Reloadable], routes: int) -> Result:
    """Failed requests and p99 latency around a reload, against p99 before and after."""
    notes = [f"{RATE:,} requests per second, {routes:,} routes and one more"]
    records = []
    for peer in peers:
        runs = []
        for number in range(context.effort.rounds):
            folder = context.folder / f"{peer.label}-{number}"
            folder.mkdir()
            runs.append(_round(context, peer, folder, routes))
            context.say(f"round {number + 1}: {peer.label} {runs[-1][0].seconds:.2f} s")
        records.append(_record(peer.label, runs))
    return Result(records, notes)


def _round(
    context: Context, peer: Reloadable, folder: Path, routes: int
) -> tuple[Change, Timeline]:
    work = Work(context.upstream[1024], routes)
    setting = Setting(work, free_ports(1)[0], folder)
    contender = peer.contender(work)
    with contender.peer.launch(setting).start() as started:
        running = Running(contender, started)
        run_open_loop(Plan(started.port, work.paths(), RATE, context.effort.warmup_seconds))
        seconds = BEFORE_SECONDS + AFTER_SECONDS
        more = replace(setting, work=replace(work, routes=routes + 1))
        path, text = peer.render(more)
        with OpenLoop(Plan(started.port, work.paths(), RATE, seconds)) as load, _out_of_the_way():
            time.sleep(BEFORE_SECONDS)
            replace_file(path, text)
            change = _reload(peer, running, f"{more.work.prefixes()[-1]}/item")
            return change, load.result()


@contextmanager
def _out_of_the_way() -> Iterator[None]:
    """Let this process have idle time only: who asks for the new route must not delay who is measured."""
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    try:
        yield
    finally:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


def _reload(peer: Reloadable, running: Running, probe: str) -> Change:
    begin = time.time()
    peer.signal(running.started)
    while time.time() - begin < GIVE_UP_SECONDS:
        if status_of(running.started.port, probe) == 200:
            return Change(begin, time.time())
        time.sleep(0.02)
    return Change(begin, None)


def _record(label: str, runs: Sequence[tuple[Change, Timeline]]) -> Record:
    near, far, ratios = [], [], []
    for change, timeline in runs:
        inside, outside = _split(change, timeline)
        near.append(inside.quantile(0.99))
        far.append(outside.quantile(0.99))
        ratios.append(near[-1] / far[-1])
    return {
        "name": label,
        "seconds": _median([change.seconds for change, _ in runs]),
        "failed": sum(timeline.failed for _, timeline in runs),
        "p99_normal_us": _median(far),
        "p99_reload_us": _median(near),
        "p99_ratio": _median(ratios),
    }


def _split(change: Change, timeline: Timeline) -> tuple[Histogram, Histogram]:
    begin = change.begin - AROUND_SECONDS
    end = (change.end or change.begin) + AROUND_SECONDS
    return timeline.between(begin, end), timeline.outside(begin, end)


def _median(values: Sequence[float]) -> float | None:
    summary = Summary.of(values)
    return summary.median if summary else None
