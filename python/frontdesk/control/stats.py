"""Numbers of a moment from the counters of two: what `frontdesk top` shows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class RouteCounters:
    """Counters of one route, added up over workers. `classes` are 1xx to 5xx."""

    service: str = ""
    classes: list[int] = field(default_factory=lambda: [0] * 5)
    in_flight: int = 0
    durations: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class RouteRate:
    """A route over an interval. Latencies are in milliseconds, None where nothing was answered."""

    route: str
    service: str
    requests_per_second: float
    error_ratio: float
    p50_ms: float | None
    p99_ms: float | None
    in_flight: int


@dataclass(frozen=True)
class Sample:
    """The counters of all workers at one time (Unix seconds)."""

    at: float
    routes: dict[str, RouteCounters]
    buckets_us: list[int]
    connections: int


def sample(answer: dict[str, Any]) -> Sample:
    """Add the workers' statistics up."""
    routes: dict[str, RouteCounters] = {}
    buckets: list[int] = []
    connections = 0
    for worker in answer["workers"]:
        buckets = worker["buckets_us"]
        connections += worker["connections"]["open"]
        for told in worker["routes"]:
            _add(routes.setdefault(told["route"], RouteCounters(told["service"])), told)
    return Sample(answer["at"], routes, buckets, connections)


def _add(total: RouteCounters, told: dict[str, Any]) -> None:
    total.classes = [a + b for a, b in zip(total.classes, told["requests"], strict=True)]
    total.in_flight += told["in_flight"]
    counts = told["duration"]["counts"]
    before = total.durations or [0] * len(counts)
    total.durations = [a + b for a, b in zip(before, counts, strict=True)]


def rates(before: Sample, after: Sample) -> list[RouteRate]:
    """Every route between two samples, busiest first.

    A worker that was replaced in between counts from zero again; a difference below zero is shown as zero.
    """
    seconds = max(after.at - before.at, 1e-6)
    shown = []
    for name, now in after.routes.items():
        then = before.routes.get(name, RouteCounters())
        classes = _difference(now.classes, then.classes)
        durations = _difference(now.durations, then.durations)
        total = sum(classes)
        shown.append(
            RouteRate(
                route=name,
                service=now.service,
                requests_per_second=total / seconds,
                error_ratio=classes[4] / total if total else 0.0,
                p50_ms=percentile(durations, after.buckets_us, 0.50),
                p99_ms=percentile(durations, after.buckets_us, 0.99),
                in_flight=now.in_flight,
            )
        )
    return sorted(shown, key=lambda rate: (-rate.requests_per_second, rate.route))


def _difference(now: list[int], then: list[int]) -> list[int]:
    padded = then or [0] * len(now)
    return [max(0, a - b) for a, b in zip(now, padded, strict=True)]


def percentile(counts: list[int], buckets_us: list[int], share: float) -> float | None:
    """A percentile from a histogram, in milliseconds, interpolated inside its bucket.

    What lies above the last bound is shown as that bound.
    """
    wanted = sum(counts) * share
    if wanted == 0:
        return None
    seen, lower = 0.0, 0
    for count, upper in zip(counts, buckets_us, strict=False):
        if seen + count >= wanted:
            return (lower + (upper - lower) * (wanted - seen) / count) / 1000
        seen, lower = seen + count, upper
    return buckets_us[-1] / 1000
