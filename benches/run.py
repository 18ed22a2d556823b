"""Measures Frontdesk beside its peers: `benches/run.py [--quick] [--select ROW ...]`."""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from harness.conditions import conditions, versions
from harness.cores import disturbance
from harness.peers import NGINX
from harness.peers.base import ROOT
from harness.prepare import NotReadyError, prepare
from harness.rows import ROWS
from harness.run_context import Context, Effort
from rich.console import Console

from harness import readme, report
from harness.upstream import upstream

DOCS = ROOT / "docs" / "benchmarks"
# Beyond this part of a core, what else runs on the machine shows in the numbers.
DISTURBED = 0.1
TRIAL = ROOT / ".build" / "bench"


def arguments() -> argparse.Namespace:
    """Parses the command line."""
    names = [row.name for row in ROWS]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--select",
        nargs="+",
        choices=names,
        default=names,
        metavar="ROW",
        help=f"rows to measure: {', '.join(names)}",
    )
    parser.add_argument("--peers", nargs="+", metavar="PEER", help="only these peers and nginx")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--quick", action="store_true", help=f"2 short rounds, written to {TRIAL.relative_to(ROOT)}"
    )
    parser.add_argument("--output", type=Path, help=f"default: {DOCS.relative_to(ROOT)}")
    return parser.parse_args()


def main() -> int:
    """Prepares, then measures what was selected."""
    chosen = arguments()
    console = Console(width=None if sys.stdout.isatty() else 120)

    def say(text: str) -> None:
        console.print(f"  {text}", style="dim", highlight=False, markup=False)

    try:
        peers = prepare(say)
    except NotReadyError as error:
        console.print(str(error), markup=False)
        return 1
    if chosen.peers:
        peers = [peer for peer in peers if peer.name in (*chosen.peers, NGINX.name)]
    effort = Effort.quick() if chosen.quick else Effort.full(chosen.rounds)
    output = chosen.output or (TRIAL if chosen.quick else DOCS)
    with tempfile.TemporaryDirectory(prefix="frontdesk-bench-") as name:
        folder = Path(name)
        # Started by root, nginx reads the bodies as another user.
        folder.chmod(0o755)
        with upstream(NGINX.find() or NGINX.name, folder) as ports:
            measure(Context(peers, ports, folder, effort, say), chosen.select, console, output)
    console.print(f"written to {output}")
    return 0


def measure(context: Context, names: list[str], console: Console, output: Path) -> None:
    """Measures the rows, one after the other; each is written as soon as it is there."""
    for row in (row for row in ROWS if row.name in names):
        console.rule(row.title, align="left")
        folder = context.folder / row.name
        folder.mkdir()
        others = disturbance()
        result = row.measure(replace(context, folder=folder))
        if others > DISTURBED:
            result.notes.append(
                f"not a quiet machine: a core was {others:.0%} busy with other work"
            )
        report.print_table(console, row, result)
        document = report.load(output)
        document["versions"] = versions(context.peers)
        document["rows"][row.name] = report.section(row, result, conditions(context.effort))
        report.write(output, document)
        if output == DOCS:
            readme.update(ROOT / "README.md", document)


if __name__ == "__main__":
    raise SystemExit(main())
