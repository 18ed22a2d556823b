"""Every exception that Frontdesk raises on purpose.

```
FrontdeskError
├── ConfigErrors        what is wrong with a configuration, all of it at once
├── EngineMissing       the native module was not built or is not importable
└── SnapshotInvalid     bytes that are not a snapshot of this version
```
The native module adds `EngineRefused` and `CheckFailed`, see `frontdesk.engine`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


class FrontdeskError(Exception):
    """Base of all errors below; the message is fit for a person to read."""


class EngineMissing(FrontdeskError):
    """The native module cannot be imported; the message says how to build it."""


class SnapshotInvalid(FrontdeskError):
    """The bytes are not a snapshot, or are one of another schema."""


MAX_MISTAKES = 200
"""Mistakes of one configuration that are told at once."""


@dataclass(frozen=True, slots=True, order=True)
class ConfigError:
    """One mistake in a configuration and the place where it was made.

    `line` and `column` count from 1; both are 0 when the file as a whole is meant. `path` names the
    setting (`routes.users.match.path`) and is empty for the file itself. `source_line` is the text
    of the line, empty when there is none to show. No value from the environment or from a
    referenced file is ever in here: those appear as they were written, `${env:NAME}`.
    """

    file: str
    line: int
    column: int
    path: str
    message: str
    hint: str = ""
    source_line: str = ""

    def render(self) -> str:
        """The error as text: `file:line:column: path: message`, the source line and a caret."""
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        head = ": ".join(part for part in (place, self.path, self.message) if part)
        lines = [head]
        if self.source_line.strip():
            lines += excerpt(self.source_line, self.column)
        if self.hint:
            lines.append(f"    hint: {self.hint}")
        return "\n".join(printable(line) for line in lines)

    def as_dict(self) -> dict[str, str | int]:
        """The error for machines; the keys are stable."""
        return {
            "file": self.file,
            "line": self.line,
            "column": self.column,
            "path": self.path,
            "message": self.message,
            "hint": self.hint,
            "source_line": self.source_line,
        }


class ConfigErrors(FrontdeskError):
    """A configuration that cannot be used: the mistakes found, sorted by place.

    Beyond `MAX_MISTAKES` the rest is only said to exist: nobody reads ten thousand of them.

    Args:
        errors: the mistakes.
        files: further files whose change may mend them, such as certificates.
    """

    def __init__(self, errors: Iterable[ConfigError], files: Iterable[Path] = ()) -> None:
        self.files = list(files)
        # What is wrong behind an alias is wrong once, however many paths lead there.
        places = {(e.file, e.line, e.column, e.message): e for e in sorted(errors, reverse=True)}
        found = sorted(places.values())
        if len(found) > MAX_MISTAKES:
            more = ConfigError(found[0].file, 0, 0, "", "has further mistakes that are not listed")
            found = [*found[:MAX_MISTAKES], more]
        self.errors: list[ConfigError] = found
        super().__init__(self.render())

    def render(self) -> str:
        """All errors as text, one after the other."""
        return "\n".join(error.render() for error in self.errors)


def printable(text: str) -> str:
    """The text with control and direction-changing characters escaped, safe for a terminal."""
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )


EXCERPT_WIDTH = 96
"""Columns of a source line that are shown; a longer line is cut around the place."""


def excerpt(line: str, column: int) -> list[str]:
    """The source line, cut to a readable width, and a line with a caret under `column`."""
    text = line.rstrip().replace("\t", " ")
    at = max(column - 1, 0)
    start = max(at - EXCERPT_WIDTH // 2, 0) if len(text) > EXCERPT_WIDTH else 0
    shown = text[start : start + EXCERPT_WIDTH]
    before = "…" if start else ""
    after = "…" if start + EXCERPT_WIDTH < len(text) else ""
    return [f"    {before}{shown}{after}", f"    {' ' * (at - start + len(before))}^"]
