"""The short table in the README: everyone's CPU time per request, and what Frontdesk adds up to."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

BEGIN, END = "<!-- benchmark -->", "<!-- /benchmark -->"

Records = dict[str, dict[str, Any]]


def update(readme: Path, document: dict[str, Any]) -> None:
    """Replaces what is between the marks; a page without both marks, or no measured row, stays.

    The rest of the page is kept as it is.
    """
    text = readme.read_text()
    before, begin, rest = text.partition(BEGIN)
    _old, end, after = rest.partition(END)
    lines = list(_lines(document["rows"]))
    if not (begin and end and lines):
        return
    readme.write_text(f"{before}{BEGIN}\n" + "\n".join(lines) + f"\n{END}{after}")


def _lines(rows: dict[str, Any]) -> Iterable[str]:
    if "proxy" not in rows:
        return
    proxy, many = _records(rows, "proxy"), _records(rows, "routes-1000")
    yield "| 1 KiB body, one core | CPU-µs/request | × nginx | 1,000 routes: × nginx | memory, MiB |"
    yield "|---|--:|--:|--:|--:|"
    for name, record in proxy.items():
        cells = [_cell(record, "cpu_us", ".1f"), _cell(record, "ratio", ".2f")]
        cells.append(_cell(many.get(name, {}), "ratio", ".2f"))
        cells.append(_cell(record, "pss_bytes", ",.0f", 2**20))
        yield f"| {name} | {' | '.join(cells)} |"
    where = rows["proxy"]["conditions"]
    yield ""
    yield f"{where['cpu']}, {where['cores']} cores, {where['date'][:10]}, commit {where['commit']}."


def _records(rows: dict[str, Any], name: str) -> Records:
    return {record["name"]: record for record in rows.get(name, {}).get("records", [])}


def _cell(record: dict[str, Any], key: str, form: str, scale: float = 1) -> str:
    value = record.get(key)
    return "–" if value is None else format(value / scale, form)
