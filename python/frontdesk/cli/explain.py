"""`frontdesk explain`: what the gateway does with a request, answered by the engine's own router."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from frontdesk import engine
from frontdesk.cli.output import Format, Output, config_failed, print_json, stdout
from frontdesk.compiler import Compiled, compile_file
from frontdesk.errors import ConfigErrors


def explain(
    file: Annotated[Path, typer.Argument(help="A configuration file, or a folder of them.")],
    method: Annotated[str, typer.Argument(help="Request method, such as GET.")],
    url: Annotated[str, typer.Argument(help="URL, or a path alone.")],
    header: Annotated[
        list[str] | None, typer.Option("-H", "--header", help="Header field, `name: value`.")
    ] = None,
    client: Annotated[str, typer.Option(help="Address of the client.")] = "192.0.2.1",
    output: Output = Format.text,
) -> None:
    """Show which route takes a request, and why the others do not.

    Shows the policies in their order, what is sent upstream, and the targets that qualify.
    Nothing is sent, and no gateway needs to run.
    """
    headers = [_header(line) for line in header or []]
    try:
        compiled = compile_file(file)
    except ConfigErrors as errors:
        config_failed(errors, output)
    answer = _ask(compiled, method, url, headers, client)
    if output is Format.json:
        print_json(answer)
    else:
        # Imported here: rich's tables are not needed for JSON.
        from frontdesk.cli.explain_text import render

        stdout().print(render(answer))


def _ask(
    compiled: Compiled, method: str, url: str, headers: list[tuple[str, str]], client: str
) -> dict[str, Any]:
    try:
        encoded = engine.explain(compiled.encoded, method, url, headers, client)
    except engine.CheckFailed as reason:
        raise typer.BadParameter(str(reason)) from None
    answer: dict[str, Any] = json.loads(encoded)
    return answer


def _header(line: str) -> tuple[str, str]:
    name, separator, value = line.partition(":")
    if not separator or not name.strip():
        raise typer.BadParameter(f"found {line!r}, expected 'name: value'", param_hint="-H")
    return name.strip(), value.strip()
