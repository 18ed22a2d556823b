"""A peer with its work in one row, started once and measured in every round."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from .peers import Peer, Setting
from .process import Launch, Started, StartError, free_ports

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from .work import Work


@dataclass(frozen=True)
class Contender:
    """Who does what, under which name in the table."""

    label: str
    peer: Peer
    work: Work

    def launch(self, folder: Path) -> Launch:
        """How to start it, with its files in a folder of its own below `folder`."""
        own = folder / self.label.replace(" ", "-").replace(",", "").replace("/", "-")
        own.mkdir(parents=True, exist_ok=True)
        launch = self.peer.launch(Setting(self.work, free_ports(1)[0], own))
        return replace(launch, name=self.label.replace(" ", "-").replace("/", "-"))


@dataclass(frozen=True)
class Running:
    """A contender and its processes."""

    contender: Contender
    started: Started


@contextmanager
def all_running(
    contenders: Sequence[Contender], folder: Path, notes: list[str]
) -> Iterator[list[Running]]:
    """Starts the contenders; one that does not start is left out with a note."""
    with ExitStack() as stack:
        running = []
        for contender in contenders:
            try:
                started = stack.enter_context(contender.launch(folder).start())
            except (StartError, FileNotFoundError) as error:
                notes.append(f"{contender.label}: left out: {error}")
                continue
            running.append(Running(contender, started))
        yield running


Record = dict[str, Any]
"""One line of a result: the contender's label under `name`, and its numbers."""
