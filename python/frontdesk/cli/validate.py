"""`frontdesk validate`: check a configuration with the code that `run` uses."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from frontdesk.cli.output import Format, Output, config_failed, print_json, stderr, stdout
from frontdesk.compiler import Compiled, compile_file
from frontdesk.errors import ConfigErrors


def validate(
    file: Annotated[Path, typer.Argument(help="A configuration file, or a folder of them.")],
    output: Output = Format.text,
) -> None:
    """Check a configuration and print every mistake in it.

    Exits with 0 when it is valid, with 1 when it is not.
    """
    try:
        compiled = compile_file(file)
    except ConfigErrors as errors:
        config_failed(errors, output)
    if output is Format.json:
        found = {"valid": True, "errors": [], "warnings": compiled.warnings}
        print_json({**found, "hash": compiled.hash, **_counts(compiled)})
    else:
        parts = [
            f"{count:,} {name.removesuffix('s') if count == 1 else name}"
            for name, count in _counts(compiled).items()
        ]
        for warning in compiled.warnings:
            stderr().print(f"warning: {warning}", markup=False)
        stdout().print(f"{file} is valid: {', '.join(parts)}; snapshot {compiled.hash}")


def _counts(compiled: Compiled) -> dict[str, int]:
    snapshot = compiled.snapshot
    return {
        "listeners": len(snapshot.listeners),
        "services": len(snapshot.services),
        "routes": len(snapshot.routes),
    }
