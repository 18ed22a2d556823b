"""The command `frontdesk`: a list of commands, each loaded only when it is called for."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import typer

from frontdesk.cli.lazy import Commands
from frontdesk.errors import FrontdeskError

if TYPE_CHECKING:
    from collections.abc import Sequence

FAILED = 1
USAGE = 64
INTERRUPTED = 130

app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def frontdesk() -> None:
    """An API gateway: one YAML file, Python to extend it, a native engine to serve it."""


def main() -> None:
    """Run the command line of this process and exit: 0 ok, 1 failed, 2 differs, 64 usage."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run a command line; its exit code. Errors go to stderr, each in one readable form."""
    command = typer.main.get_command(app)
    try:
        result = command.main(list(arguments), prog_name="frontdesk", standalone_mode=False)
    except FrontdeskError as error:
        print(f"frontdesk: {error}", file=sys.stderr)
        return FAILED
    except typer.TyperException as error:
        return _show(error)
    except typer.Abort:
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output has gone; nothing is left to say, and nobody to say it to.
        sys.stderr.close()
        return FAILED
    return result if isinstance(result, int) else 0


def _show(error: typer.TyperException) -> int:
    """Show a mistake in the command line; asking for help by giving nothing is one too."""
    show = getattr(error, "show", None)
    if show is not None:
        show()
    return USAGE if getattr(error, "exit_code", FAILED) == 2 else FAILED
