"""The circumstances of a run, written beside its numbers."""

from __future__ import annotations

import os
import platform
import re
import resource
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from .peers.base import ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .peers import Peer
    from .run_context import Effort

_VERSION = re.compile(r"\d+\.\d+(\.\d+)*")


def conditions(effort: Effort) -> dict[str, str]:
    """Machine, date, commit and effort."""
    changed = _output(["git", "status", "--porcelain", "--", "crates", "python"])
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": _output(["git", "rev-parse", "--short", "HEAD"]) + (" changed" * bool(changed)),
        "cpu": _cpu_model(),
        "cores": str(os.cpu_count()),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "open files": str(resource.getrlimit(resource.RLIMIT_NOFILE)[0]),
        "rounds": f"{effort.rounds} of {effort.seconds} s after {effort.warmup_seconds} s",
    }


def versions(peers: Sequence[Peer]) -> dict[str, str]:
    """The version of each peer."""
    found = {}
    for peer in peers:
        match = _VERSION.search(_output([str(peer.find()), *peer.version_flags]))
        found[peer.name] = match.group() if match else "unknown"
    return found


def _output(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    return (done.stdout + done.stderr).strip()


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
