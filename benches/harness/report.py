"""What remains of a run: JSON, a page of tables, a picture, and tables in the terminal."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table

from .peers.base import WHEELS
from .rows import ROWS, Row

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import Console

    from .run_context import Result

Document = dict[str, Any]

_PLOT = Path(__file__).resolve().parents[1] / "plot.py"
_HEAD = """\
# Benchmark: the latest numbers

Written by `make bench`; [README.md](README.md) says what was measured and how to repeat it. Compare
ratios within a table. Times of two tables, or of two machines, do not compare.
"""


def section(row: Row, result: Result, conditions: dict[str, str]) -> Document:
    """A row's part of the JSON document."""
    return {
        "title": row.title,
        "conditions": conditions,
        "records": result.records,
        "notes": result.notes,
    }


def print_table(console: Console, row: Row, result: Result) -> None:
    """Shows a row's table in the terminal."""
    table = Table(title=row.title, title_justify="left")
    for column in row.columns:
        table.add_column(column.title, justify="left" if column is row.columns[0] else "right")
    for record in result.records:
        table.add_row(*(column.show(record) for column in row.columns))
    console.print(table)
    for note in result.notes:
        console.print(note, highlight=False, markup=False)


def load(folder: Path) -> Document:
    """The document of earlier runs, whose rows stay until they are measured again."""
    path = folder / "latest.json"
    document: Document = json.loads(path.read_text()) if path.exists() else {"rows": {}}
    return document


def write(folder: Path, document: Document) -> None:
    """Writes latest.json, latest.md and latest.png."""
    folder.mkdir(parents=True, exist_ok=True)
    data = folder / "latest.json"
    data.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")
    (folder / "latest.md").write_text("\n".join(_page(document)))
    python = WHEELS / "bin" / "python"
    subprocess.run([str(python), str(_PLOT), str(data), str(folder / "latest.png")], check=True)


def _page(document: Document) -> Iterable[str]:
    yield _HEAD
    yield "![CPU time per request and latency](latest.png)\n"
    for row in ROWS:
        part = document["rows"].get(row.name)
        if part is not None:
            yield from _section(row, part)
    yield "`*` the core of generator and upstream was over 95 % busy: generator-bound."
    yield ""
    yield "Versions: " + ", ".join(f"{k} {v}" for k, v in document["versions"].items()) + ".\n"


def _section(row: Row, part: Document) -> Iterable[str]:
    yield f"## {row.title}\n"
    yield "| " + " | ".join(column.title for column in row.columns) + " |"
    yield "|---" + "|--:" * (len(row.columns) - 1) + "|"
    for record in part["records"]:
        yield "| " + " | ".join(column.show(record) for column in row.columns) + " |"
    yield ""
    for note in part["notes"]:
        yield f"- {' '.join(note.split())}"
    where = part["conditions"]
    yield f"- `{row.name}` · {where['date']} · commit {where['commit']} · {where['rounds']}\n"
