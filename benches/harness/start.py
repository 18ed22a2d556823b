"""Rows without load: the memory of an idle install, and the time to start with many routes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from .contender import Contender, Record, Running, all_running
from .generators import saturate
from .run_context import Context, Result
from .stats import Summary
from .usage import pss_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence

    import psutil

_SETTLE_SECONDS = 3.0


def measure_memory(context: Context, contenders: Sequence[Contender]) -> Result:
    """Memory of all processes of an install that has served some requests and is idle again."""
    notes: list[str] = []
    records: list[Record] = []
    for contender in contenders:
        with all_running([contender], context.folder, notes) as running:
            for one in running:
                port, paths = one.started.port, one.contender.work.paths()
                saturate(port, paths, context.effort.warmup_seconds, context.folder)
                time.sleep(_SETTLE_SECONDS)
                records.append(_memory(one))
                context.say(f"{contender.label}: {records[-1]['pss_bytes'] / 2**20:.1f} MiB")
    return Result(records, notes)


def measure_start(context: Context, contenders: Sequence[Contender]) -> Result:
    """Time from starting the program to its first answer on its last route."""
    notes: list[str] = []
    seconds: dict[str, list[float]] = {}
    for number in range(context.effort.rounds):
        # A folder for each round: no peer finds what it left there in the round before.
        folder = context.folder / str(number)
        for contender in contenders:
            with all_running([contender], folder, notes) as running:
                for one in running:
                    seconds.setdefault(contender.label, []).append(one.started.seconds_to_serve)
                    context.say(f"{contender.label}: {one.started.seconds_to_serve:.2f} s")
    records: list[Record] = []
    for label, values in seconds.items():
        summary = Summary.of(values)
        records.append({"name": label, "seconds": summary and summary.median})
    return Result(records, notes)


def _memory(one: Running) -> Record:
    parts = [(_role(process), pss_bytes([process.pid])) for process in one.started.tree()]
    return {
        "name": one.contender.label,
        "pss_bytes": sum(size for _, size in parts),
        "processes": len(parts),
        "parts": ", ".join(f"{role} {size / 2**20:.1f}" for role, size in parts),
    }


def _role(process: psutil.Process) -> str:
    """What tells the module of `python -m` from others of its package, else the program's name."""
    arguments = process.cmdline()
    if "-m" not in arguments[:-1]:
        return process.name()
    module = arguments[arguments.index("-m") + 1]
    return module.removesuffix(".main").rpartition(".")[2]
