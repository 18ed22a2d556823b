"""CPU time and memory of a set of processes, from /proc."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def cpu_ns(pids: Iterable[int]) -> int:
    """CPU time of all live threads of the processes, in nanoseconds.

    `schedstat` has nanoseconds where `stat` has ticks of 10 ms.
    """
    return sum(_task_ns(task) for pid in pids for task in Path(f"/proc/{pid}/task").glob("*"))


def pss_bytes(pids: Iterable[int]) -> int:
    """Proportional set size of the processes: pages shared by several count in parts."""
    return sum(_rollup(pid).get("Pss", 0) for pid in pids)


def private_bytes(pids: Iterable[int]) -> int:
    """Memory of the processes that is backed by no file: heap, stacks, anonymous maps."""
    return sum(_rollup(pid).get("Pss_Anon", 0) for pid in pids)


def _task_ns(task: Path) -> int:
    try:
        return int((task / "schedstat").read_text().split()[0])
    except (FileNotFoundError, ProcessLookupError):
        return 0  # the thread ended between listing and reading


def _rollup(pid: int) -> dict[str, int]:
    fields = {}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        name, amount, _unit = line.split()
        fields[name.rstrip(":")] = int(amount) * 1024
    return fields
