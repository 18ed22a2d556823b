"""What all commands share: the choice of format, errors on stderr, colour only where it is wanted."""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.text import Text

from frontdesk.errors import MAX_MISTAKES

if TYPE_CHECKING:
    from frontdesk.errors import ConfigErrors


class Format(StrEnum):
    """How a command answers."""

    text = "text"
    json = "json"


Output = Annotated[Format, typer.Option("-o", "--output", help="Form of the answer.")]


def stdout() -> Console:
    """The console for answers; NO_COLOR and pipes are respected."""
    return Console(highlight=False, soft_wrap=True)


def stderr() -> Console:
    """The console for errors and progress."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


def print_json(answer: Any) -> None:
    """An answer for machines: one JSON document, indented, UTF-8."""
    sys.stdout.write(json.dumps(answer, indent=2, ensure_ascii=False) + "\n")


def fail(message: str) -> NoReturn:
    """End the command with exit code 1 and a message."""
    stderr().print(Text.assemble(("error: ", "bold red"), message))
    raise typer.Exit(1)


def config_failed(errors: ConfigErrors, output: Format) -> NoReturn:
    """End the command with exit code 1 and everything that is wrong with a configuration."""
    if output is Format.json:
        print_json({"valid": False, "errors": [error.as_dict() for error in errors.errors]})
    else:
        print_config_errors(errors)
    raise typer.Exit(1)


def print_config_errors(errors: ConfigErrors) -> None:
    """All mistakes as text, on stderr."""
    console = stderr()
    for error in errors.errors:
        place, *excerpt = error.render().split("\n")
        console.print(Text(place, style="bold"))
        for line in excerpt:
            style = "red" if line.strip() == "^" else "cyan" if "hint: " in line else "dim"
            console.print(Text(line, style=style))
    count = len(errors.errors)
    if count <= MAX_MISTAKES:
        console.print(Text(f"{count} mistake{'s' if count != 1 else ''} found", style="bold red"))
