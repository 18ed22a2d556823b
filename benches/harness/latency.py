"""Latency distributions as loadgen reports them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterable


class Histogram:
    """Counts by latency in microseconds; `counts` is read only."""

    def __init__(self, counts: Counter[int]) -> None:
        self.counts = counts

    @classmethod
    def from_pairs(cls, pairs: Iterable[tuple[int, int]]) -> Self:
        """From pairs of latency and count."""
        return cls(Counter(dict(pairs)))

    @classmethod
    def merged(cls, parts: Iterable[Histogram]) -> Self:
        """The sum of several."""
        total: Counter[int] = Counter()
        for part in parts:
            total.update(part.counts)
        return cls(total)

    def __len__(self) -> int:
        return self.counts.total()

    def quantile(self, part: float) -> float:
        """The latency in microseconds that `part` (0 to 1) of the requests do not exceed.

        Raises:
            ValueError: there are no requests.
        """
        if not self.counts:
            raise ValueError("quantile of no requests")
        left = part * len(self)
        for latency, count in sorted(self.counts.items()):
            left -= count
            if left <= 0:
                return float(latency)
        return float(max(self.counts))
