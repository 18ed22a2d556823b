"""Draws the picture of a benchmark document. Usage: plot.py latest.json latest.png.

Runs in the benchmark's own environment, which has matplotlib.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot as plt

OURS, THEIRS = "#c2410c", "#94a3b8"
PANELS = (
    ("proxy", "cpu_us", "CPU-µs per request: 1 KiB body"),
    ("routes-1000", "cpu_us", "CPU-µs per request: 1,000 routes"),
    ("body-100k", "cpu_us", "CPU-µs per request: 100 KiB body"),
    ("routes-100000", "cpu_us", "CPU-µs per request by number of routes"),
    ("latency-low", "p99_us", "p99 latency in µs at 5,000 requests/s"),
    ("idle", "bytes_per_connection", "Bytes per idle connection"),
)
COLUMNS = 2


def draw(document: dict[str, Any], target: Path) -> None:
    """One panel of bars for each of the rows that were measured."""
    panels = [panel for panel in PANELS if panel[0] in document["rows"]]
    rows = max(1, -(-len(panels) // COLUMNS))
    figure, axes = plt.subplots(rows, COLUMNS, figsize=(12, 2.4 * rows), squeeze=False)
    for axis in axes.flat[len(panels) :]:
        axis.set_visible(False)
    for axis, (row, key, title) in zip(axes.flat, panels, strict=False):
        _bars(axis, document["rows"][row]["records"], key, title)
    figure.tight_layout()
    figure.savefig(target, dpi=110)


def _bars(axis: Any, records: list[dict[str, Any]], key: str, title: str) -> None:
    shown = [record for record in records if record.get(key) is not None]
    names = [record["name"] for record in shown]
    colors = [OURS if name.startswith("frontdesk") else THEIRS for name in names]
    bars = axis.barh(names, [record[key] for record in shown], color=colors)
    axis.bar_label(bars, fmt="{:,.1f}", padding=3, fontsize=8)
    axis.margins(x=0.12)
    axis.set_title(title, loc="left", fontsize=10)
    axis.invert_yaxis()
    axis.spines[["top", "right"]].set_visible(False)


if __name__ == "__main__":
    source, picture = map(Path, sys.argv[1:3])
    draw(json.loads(source.read_text()), picture)
