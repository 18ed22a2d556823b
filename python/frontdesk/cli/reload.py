"""`frontdesk reload`: have a running gateway read its configuration again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from frontdesk.cli.output import Format, Output, print_json, stderr, stdout
from frontdesk.control import client

if TYPE_CHECKING:
    from rich.console import Console

Which = Annotated[
    Path | None,
    typer.Argument(help="The configuration it runs; not needed when only one runs."),
]
RunDir = Annotated[Path | None, typer.Option(help="The run dir it was started with.")]


def reload(file: Which = None, run_dir: RunDir = None, output: Output = Format.text) -> None:
    """Make a running gateway read its configuration again and wait for the outcome.

    Exits with 0 when the configuration is in force, with 1 when it was refused; then nothing changed.
    """
    report = client.ask(client.find(file, run_dir), "reload")
    refused = report["result"] == "refused"
    if output is Format.json:
        print_json(report)
    else:
        _show(report, stderr() if refused else stdout())
    if refused:
        raise typer.Exit(1)


def _show(report: dict[str, Any], console: Console) -> None:
    for warning in report["warnings"]:
        stderr().print(Text(f"warning: {warning}", style="yellow"))
    if report["result"] != "refused":
        console.print(f"{report['result']}: {report['hash']} ({report['seconds']} s)")
        return
    console.print(Text(report["text"]))
    kept = report["hash"] or "none"
    console.print(Text(f"refused; configuration {kept} stays in force", style="bold red"))
