"""`frontdesk run`: become the supervisor."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from frontdesk.control.options import RunOptions
from frontdesk.control.places import places_for

StateDir = Annotated[
    Path | None, typer.Option(help="Where the last good configuration is kept.", show_default=False)
]
RunDir = Annotated[
    Path | None, typer.Option(help="Where the sockets of this gateway are.", show_default=False)
]
LastGood = Annotated[
    bool,
    typer.Option(
        "--last-good/--no-last-good",
        help="Serve the last good configuration when this one is broken at the start.",
    ),
]
Watch = Annotated[
    bool,
    typer.Option("--watch/--no-watch", help="Reload when the configuration changes on disk."),
]


def run(
    file: Annotated[Path, typer.Argument(help="A configuration file, or a folder of them.")],
    state_dir: StateDir = None,
    run_dir: RunDir = None,
    last_good: LastGood = True,
    watch: Watch = True,
) -> None:
    """Run the gateway until it is told to stop.

    Signals: SIGHUP reloads, SIGTERM or Ctrl-C drains and stops, SIGQUIT (or a second Ctrl-C) stops
    at once, SIGUSR1 reopens log files.
    """
    # Not resolved: a symbolic link may be swapped for another while the gateway runs.
    absolute = Path(os.path.abspath(file))
    places = places_for(absolute, run_dir, state_dir)
    options = RunOptions(str(absolute), places, last_good, watch)
    # The command line's libraries would stay in the supervisor's memory for ever; a fresh interpreter
    # of the same pid has none of them. -P keeps the working directory out of the import path.
    command = [sys.executable, "-P", "-m", "frontdesk.control.supervisor", *options.arguments()]
    sys.stdout.flush()
    os.execv(sys.executable, command)
