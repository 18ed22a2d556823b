"""`frontdesk version`."""

from __future__ import annotations

import platform

from frontdesk import __version__
from frontdesk.cli.output import Format, Output, print_json, stdout
from frontdesk.snapshot.shape import schema_hash


def version(output: Output = Format.text) -> None:
    """Print the version, and the schema of the snapshots it reads."""
    facts = {
        "frontdesk": __version__,
        "snapshot_schema": schema_hash(),
        "python": platform.python_version(),
    }
    if output is Format.json:
        print_json(facts)
    else:
        stdout().print(
            f"frontdesk {__version__} (snapshot schema {facts['snapshot_schema']}, "
            f"Python {facts['python']})"
        )
