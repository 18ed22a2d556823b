"""Medians, spreads and the rules that make a round void."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

CONTROL_TOLERANCE = 0.10
GENERATOR_BOUND = 0.95


@dataclass(frozen=True)
class Summary:
    """The median of the rounds, and the smallest and largest of them."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Summary | None:
        """The summary of the values, None when there are none."""
        return cls(median(values), min(values), max(values)) if values else None

    @property
    def spread(self) -> float:
        """Half the range as a part of the median."""
        return (self.high - self.low) / 2 / self.median if self.median else 0.0


def steady_rounds(control: Sequence[float]) -> list[bool]:
    """For each round, whether its control is within 10 % of the control's median."""
    if not control:
        return []
    middle = median(control)
    return [abs(value - middle) <= CONTROL_TOLERANCE * middle for value in control]
