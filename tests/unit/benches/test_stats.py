"""The arithmetic of the benchmark: quantiles, medians, void rounds."""

from __future__ import annotations

import pytest
from benches.harness.latency import Histogram
from benches.harness.stats import Summary, steady_rounds


def test_quantiles_name_the_latency_that_the_part_does_not_exceed() -> None:
    histogram = Histogram.from_pairs([(100, 98), (500, 1), (9_000, 1)])
    assert histogram.quantile(0.5) == 100
    assert histogram.quantile(0.99) == 500
    assert histogram.quantile(0.999) == 9_000


def test_merging_adds_counts() -> None:
    merged = Histogram.merged(
        [Histogram.from_pairs([(1, 2)]), Histogram.from_pairs([(1, 3), (7, 1)])]
    )
    assert len(merged) == 6
    assert merged.counts[1] == 5


def test_no_requests_have_no_quantile() -> None:
    with pytest.raises(ValueError, match="no requests"):
        Histogram.merged([]).quantile(0.5)


def test_a_summary_has_median_and_range() -> None:
    assert Summary.of([3.0, 1.0, 2.0]) == Summary(2.0, 1.0, 3.0)
    assert Summary.of([]) is None


def test_a_round_whose_control_moved_more_than_ten_percent_is_not_steady() -> None:
    assert steady_rounds([20.0, 20.0, 22.1, 17.9, 21.9]) == [True, True, False, False, True]
    assert steady_rounds([]) == []
