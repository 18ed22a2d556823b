"""`frontdesk top`: the routes of a running gateway, live."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.live import Live
from rich.table import Table
from rich.text import Text

from frontdesk.cli.output import Format, Output, print_json, stdout
from frontdesk.cli.reload import RunDir, Which
from frontdesk.control import client
from frontdesk.control.stats import RouteRate, Sample, rates, sample

if TYPE_CHECKING:
    from frontdesk.control.places import Places

Once = Annotated[bool, typer.Option("--once", help="Show one interval and end.")]
Interval = Annotated[float, typer.Option(min=0.2, max=60.0, help="Seconds between two looks.")]
Rows = Annotated[int, typer.Option("--rows", "-n", min=1, help="Show the busiest so many routes.")]


def top(
    file: Which = None,
    run_dir: RunDir = None,
    once: Once = False,
    interval: Interval = 1.0,
    rows: Rows = 30,
    output: Output = Format.text,
) -> None:
    """Watch requests per second, errors, latency and requests in flight of each route."""
    places = client.find(file, run_dir)
    before = _look(places)
    if once or output is Format.json:
        time.sleep(interval)
        after = _look(places)
        if output is Format.json:
            print_json([asdict(rate) for rate in rates(before, after)])
        else:
            stdout().print(_table(before, after, rows))
        return
    _live(places, before, interval, rows)


def _live(places: Places, before: Sample, interval: float, rows: int) -> None:
    console = stdout()
    with Live(console=console, screen=console.is_terminal, auto_refresh=False) as live:
        try:
            while True:
                time.sleep(interval)
                after = _look(places)
                live.update(_table(before, after, rows), refresh=True)
                before = after
        except KeyboardInterrupt:
            return


def _look(places: Places) -> Sample:
    return sample(client.ask(places, "stats", within=client.REPORT_WITHIN))


def _table(before: Sample, after: Sample, rows: int) -> Table:
    shown = rates(before, after)
    total = sum(rate.requests_per_second for rate in shown)
    title = f"{total:,.0f} requests/s, {after.connections:,} connections"
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for column in ("route", "service"):
        table.add_column(column)
    for column in ("req/s", "errors", "p50 ms", "p99 ms", "in flight"):
        table.add_column(column, justify="right")
    for rate in shown[:rows]:
        table.add_row(*_cells(rate))
    return table


def _cells(rate: RouteRate) -> tuple[str | Text, ...]:
    errors = Text(f"{rate.error_ratio:.1%}", style="red" if rate.error_ratio > 0.01 else "")
    return (
        rate.route or "(no route)",
        rate.service,
        f"{rate.requests_per_second:,.1f}",
        errors,
        "-" if rate.p50_ms is None else f"{rate.p50_ms:.2f}",
        "-" if rate.p99_ms is None else f"{rate.p99_ms:.2f}",
        str(rate.in_flight),
    )
