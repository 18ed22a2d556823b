"""References: what a snapshot says in place of a certificate or key, and how to get it again."""

from __future__ import annotations

import os
import stat
from pathlib import Path

TEXT, BINARY = "file:", "hexfile:"
MAX_BYTES = 2**20


class Unresolvable(Exception):
    """What a reference points to cannot be had; the message says which file and why."""


def of_file(path: Path, *, binary: bool = False) -> str:
    """The reference of a file; a binary one is handed over as hexadecimal digits."""
    return f"{BINARY if binary else TEXT}{path}"


def resolve(wanted: list[str]) -> dict[str, str]:
    """The texts behind references, for a start without the compiler.

    Raises:
        Unresolvable: one of them cannot be had.
    """
    return {reference: _read(reference) for reference in wanted}


def _read(reference: str) -> str:
    kind, _, name = reference.partition(":")
    try:
        content = _bounded(name)
        return content.hex() if f"{kind}:" == BINARY else content.decode()
    except (OSError, ValueError) as error:
        raise Unresolvable(f"{name} cannot be read: {error}") from error


def _bounded(name: str) -> bytes:
    """The content of a regular file; nothing else is waited for, and no more taken than the compiler takes."""
    descriptor = os.open(name, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise ValueError("it is not a regular file")
    with os.fdopen(descriptor, "rb") as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise ValueError(f"it is larger than {MAX_BYTES:,} bytes")
    return content
