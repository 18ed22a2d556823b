"""`${env:NAME}`, `${env:NAME:-default}` and `${file:path}` within strings; `$${` is a literal `${`."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from frontdesk.config.files import read_bounded, reason

if TYPE_CHECKING:
    from pathlib import Path

MAX_REFERENCED_BYTES = 2**20
MARK = "${"

_REFERENCE = re.compile(r"\$\$\{|\$\{([^}]*)(\}?)")
_ENV = re.compile(r"env:([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?", re.DOTALL)
_FILE = re.compile(r"\$\{file:([^}]+)\}")


class Unresolved(Exception):
    """A reference that cannot be resolved, with a hint."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


@dataclass
class Interpolation:
    """Resolves references, and remembers what they gave so that no message shows it.

    `folder` is where relative file names start. `seen` maps each resolved value to its reference.
    """

    folder: Path
    seen: dict[str, str] = field(default_factory=dict)

    def resolve(self, text: str) -> str:
        """The text with every reference replaced.

        Raises:
            Unresolved: a variable is not set, a file not readable, or the reference not understood.
        """
        return _REFERENCE.sub(self._replace, text)

    def _replace(self, found: re.Match[str]) -> str:
        if found[0] == "$${":
            return MARK
        inner = found[1]
        if not found[2]:
            raise Unresolved("`${` without a closing brace", "write `$${` for a literal `${`")
        if inner.startswith("file:"):
            value = self._file(inner.removeprefix("file:"))
        elif env := _ENV.fullmatch(inner):
            value = _variable(env[1], env[2])
        else:
            raise Unresolved(
                f"unknown reference `{found[0]}`, expected `${{env:NAME}}`, "
                "`${env:NAME:-default}` or `${file:path}`",
                "write `$${` for a literal `${`",
            )
        self.seen[value] = found[0]
        return value

    def _file(self, name: str) -> str:
        path = self.folder / name
        try:
            text = read_bounded(path, MAX_REFERENCED_BYTES).decode()
        except OSError as error:
            raise Unresolved(f"the file {path} cannot be read: {reason(error)}") from None
        except ValueError:
            raise Unresolved(f"the file {path} is not UTF-8 text") from None
        return text.removesuffix("\n").removesuffix("\r")


def referenced_files(text: str, folder: Path) -> list[Path]:
    """The files that a configuration's text refers to, whether or not they exist."""
    return [folder / found[1] for found in _FILE.finditer(text)]


def _variable(name: str, fallback: str | None) -> str:
    value = os.environ.get(name)
    if not value and fallback is not None:
        if MARK in fallback:
            raise Unresolved(f"the default of ${{env:{name}}} cannot hold another reference")
        return fallback
    if value is None:
        raise Unresolved(
            f"the environment variable {name} is not set",
            f"set it, or give a default: ${{env:{name}:-…}}",
        )
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise Unresolved(f"the environment variable {name} is not UTF-8 text")
    return value
