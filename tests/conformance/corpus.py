"""The corpus as typed entries."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import yaml

FILE = Path(__file__).with_name("requests.yaml")


@dataclass(frozen=True)
class Entry:
    """One request, where its rule comes from, and the verdict of the codec."""

    id: str
    source: str
    data: bytes
    accepted: bool
    body: bytes
    differs: frozenset[str]


def examples(usual: int) -> int:
    """Number of generated examples: `usual`, or FRONTDESK_EXAMPLES for a long run by hand."""
    return int(os.environ.get("FRONTDESK_EXAMPLES", usual))


def load() -> list[Entry]:
    """All entries of `requests.yaml`; a doubled id is an error."""
    entries = [
        Entry(
            raw["id"],
            str(raw["source"]),
            raw["bytes"].encode("latin-1"),
            {"accepted": True, "refused": False}[raw["verdict"]],
            raw.get("body", "").encode("latin-1"),
            frozenset(raw.get("differs", [])),
        )
        for raw in yaml.safe_load(FILE.read_text(encoding="utf-8"))
    ]
    if len({entry.id for entry in entries}) != len(entries):
        raise ValueError("an id is used twice")
    return entries
