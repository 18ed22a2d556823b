"""Pauses between the starts of a process that keeps dying."""

from __future__ import annotations

import pytest

from frontdesk.control import child
from frontdesk.control.child import Child


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(child.time, "monotonic", clock.monotonic)
    return clock


def started(process: Child, clock: Clock) -> None:
    process._since = clock.now


def test_first_restart_is_immediate_then_pauses_double_up_to_five_seconds(clock: Clock) -> None:
    process = Child("worker", "module")
    started(process, clock)
    pauses = [process.pause() for _ in range(9)]
    assert pauses == [0.0, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]


def test_a_long_life_is_forgiven(clock: Clock) -> None:
    process = Child("worker", "module")
    started(process, clock)
    for _ in range(5):
        process.pause()
    clock.now += child.STABLE_AFTER + 1
    assert process.pause() == 0.0


def test_a_thousand_failures_overflow_nothing(clock: Clock) -> None:
    process = Child("worker", "module")
    started(process, clock)
    assert [process.pause() for _ in range(2000)][-1] == child.LONGEST_PAUSE
