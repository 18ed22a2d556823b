"""The compiler gets idle time first, but not for ever."""

from __future__ import annotations

import os
import sys

import pytest

from frontdesk.control import compiling

SAY_POLICY = (
    "import os, sys, time; time.sleep({wait}); sys.stdout.write(str(os.sched_getscheduler(0)))"
)


def said(wait: float) -> int:
    code, output, complaint = compiling._run([sys.executable, "-c", SAY_POLICY.format(wait=wait)])
    assert (code, complaint) == (0, b"")
    return int(output)


def test_compiler_starts_behind_everything() -> None:
    assert said(0.2) == os.SCHED_IDLE


def test_compiler_that_finds_no_idle_time_is_let_forward(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiling, "IDLE_WITHIN", 0.1)
    assert said(1.0) == os.SCHED_OTHER


def test_compiler_that_never_ends_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiling, "IDLE_WITHIN", 0.1)
    monkeypatch.setattr(compiling, "COMPILE_WITHIN", 0.3)
    with pytest.raises(compiling.subprocess.TimeoutExpired):
        said(60)
