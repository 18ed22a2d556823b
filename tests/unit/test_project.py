"""The repository keeps its own rules."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

from frontdesk import __version__

ROOT = Path(__file__).parents[2]


def test_imports_point_one_way_and_policies_are_complete() -> None:
    done = subprocess.run(
        [sys.executable, "tools/check_layout.py"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_generated_files_are_current() -> None:
    done = subprocess.run(
        [sys.executable, "tools/generate.py", "--check"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_version_is_one() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    workspace = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["package"]["version"]
    assert __version__ == project == workspace
