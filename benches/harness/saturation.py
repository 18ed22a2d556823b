"""Rows of CPU time per request: all contenders under saturation, in turn, round by round."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from .contender import Contender, Record, Running, all_running
from .cores import LOAD_CORE, busy_ratio, core_times
from .generators import saturate
from .run_context import Context, Result
from .stats import GENERATOR_BOUND, Summary, steady_rounds
from .usage import cpu_ns, pss_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class Sample:
    """One contender in one round."""

    cpu_us: float
    beside_us: float  # the part of cpu_us outside the busiest process
    rps: float
    failed: int
    load_core_busy: float


def measure(context: Context, contenders: Sequence[Contender], control: str) -> Result:
    """CPU-µs of the gateway per request, as a ratio to the control's in the same round.

    The order turns round in every round, so that drift of the machine meets all alike.
    """
    notes: list[str] = []
    samples: dict[str, list[Sample]] = {}
    memory: dict[str, int] = {}
    with all_running(contenders, context.folder, notes) as running:
        for number in range(context.effort.rounds):
            for one in running if number % 2 == 0 else reversed(running):
                label = one.contender.label
                sample = _sample(context, one)
                samples.setdefault(label, []).append(sample)
                context.say(f"round {number + 1}: {label} {sample.cpu_us:.1f} µs")
        for one in running:
            memory[one.contender.label] = pss_bytes(one.started.pids())
    return Result(_records(samples, memory, control, notes), notes)


def _sample(context: Context, running: Running) -> Sample:
    port, work = running.started.port, running.contender.work
    paths = work.paths()
    effort, folder = context.effort, context.folder
    saturate(port, paths, effort.warmup_seconds, folder, work.speaks)
    pids = running.started.pids()
    core, before = core_times(LOAD_CORE), {pid: cpu_ns([pid]) for pid in pids}
    seen = saturate(port, paths, effort.seconds, folder, work.speaks)
    spent = [cpu_ns([pid]) - before[pid] for pid in pids]
    busy = busy_ratio(core, core_times(LOAD_CORE))
    scale = 1000 * max(1, seen.requests)
    return Sample(
        cpu_us=sum(spent) / scale,
        beside_us=(sum(spent) - max(spent)) / scale,
        rps=seen.requests / seen.seconds,
        failed=seen.failed,
        load_core_busy=busy,
    )


def _records(
    samples: dict[str, list[Sample]], memory: dict[str, int], control: str, notes: list[str]
) -> list[Record]:
    control_cpu = [sample.cpu_us for sample in samples.get(control, [])]
    steady = steady_rounds(control_cpu)
    if steady.count(False):
        notes.append(f"{steady.count(False)} of {len(steady)} rounds void: the control moved")
    for label, rounds in samples.items():
        beside = median(sample.beside_us for sample in rounds)
        if beside >= 0.005:
            notes.append(f"{label}: {beside:.2f} µs outside its busiest process")
    return [
        _record(label, rounds, control_cpu, steady) | {"pss_bytes": memory[label]}
        for label, rounds in samples.items()
    ]


def _record(
    label: str, rounds: list[Sample], control_cpu: list[float], steady: list[bool]
) -> Record:
    valid = [
        index
        for index, sample in enumerate(rounds)
        if sample.failed == 0 and (not steady or steady[index])
    ]
    cpu = Summary.of([rounds[index].cpu_us for index in valid])
    ratio = Summary.of([rounds[i].cpu_us / control_cpu[i] for i in valid if control_cpu])
    rps = Summary.of([rounds[index].rps for index in valid])
    busy = Summary.of([sample.load_core_busy for sample in rounds])
    return {
        "name": label,
        "valid_rounds": len(valid),
        "rounds": len(rounds),
        "failed": sum(sample.failed for sample in rounds),
        "cpu_us": cpu and cpu.median,
        "cpu_spread": cpu and cpu.spread,
        "beside_us": median(sample.beside_us for sample in rounds),
        "ratio": ratio and ratio.median,
        "ratio_low": ratio and ratio.low,
        "ratio_high": ratio and ratio.high,
        "rps": rps and rps.median,
        "generator_bound": busy is not None and busy.median > GENERATOR_BOUND,
    }
