"""control's side of `compile`: run the child, judge what it says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from typing import Any

from frontdesk.control.store import Meta

COMPILE_WITHIN = 120.0
"""Seconds; a configuration that takes longer is refused."""


@dataclass(frozen=True)
class Compiled:
    """A configuration the engine may be asked to take."""

    meta: Meta
    snapshot: bytes
    secrets: dict[str, str] = field(repr=False)


@dataclass(frozen=True)
class Outcome:
    """One compilation: `compiled`, or `errors` with their `text`. `watched` are files and folders."""

    compiled: Compiled | None
    watched: list[str]
    schema_hash: str = ""
    errors: list[dict[str, Any]] = field(default_factory=list)
    text: str = ""


def compile_in_child(file: str) -> Outcome:
    """Compile; blocks. Whatever happens to the child becomes an outcome, never an exception."""
    command = [sys.executable, "-P", "-m", "frontdesk.control.compile"]
    arguments = ["--parent", str(os.getpid()), "--file", file]
    try:
        done = subprocess.run(
            [*command, *arguments], capture_output=True, timeout=COMPILE_WITHIN,
            stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        return _failed(file, f"the configuration cannot be compiled: {error}")
    if done.returncode != 0:
        said = done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
        return _failed(file, f"the compiler ended with code {done.returncode}: {said}")
    return _parse(done.stdout)


def _parse(output: bytes) -> Outcome:
    head, _, snapshot = output.partition(b"\n")
    header = json.loads(head)
    common = {"watched": header["watched"], "schema_hash": header["schema_hash"]}
    if not header["ok"]:
        return Outcome(None, errors=header["errors"], text=header["text"], **common)
    return Outcome(Compiled(Meta.parse(header["meta"]), snapshot, header["secrets"]), **common)


def _failed(file: str, message: str) -> Outcome:
    error = {"file": file, "line": 0, "column": 0, "path": "", "message": message}
    return Outcome(None, watched=[file], errors=[error], text=f"{file}: {message}")
