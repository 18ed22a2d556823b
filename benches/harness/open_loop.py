"""Rows of latency: every contender at the same fixed rate, far from or near its limit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .contender import Contender, Record, all_running
from .generators import Plan, Timeline, run_open_loop, saturate
from .run_context import Context, Result
from .stats import Summary

if TYPE_CHECKING:
    from collections.abc import Sequence

QUANTILES = {"p50_us": 0.50, "p99_us": 0.99, "p999_us": 0.999}
DIRECT = "no gateway"
# Half of the requests waiting this long means that the rate is more than the peer can do.
OVERLOADED_US = 50_000


def measure(context: Context, contenders: Sequence[Contender], rate: int) -> Result:
    """Latency from the moment a request was due, at `rate` requests per second."""
    notes = [f"{rate:,} requests per second"]
    runs: dict[str, list[Timeline]] = {}
    with all_running(contenders, context.folder, notes) as running:
        targets = {
            one.contender.label: (one.started.port, one.contender.work.paths()) for one in running
        }
        targets[DIRECT] = (context.upstream[1024], ["/"])
        for number in range(context.effort.rounds):
            labels = list(targets)
            for label in labels if number % 2 == 0 else reversed(labels):
                port, paths = targets[label]
                run_open_loop(Plan(port, paths, rate, context.effort.warmup_seconds))
                seen = run_open_loop(Plan(port, paths, rate, context.effort.seconds))
                runs.setdefault(label, []).append(seen)
                context.say(f"round {number + 1}: {label} {_p99(seen)} at p99")
    return Result([_record(label, timelines) for label, timelines in runs.items()], notes)


def half_load(context: Context, control: Contender) -> int:
    """Half of the requests per second that the control reaches when saturated."""
    with all_running([control], context.folder, []) as (one,):
        paths = one.contender.work.paths()
        saturate(one.started.port, paths, context.effort.warmup_seconds, context.folder)
        seen = saturate(one.started.port, paths, context.effort.seconds, context.folder)
    return int(seen.requests / seen.seconds / 2) // 100 * 100


def _record(label: str, runs: Sequence[Timeline]) -> Record:
    failed = sum(run.failed for run in runs)
    totals = [run.total() for run in runs]
    medians = [total.quantile(0.5) for total in totals if len(total)]
    overloaded = not medians or max(medians) > OVERLOADED_US
    record: Record = {"name": label, "failed": failed, "rounds": len(runs)}
    record["overloaded"] = overloaded
    valid = [total for total, run in zip(totals, runs, strict=True) if run.failed == 0]
    for key, part in QUANTILES.items():
        summary = Summary.of([] if overloaded else [total.quantile(part) for total in valid])
        record[key] = summary and summary.median
        record[f"{key}_high"] = summary and summary.high
    return record


def _p99(seen: Timeline) -> str:
    total = seen.total()
    return f"{total.quantile(0.99):.0f} µs" if len(total) else "no answer"
