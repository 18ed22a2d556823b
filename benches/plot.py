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
    ("proxy", "cpu_us", "CPU-µs per request, 1 KiB body"),
    ("routes-1000", "cpu_us", "CPU-µs per request, 1,000 routes"),
    ("latency-low", "p99_us", "p99 latency in µs, 5,000 requests/s"),
    ("idle", "bytes_per_connection", "bytes per idle connection"),
)


def draw(document: dict[str, Any], target: Path) -> None:
    """One panel of bars for each of the rows that were measured."""
    panels = [panel for panel in PANELS if panel[0] in document["rows"]]
    if not panels:
        return
    figure, axes = plt.subplots(len(panels), 1, figsize=(8, 2.2 * len(panels)), squeeze=False)
    for axis, (row, key, title) in zip(axes[:, 0], panels, strict=True):
        records = [r for r in document["rows"][row]["records"] if r.get(key) is not None]
        names = [record["name"] for record in records]
        colors = [OURS if name.startswith("frontdesk") else THEIRS for name in names]
        bars = axis.barh(names, [record[key] for record in records], color=colors)
        axis.bar_label(bars, fmt="{:,.1f}", padding=3, fontsize=8)
        axis.set_title(title, loc="left", fontsize=10)
        axis.invert_yaxis()
        axis.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(target, dpi=120)


if __name__ == "__main__":
    source, picture = map(Path, sys.argv[1:3])
    draw(json.loads(source.read_text()), picture)
