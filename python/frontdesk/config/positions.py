"""Where every value of a configuration was written."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from frontdesk.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

PathPart = str | int


@dataclass(eq=False)
class Source:
    """One file: its name as messages show it, where relative names start, and its text."""

    name: str
    folder: Path
    text: str = field(repr=False)

    @cached_property
    def lines(self) -> list[str]:
        """The lines of the file, as YAML counts them."""
        return self.text.replace("\r\n", "\n").replace("\r", "\n").split("\n")

    def error(
        self, line: int, column: int, message: str, *, hint: str = "", path: str = ""
    ) -> ConfigError:
        """An error at a place of this file; line and column count from 1."""
        shown = self.lines[line - 1] if 0 < line <= len(self.lines) else ""
        return ConfigError(self.name, line, column, path, message, hint, shown)


class Spot:
    """The place of one value, and of what is inside it. Line and column count from 1."""

    __slots__ = ("broken", "children", "column", "line", "raw", "source")

    def __init__(self, source: Source, line: int, column: int) -> None:
        self.source = source
        self.line = line
        self.column = column
        self.children: dict[str, Key] | list[Spot] | None = None
        self.raw: str | None = None
        """The text as written, when the value came from `${…}` and must not be shown."""
        self.broken = False
        """The value is a stand-in for one that was already reported."""


class Key(NamedTuple):
    """A key of a map: its place, and that of its value."""

    line: int
    column: int
    spot: Spot


class Place(NamedTuple):
    """What a path of pydantic's leads to in the file.

    `path` is the part of it that exists there; `key` is the place of the last key, when there is one.
    """

    path: tuple[PathPart, ...]
    spot: Spot
    key: tuple[int, int] | None


def find(root: Spot, path: tuple[PathPart, ...]) -> Place:
    """Follow a path as far as the file goes.

    A position that a short form does not have (the `0` of a list written as its only item, the `url`
    of a target written as a string) is passed over.
    """
    spot = root
    followed: list[PathPart] = []
    key: tuple[int, int] | None = None
    for part in path:
        children = spot.children
        if isinstance(children, list) and isinstance(part, int) and part < len(children):
            spot, key = children[part], None
        elif isinstance(children, dict) and isinstance(part, str) and part in children:
            found = children[part]
            spot, key = found.spot, (found.line, found.column)
        elif isinstance(part, int) and not isinstance(children, list):
            continue
        else:
            break
        followed.append(part)
    return Place(tuple(followed), spot, key)


def path_text(path: tuple[PathPart, ...]) -> str:
    """A path as messages show it: `routes.users.match[1].path`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text
