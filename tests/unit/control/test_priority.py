"""The compiler gets idle time first, but not for ever."""

from __future__ import annotations

import os
import sys

import pytest

from frontdesk.control import compiling

SAY_POLICY = (
    "import os, sys, time; time.sleep({wait}); sys.stdout.write(str(os.sched_getscheduler(0)))"
)


def said(wait: float, idle_within: float) -> int:
    command = [sys.executable, "-c", SAY_POLICY.format(wait=wait)]
    code, output, complaint = compiling._run(command, idle_within)
    assert (code, complaint) == (0, b"")
    return int(output)


def test_compiler_starts_behind_everything() -> None:
    assert said(0.2, idle_within=30.0) == os.SCHED_IDLE


def test_compiler_without_traffic_waits_for_nobody() -> None:
    assert said(0.2, idle_within=0.0) == os.SCHED_OTHER


def test_compiler_that_finds_no_idle_time_is_let_forward() -> None:
    assert said(1.0, idle_within=0.1) == os.SCHED_OTHER


def test_compiler_that_never_ends_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiling, "COMPILE_WITHIN", 0.3)
    with pytest.raises(compiling.subprocess.TimeoutExpired):
        said(60, idle_within=0.1)
