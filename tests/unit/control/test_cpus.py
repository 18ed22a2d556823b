"""The default number of threads, in containers too."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from frontdesk.control.cpus import cgroup_quota, default_threads

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def machine(tmp_path: Path) -> tuple[Path, Path]:
    """A cgroup tree and the file that says where this process is in it."""
    root = tmp_path / "cgroup"
    root.mkdir()
    return root, tmp_path / "self"


def put(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def test_without_a_quota(machine: tuple[Path, Path]) -> None:
    root, groups = machine
    put(groups, "0::/\n")
    assert cgroup_quota(root, groups) is None
    assert default_threads(root, groups) == len(os.sched_getaffinity(0))


def test_v2_takes_the_tightest_of_all_parents(machine: tuple[Path, Path]) -> None:
    root, groups = machine
    put(groups, "0::/outer/inner\n")
    put(root / "outer/cpu.max", "50000 100000\n")
    put(root / "outer/inner/cpu.max", "max 100000\n")
    assert cgroup_quota(root, groups) == 0.5
    assert default_threads(root, groups) == 1


def test_v2_in_a_container_that_sees_only_its_own_tree(machine: tuple[Path, Path]) -> None:
    root, groups = machine
    put(groups, "0::/kubepods/pod-x/container-y\n")
    put(root / "cpu.max", "150000 100000\n")
    assert cgroup_quota(root, groups) == 1.5


def test_v1(machine: tuple[Path, Path]) -> None:
    root, groups = machine
    put(groups, "4:memory:/app\n3:cpu,cpuacct:/app\n")
    put(root / "cpu,cpuacct/app/cpu.cfs_quota_us", "200000\n")
    put(root / "cpu,cpuacct/app/cpu.cfs_period_us", "100000\n")
    put(root / "cpu,cpuacct/cpu.cfs_quota_us", "-1\n")
    assert cgroup_quota(root, groups) == 2.0


@pytest.mark.parametrize("text", ["", "\n", "max\n", "x y\n", "100 0\n"])
def test_nonsense_is_no_quota(machine: tuple[Path, Path], text: str) -> None:
    root, groups = machine
    put(groups, "0::/\n")
    put(root / "cpu.max", text)
    assert cgroup_quota(root, groups) is None
