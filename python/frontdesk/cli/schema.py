"""`frontdesk schema`: the JSON Schema of the configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from frontdesk.cli.output import fail
from frontdesk.config.schema import schema_text


def schema(
    write: Annotated[
        Path | None, typer.Option("--write", "-w", help="Write it to this file instead.")
    ] = None,
) -> None:
    """Print the JSON Schema of the configuration, for editors.

    An editor with the YAML language server takes it from a first line such as
    `# yaml-language-server: $schema=frontdesk.schema.json`.
    """
    if write is None:
        typer.echo(schema_text(), nl=False)
        return
    try:
        write.write_text(schema_text(), encoding="utf-8")
    except OSError as error:
        fail(f"{write} cannot be written: {error.strerror}")
