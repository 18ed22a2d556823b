"""How many engine threads this machine (or container) can feed."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

_Quota = Callable[[Path], float | None]
_ROOT = Path("/sys/fs/cgroup")


def default_threads(root: Path = _ROOT, groups: Path = Path("/proc/self/cgroup")) -> int:
    """One thread per usable core: the affinity mask, lowered by the cgroup quota; at least 1."""
    cores = len(os.sched_getaffinity(0))
    quota = cgroup_quota(root, groups)
    return max(1, cores if quota is None else min(cores, round(quota + 0.25)))


def cgroup_quota(root: Path = _ROOT, groups: Path = Path("/proc/self/cgroup")) -> float | None:
    """The tightest CPU quota, in cores, of this process's cgroups (v2 or v1); None when unlimited."""
    quotas = []
    for line in _read(groups).splitlines():
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        if controllers == "":
            quotas += _walk(root, path, _v2_quota)
        elif "cpu" in controllers.split(","):
            quotas += _walk(root / controllers, path, _v1_quota) or _walk(
                root / "cpu", path, _v1_quota
            )
    return min(quotas, default=None)


def _walk(base: Path, path: str, read: _Quota) -> list[float]:
    """Quotas of a cgroup and all its parents; inside a container the path may not exist."""
    here = base / path.strip("/")
    found = []
    for folder in (here, *here.parents):
        quota = read(folder)
        if quota is not None:
            found.append(quota)
        if folder == base:
            break
    return found


def _v2_quota(folder: Path) -> float | None:
    limit, _, period = _read(folder / "cpu.max").strip().partition(" ")
    return _ratio(limit, period) if limit != "max" else None


def _v1_quota(folder: Path) -> float | None:
    limit = _read(folder / "cpu.cfs_quota_us").strip()
    return None if limit.startswith("-") else _ratio(limit, _read(folder / "cpu.cfs_period_us"))


def _ratio(limit: str, period: str) -> float | None:
    try:
        return int(limit) / int(period)
    except (ValueError, ZeroDivisionError):
        return None


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
