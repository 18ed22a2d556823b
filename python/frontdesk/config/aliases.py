"""Anchors and aliases of one file, and how much they may add to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from frontdesk.config.positions import Spot

MAX_EXPANSION = 500_000
"""Values (and every 32 characters of a string) that all aliases of a file may add together."""


class Anchored(NamedTuple):
    """A value with an anchor: `size` counts the values inside it, those of aliases included."""

    value: Any
    spot: Spot
    size: int


class Aliases:
    """The anchors seen so far. Aliases share the value, but count as if it were written out."""

    def __init__(self) -> None:
        self._anchors: dict[str, Anchored] = {}
        self._expanded = 0

    def define(self, name: str, value: Any, spot: Spot, size: int) -> None:
        """Note a complete value; a later anchor of the same name takes its place (YAML 1.2, 7.1)."""
        self._anchors[name] = Anchored(value, spot, size)

    def get(self, name: str) -> Anchored | None:
        """The value of an alias, or nothing when no complete value has this anchor."""
        return self._anchors.get(name)

    def exhausted_by(self, anchored: Anchored) -> bool:
        """Count one more use of a value; whether that is more than a configuration may need."""
        self._expanded += anchored.size
        return self._expanded > MAX_EXPANSION
