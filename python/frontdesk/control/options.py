"""What `frontdesk run` was told, handed from process to process as arguments."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from frontdesk.control.places import Places

NICE = 10
"""Nice value of everything that is not on the way of a request."""


@dataclass(frozen=True)
class RunOptions:
    """The settings of one gateway that are not in its configuration.

    Attributes:
        file: absolute path of the configuration, a file or a folder.
        places: run and state dir.
        last_good: whether the last good configuration may be served when the current one is broken.
        watch: whether a change of the file is reason enough to reload it.
    """

    file: str
    places: Places
    last_good: bool
    watch: bool

    def arguments(self) -> list[str]:
        """The arguments from which `parse` makes an equal object."""
        places = ["--run-dir", str(self.places.run), "--state-dir", str(self.places.state)]
        switches = ["--last-good", str(int(self.last_good)), "--watch", str(int(self.watch))]
        return ["--file", self.file, *places, *switches]

    @classmethod
    def parse(cls, arguments: Sequence[str]) -> RunOptions:
        """From a process's arguments; further ones are left to others."""
        given = pairs(arguments)
        return cls(
            file=given["--file"],
            places=Places(Path(given["--run-dir"]), Path(given["--state-dir"])),
            last_good=given["--last-good"] == "1",
            watch=given["--watch"] == "1",
        )


def pairs(arguments: Sequence[str]) -> dict[str, str]:
    """`--name value --name value …` as a map. argparse would cost each process 1.5 MiB and 6 ms."""
    flow: Iterator[str] = iter(arguments)
    return dict(zip(flow, flow, strict=True))
