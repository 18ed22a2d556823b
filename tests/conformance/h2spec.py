"""h2spec, the conformance suite for HTTP/2 servers: installed once into a cache, run, its report read."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from pathlib import Path

MODULE = "github.com/summerwind/h2spec/cmd/h2spec@v2.2.1+incompatible"
"""The newest that the Go module proxy gives by a version; another one is used if it is on the PATH."""


def cache() -> Path:
    """Where the program is kept, outside the project."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "frontdesk-tests"


def program() -> Path | str:
    """The program, or why there is none."""
    found = shutil.which("h2spec")
    if found:
        return Path(found)
    target = cache() / "h2spec"
    cache().mkdir(parents=True, exist_ok=True)
    with (cache() / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return target if target.exists() else _install(target)


def _install(target: Path) -> Path | str:
    go = shutil.which("go", path=f"{os.environ['PATH']}:/usr/local/go/bin")
    if go is None:
        return "h2spec is not installed, and there is no go to build it"
    env = {**os.environ, "GOBIN": str(target.parent)}
    try:
        done = subprocess.run(
            [go, "install", MODULE],
            env=env,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return "h2spec cannot be built: go install took too long"
    if done.returncode != 0 or not target.exists():
        return f"h2spec cannot be built: {done.stderr.strip()[-300:]}"
    return target


@dataclass
class Report:
    """What h2spec found, each case as `section: description`."""

    passed: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)


def run(h2spec: Path, port: int, folder: Path, *, tls: bool) -> Report:
    """Every case, strictly."""
    file = folder / "report.xml"
    command = [str(h2spec), "--strict", "--port", str(port), "--path", "/x", "--timeout", "5"]
    command += ["--max-header-length", "4000", "--junit-report", str(file)]
    subprocess.run(
        [*command, *(["--tls", "--insecure"] if tls else [])],
        capture_output=True, timeout=110, check=False,
    )  # fmt: skip
    report = Report()
    for case in ET.parse(file).getroot().iter("testcase"):
        name = f"{case.get('package')}: {case.get('classname')}"
        failure = case.find("failure") if case.find("failure") is not None else case.find("error")
        if failure is not None:
            report.failed[name] = " ".join("".join(failure.itertext()).split())
        elif case.find("skipped") is not None:
            report.skipped.append(name)
        else:
            report.passed.append(name)
    return report
