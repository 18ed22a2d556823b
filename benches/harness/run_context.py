"""What a row needs to know of the run it is part of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from .contender import Record
    from .peers import Peer


@dataclass(frozen=True)
class Effort:
    """How long and how often to measure."""

    rounds: int
    warmup_seconds: int
    seconds: int

    @classmethod
    def full(cls, rounds: int) -> Effort:
        """For numbers to be published."""
        return cls(rounds, warmup_seconds=2, seconds=5)

    @classmethod
    def quick(cls) -> Effort:
        """To see whether everything works."""
        return cls(2, warmup_seconds=1, seconds=2)


@dataclass(frozen=True)
class Context:
    """The run: peers found, upstream ports by body size, a folder for files, how to say things."""

    peers: Sequence[Peer]
    upstream: dict[int, int]
    folder: Path
    effort: Effort
    say: Callable[[str], None]

    def has(self, peer: Peer) -> bool:
        """Whether the peer was found."""
        return peer in self.peers


@dataclass
class Result:
    """What a row found: lines for the table, and remarks below it."""

    records: list[Record]
    notes: list[str] = field(default_factory=list)
