"""How the numbers of a row are shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from .contender import Record

MISSING = "–"


@dataclass(frozen=True)
class Column:
    """A title and how a record's cell reads."""

    title: str
    show: Callable[[Record], str]


def number(key: str, title: str, form: str = ",.0f", scale: float = 1) -> Column:
    """A column for a number, divided by `scale`."""

    def show(record: Record) -> str:
        value: Any = record.get(key)
        return MISSING if value is None else format(value / scale, form)

    return Column(title, show)


def _ratio(record: Record) -> str:
    if record.get("ratio") is None:
        return MISSING
    return f"{record['ratio']:.2f} ({record['ratio_low']:.2f}–{record['ratio_high']:.2f})"


def _rps(record: Record) -> str:
    if record.get("rps") is None:
        return MISSING
    return f"{record['rps']:,.0f}" + (" *" if record["generator_bound"] else "")


def _unless_overloaded(record: Record) -> str:
    return "overloaded" if record.get("overloaded") else str(record["failed"])


def _rounds(record: Record) -> str:
    return f"{record['valid_rounds']}/{record['rounds']}"


NAME = Column("", lambda record: str(record["name"]))
FAILED = number("failed", "failed")
MEBIBYTES = number("pss_bytes", "memory, MiB", ",.1f", 2**20)

SATURATION = (
    NAME,
    number("cpu_us", "CPU-µs/request", ".2f"),
    Column("ratio to nginx (range)", _ratio),
    Column("requests/s", _rps),
    MEBIBYTES,
    FAILED,
    Column("valid rounds", _rounds),
)
LATENCY = (
    NAME,
    number("p50_us", "p50, µs"),
    number("p99_us", "p99, µs"),
    number("p999_us", "p99.9, µs"),
    Column("failed", _unless_overloaded),
)
IDLE = (NAME, number("bytes_per_connection", "bytes/connection"), MEBIBYTES, FAILED)
MEMORY = (
    NAME,
    MEBIBYTES,
    Column("by process, MiB", lambda record: str(record["parts"])),
)
START = (NAME, number("seconds", "seconds to first answer", ".2f"))
RELOAD = (
    NAME,
    number("seconds", "seconds to new route", ".2f"),
    FAILED,
    number("p99_normal_us", "p99 before and after, µs"),
    number("p99_reload_us", "p99 around it, µs"),
    number("p99_ratio", "ratio", ".2f"),
)
