"""Rates and percentiles from counters."""

from __future__ import annotations

from typing import Any

import pytest

from frontdesk.control.stats import percentile, rates, sample

BUCKETS = [1000, 2000, 4000]


def answer(at: float, *workers: tuple[list[int], list[int]]) -> dict[str, Any]:
    """What control tells: for each worker requests by class, and durations by bucket."""
    return {
        "at": at,
        "workers": [
            {
                "buckets_us": BUCKETS,
                "connections": {"open": 2},
                "routes": [
                    {
                        "route": "a",
                        "service": "s",
                        "requests": requests,
                        "in_flight": 1,
                        "duration": {"counts": counts, "sum_us": 0},
                    }
                ],
            }
            for requests, counts in workers
        ],
    }


def test_workers_are_added_and_rates_taken_over_the_interval() -> None:
    before = sample(answer(10.0, ([0, 5, 0, 0, 0], [5, 0, 0, 0])))
    after = sample(answer(12.0, ([0, 12, 0, 0, 1], [13, 0, 0, 0]), ([0, 2, 0, 0, 0], [0, 2, 0, 0])))
    (rate,) = rates(before, after)
    assert after.connections == 4
    assert (rate.route, rate.service, rate.in_flight) == ("a", "s", 2)
    assert rate.requests_per_second == 5.0
    assert rate.error_ratio == 0.1
    assert rate.p50_ms == pytest.approx(0.625)
    assert rate.p99_ms == pytest.approx(1.95)


def test_route_without_traffic() -> None:
    both = sample(answer(1.0, ([0, 5, 0, 0, 0], [5, 0, 0, 0])))
    (rate,) = rates(both, both)
    assert (rate.requests_per_second, rate.error_ratio, rate.p50_ms) == (0.0, 0.0, None)


def test_replaced_worker_gives_no_negative_rate() -> None:
    before = sample(answer(1.0, ([0, 500, 0, 0, 0], [500, 0, 0, 0])))
    after = sample(answer(2.0, ([0, 3, 0, 0, 0], [3, 0, 0, 0])))
    (rate,) = rates(before, after)
    assert rate.requests_per_second == 0.0


@pytest.mark.parametrize(
    ("counts", "share", "expected"),
    [
        ([0, 0, 0, 0], 0.5, None),
        ([10, 0, 0, 0], 0.5, 0.5),
        ([0, 10, 0, 0], 1.0, 2.0),
        ([1, 0, 0, 99], 0.99, 4.0),
        ([1, 1, 1, 1], 0.5, 2.0),
    ],
)
def test_percentile(counts: list[int], share: float, expected: float | None) -> None:
    assert percentile(counts, BUCKETS, share) == expected
