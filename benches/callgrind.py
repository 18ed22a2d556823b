"""Counts instructions of hot paths and compares them with a recorded baseline.

`benches/callgrind.py` fails where a count is over 5 % above the baseline; `--record` makes the
counts the new baseline. Counts do not depend on how busy the machine is, but do on the compiler: with
another release of rustc than the baseline's, differences are shown and nothing fails.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
BASELINE = Path(__file__).with_name("callgrind_baseline.json")
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / ".build" / "callgrind"))
TOLERANCE = 0.05
CALLS = 10_000

_COLLECTED = re.compile(r"Collected\s*:\s*(\d+)")


@dataclass(frozen=True)
class Gate:
    """An example program of a crate, with its first argument; the second is a number of calls."""

    crate: str
    example: str
    case: str

    @property
    def name(self) -> str:
        """The key in the baseline."""
        return f"{self.example} {self.case}"


GATES = (
    Gate("frontdesk-http", "instr_parse", "request"),
    Gate("frontdesk-http", "instr_parse", "response"),
    Gate("frontdesk-router", "instr_match", "10"),
    Gate("frontdesk-router", "instr_match", "1000"),
    Gate("frontdesk-router", "instr_match", "100000"),
    Gate("frontdesk-engine", "instr_proxy", "tests/golden/minimal.snapshot.json"),
)


def build() -> None:
    """Builds the examples, optimised as the product is."""
    for crate, example in sorted({(gate.crate, gate.example) for gate in GATES}):
        command = ["cargo", "build", "--release", "-q", "-p", crate, "--example", example]
        environment = {**os.environ, "CARGO_TARGET_DIR": str(TARGET)}
        subprocess.run(command, cwd=ROOT, env=environment, check=True)


def instructions_per_call(gate: Gate) -> float:
    """What one call costs; two runs of different length cancel out start and end."""
    return (_instructions(gate, 2 * CALLS) - _instructions(gate, CALLS)) / CALLS


def _instructions(gate: Gate, calls: int) -> int:
    program = TARGET / "release" / "examples" / gate.example
    tool = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
    done = subprocess.run(
        [*tool, str(program), gate.case, str(calls)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    found = _COLLECTED.search(done.stderr)
    if done.returncode != 0 or found is None:
        raise SystemExit(f"{gate.name} failed under valgrind:\n{done.stderr}")
    return int(found.group(1))


def compiler() -> str:
    """The release of rustc."""
    done = subprocess.run(["rustc", "--version"], capture_output=True, text=True, check=True)
    return done.stdout.split()[1]


def main() -> int:
    """Measures every gate; 1 when one of them is over the tolerance."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--record", action="store_true", help="write the baseline")
    record = parser.parse_args().record
    if shutil.which("valgrind") is None:
        raise SystemExit("valgrind is missing: apt-get install valgrind")
    build()
    counts = {gate.name: round(instructions_per_call(gate), 1) for gate in GATES}
    if record:
        document = {"rustc": compiler(), "instructions_per_call": counts}
        BASELINE.write_text(json.dumps(document, indent=1) + "\n")
        return 0
    return compare(counts, json.loads(BASELINE.read_text()))


def compare(counts: dict[str, float], baseline: dict[str, object]) -> int:
    """Shows the counts beside the baseline."""
    recorded = baseline["instructions_per_call"]
    assert isinstance(recorded, dict)
    table = Table("gate", "instructions per call", "baseline", "change")
    grown = []
    for name, count in counts.items():
        before = recorded.get(name)
        change = count / before - 1 if before else 0.0
        table.add_row(name, f"{count:,.1f}", f"{before:,.1f}" if before else "–", f"{change:+.1%}")
        if change > TOLERANCE:
            grown.append(name)
    console = Console()
    console.print(table)
    if baseline["rustc"] != compiler():
        console.print(f"the baseline is of rustc {baseline['rustc']}, this is {compiler()}")
        return 0
    if grown:
        console.print(f"over {TOLERANCE:.0%} above the baseline: {', '.join(grown)}")
        console.print("if that is meant: benches/callgrind.py --record, and say why in the commit")
    return 1 if grown else 0


if __name__ == "__main__":
    raise SystemExit(main())
