"""Which core does what, and how busy it was."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

GATEWAY_CORE = 0
LOAD_CORE = 1

_IDLE_COLUMNS = (3, 4)  # idle and iowait, see proc(5)


def pinned(core: int, command: list[str]) -> list[str]:
    """The command, bound to one core together with all its children."""
    return ["taskset", "-c", str(core), *command]


@dataclass(frozen=True)
class CoreTimes:
    """Ticks of one core since boot."""

    total: int
    idle: int


def core_times(core: int) -> CoreTimes:
    """Reads the core's line of /proc/stat."""
    for line in Path("/proc/stat").read_text().splitlines():
        if line.startswith(f"cpu{core} "):
            ticks = [int(field) for field in line.split()[1:]]
            return CoreTimes(sum(ticks), sum(ticks[column] for column in _IDLE_COLUMNS))
    raise RuntimeError(f"core {core}: not in /proc/stat; the benchmark needs two cores")


def busy_ratio(before: CoreTimes, after: CoreTimes) -> float:
    """The part of the time between two readings in which the core worked, 0 to 1."""
    total = after.total - before.total
    return 1 - (after.idle - before.idle) / total if total else 0.0


def disturbance() -> float:
    """How busy the busier core is for a second in which nothing is measured, 0 to 1."""
    cores = (GATEWAY_CORE, LOAD_CORE)
    before = [core_times(core) for core in cores]
    time.sleep(1)
    return max(
        busy_ratio(earlier, core_times(core)) for core, earlier in zip(cores, before, strict=True)
    )
