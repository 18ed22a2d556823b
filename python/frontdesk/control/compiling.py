"""control's side of `compile`: run the child, judge what it says."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from typing import Any

from frontdesk.control.store import Meta
from frontdesk.errors import ConfigError

COMPILE_WITHIN = 120.0
"""Seconds; a configuration that takes longer is refused."""
IDLE_WITHIN = 2.0
"""Seconds for which the compiler gets only time that nobody else wants: traffic goes first."""


@dataclass(frozen=True)
class Compiled:
    """A configuration the engine may be asked to take."""

    meta: Meta
    snapshot: bytes
    secrets: dict[str, str] = field(repr=False)
    warnings: list[str] = field(default_factory=list)
    places: dict[str, ConfigError] = field(default_factory=dict)
    """Where the settings stand that only the machine can refuse, by their paths; without messages."""


@dataclass(frozen=True)
class Outcome:
    """One compilation: `compiled`, or `errors` with their `text`. `watched` are files and folders."""

    compiled: Compiled | None
    watched: list[str]
    schema_hash: str = ""
    errors: list[dict[str, Any]] = field(default_factory=list)
    text: str = ""


def compile_in_child(file: str, *, serving: bool) -> Outcome:
    """Compile; blocks. Whatever happens to the child becomes an outcome, never an exception.

    Args:
        file: the configuration, a file or a folder.
        serving: whether there is traffic that goes first.
    """
    command = [sys.executable, "-P", "-m", "frontdesk.control.compile"]
    arguments = ["--parent", str(os.getpid()), "--file", file]
    try:
        code, output, complaint = _run([*command, *arguments], IDLE_WITHIN if serving else 0.0)
    except (OSError, subprocess.TimeoutExpired) as error:
        return _failed(file, f"the configuration cannot be compiled: {error}")
    if code != 0:
        said = complaint.decode("utf-8", "replace").strip().rpartition("\n")[2]
        return _failed(file, f"the compiler ended with code {code}: {said}")
    return _parse(output)


def _run(command: list[str], idle_within: float) -> tuple[int, bytes, bytes]:
    """Run the compiler, at first behind everything else: its exit code, output and complaints.

    Raises:
        OSError: it could not be started.
        subprocess.TimeoutExpired: it did not end in time and was killed.
    """
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe) as child:
        if idle_within:
            _schedule(child.pid, os.SCHED_IDLE)
        try:
            output, complaint = child.communicate(timeout=idle_within)
        except subprocess.TimeoutExpired:
            # A machine without idle time must not put a reload off for ever.
            _schedule(child.pid, os.SCHED_OTHER)
            try:
                output, complaint = child.communicate(timeout=COMPILE_WITHIN - idle_within)
            except subprocess.TimeoutExpired:
                child.kill()
                raise
        return child.returncode, output, complaint


def _schedule(pid: int, policy: int) -> None:
    """Change when a process gets the processor. Where that is not allowed, it is merely less kind."""
    with contextlib.suppress(OSError):
        os.sched_setscheduler(pid, policy, os.sched_param(0))


def _parse(output: bytes) -> Outcome:
    head, _, snapshot = output.partition(b"\n")
    header = json.loads(head)
    common = {"watched": header["watched"], "schema_hash": header["schema_hash"]}
    if not header["ok"]:
        return Outcome(None, errors=header["errors"], text=header["text"], **common)
    meta = Meta.parse(header["meta"])
    places = {path: ConfigError(**place) for path, place in header["places"].items()}
    compiled = Compiled(meta, snapshot, header["secrets"], header["warnings"], places)
    return Outcome(compiled, **common)


def _failed(file: str, message: str) -> Outcome:
    error = {"file": file, "line": 0, "column": 0, "path": "", "message": message}
    return Outcome(None, watched=[file], errors=[error], text=f"{file}: {message}")
