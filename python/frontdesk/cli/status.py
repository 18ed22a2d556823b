"""`frontdesk status`: how a running gateway is doing."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from frontdesk.cli.output import Format, Output, print_json, stdout
from frontdesk.cli.reload import RunDir, Which
from frontdesk.control import client

if TYPE_CHECKING:
    from rich.console import Console


def status(file: Which = None, run_dir: RunDir = None, output: Output = Format.text) -> None:
    """Show processes, the configuration in force, and how the last reload went."""
    answer = client.ask(client.find(file, run_dir), "status", within=client.REPORT_WITHIN)
    if output is Format.json:
        print_json(answer)
        return
    console = stdout()
    _show_gateway(console, answer)
    _show_reload(console, answer["last_reload"])
    console.print(_workers(answer["workers"]))


def _show_gateway(console: Console, answer: dict[str, Any]) -> None:
    state = "draining" if answer["draining"] else "ready" if answer["ready"] else "not ready"
    style = "green" if state == "ready" else "red"
    facts = Table.grid(padding=(0, 2))
    facts.add_row("state", Text(state, style=style))
    facts.add_row("configuration", f"{answer['file']}  ({answer['hash'] or 'none in force'})")
    facts.add_row("up", _span(answer["uptime_seconds"]))
    pids = f"supervisor {answer['supervisor_pid']}, control {answer['control_pid']}"
    facts.add_row("processes", pids)
    for name, address in answer["listeners"].items():
        facts.add_row("listener", f"{name}  {_address(address)}")
    if answer["status_address"]:
        facts.add_row("status page", f"http://{_address(answer['status_address'])}/metrics")
    console.print(facts)


def _show_reload(console: Console, last: dict[str, Any] | None) -> None:
    if last is None:
        return
    ago = _span(max(0.0, time.time() - last["at"]))
    line = f"\nlast load: {last['result']} {ago} ago ({last['cause']}, {last['seconds']} s)"
    console.print(Text(line, style="red" if last["result"] == "refused" else ""))
    if last["text"]:
        console.print(Text(last["text"]))
    for warning in last["warnings"]:
        console.print(Text(f"warning: {warning}", style="yellow"))
    console.print()


def _workers(workers: list[dict[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False)
    columns = ("worker", "pid", "state", "up", "restarts", "threads", "connections", "in flight")
    for column in columns:
        table.add_column(column, justify="left" if column in ("worker", "state") else "right")
    for worker in workers:
        table.add_row(
            str(worker["slot"]),
            str(worker["pid"] or "-"),
            "ready" if worker["ready"] else "not ready",
            _span(worker["uptime_seconds"]),
            str(worker["restarts"]),
            str(worker["threads"]),
            str(worker["connections"].get("open", "-")),
            str(worker["in_flight"]),
        )
    return table


def _address(address: list[Any]) -> str:
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _span(seconds: float) -> str:
    """A duration in its two largest units."""
    whole = int(seconds)
    units = (("d", whole // 86400), ("h", whole // 3600 % 24), ("m", whole // 60 % 60))
    parts = [f"{value}{unit}" for unit, value in (*units, ("s", whole % 60)) if value]
    return " ".join(parts[:2]) or "0s"
