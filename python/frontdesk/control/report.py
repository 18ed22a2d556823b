"""The outcome of a reload, and the counts of all of them."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any


class Result(StrEnum):
    """What came of a reload."""

    applied = "applied"
    refused = "refused"
    unchanged = "unchanged"


@dataclass(frozen=True)
class Report:
    """One reload.

    Attributes:
        cause: "start", "file change", "signal", "command" or "control restart".
        hash: of the configuration that is in force after it, "" when there is none.
        errors: why it was refused, as `ConfigError.as_dict` gives them.
        text: the same for people.
        warnings: what will count only after a restart, or did not work beside the reload.
        at: Unix time in seconds.
        seconds: how long it took.
    """

    result: Result
    cause: str
    hash: str
    errors: list[dict[str, Any]] = field(default_factory=list)
    text: str = ""
    warnings: list[str] = field(default_factory=list)
    at: float = field(default_factory=time.time)
    seconds: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


class Counts:
    """How many reloads came to which result; the first load of a process is not one."""

    def __init__(self) -> None:
        self.by_result = dict.fromkeys(Result, 0)

    def count(self, report: Report) -> None:
        """Take a reload into account."""
        self.by_result[report.result] += 1
