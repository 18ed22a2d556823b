"""Quantities with a unit: durations, sizes, rates of bytes, percentages."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, PlainValidator, WithJsonSchema

from frontdesk.fields.base import invalid

OFF = "off"
PARTS_PER_MILLION = 1_000_000

DURATION_UNITS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
SIZE_UNITS = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}

MAX_DURATION_MS = 365 * DURATION_UNITS["d"]
MAX_SIZE_BYTES = 2**50

_DURATION = re.compile(r"([0-9]{1,12})(ms|s|m|h|d)")
_SIZE = re.compile(r"([0-9]{1,16}) ?(B|KiB|MiB|GiB)")
_PERCENT = re.compile(r"([0-9]{1,3})(?:\.([0-9]{1,4}))?%")


def parse_duration(value: Any) -> int:
    """A duration such as `250ms`, `30s`, `5m`, `1h`, `2d`, in milliseconds."""
    expected = "a duration such as 250ms, 30s, 5m or 1h"
    found = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise invalid(expected, _unit_hint(value, "s"))
    milliseconds = int(found[1]) * DURATION_UNITS[found[2]]
    if not 1 <= milliseconds <= MAX_DURATION_MS:
        raise invalid("a duration from 1ms to 365d")
    return milliseconds


def parse_duration_or_off(value: Any) -> int:
    """A duration in milliseconds, or 0 for `off`."""
    return 0 if value == OFF else parse_duration(value)


def parse_size(value: Any) -> int:
    """A size such as `512B`, `8KiB`, `1MiB`, in bytes."""
    expected = "a size such as 512B, 8KiB or 1MiB"
    found = _SIZE.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise invalid(expected, _size_hint(value))
    size = int(found[1]) * SIZE_UNITS[found[2]]
    if size > MAX_SIZE_BYTES:
        raise invalid("a size of at most 1,048,576GiB")
    return size


def parse_size_or_off(value: Any) -> int:
    """A size in bytes, or 0 for `off`."""
    if value == OFF:
        return 0
    size = parse_size(value)
    if size == 0:
        raise invalid("a size of at least 1B, or off")
    return size


def parse_rate(value: Any) -> int:
    """A rate such as `500B/s` in bytes per second, or 0 for `off`."""
    if value == OFF:
        return 0
    if not isinstance(value, str) or not value.endswith("/s") or not _SIZE.fullmatch(value[:-2]):
        raise invalid("a rate such as 500B/s or 8KiB/s, or off")
    return parse_size(value[:-2])


def parse_percent(value: Any) -> int:
    """A whole percentage, `20%` or the bare number 20."""
    parts = parse_ppm(f"{value}%" if type(value) is int else value)
    if parts % 10_000:
        raise invalid("a whole percentage such as 20%")
    return parts // 10_000


def parse_ppm(value: Any) -> int:
    """A percentage such as `10%` or `0.5%`, in parts per million."""
    found = _PERCENT.fullmatch(value) if isinstance(value, str) else None
    parts = int(found[1]) * 10_000 + int((found[2] or "").ljust(4, "0")) if found else -1
    if not 0 <= parts <= PARTS_PER_MILLION:
        raise invalid("a percentage from 0% to 100%")
    return parts


def between(least: str, most: str) -> AfterValidator:
    """Annotation metadata: a size that lies within bounds, themselves written as sizes."""
    low, high = parse_size(least), parse_size(most)

    def check(size: int) -> int:
        if not low <= size <= high:
            raise invalid(f"a size from {least} to {most}")
        return size

    return AfterValidator(check)


def _unit_hint(value: Any, unit: str) -> str:
    if type(value) is int or (isinstance(value, str) and value.isdecimal()):
        return f"say the unit: {value}{unit}"
    return ""


def _size_hint(value: Any) -> str:
    if isinstance(value, str) and (found := re.fullmatch(r"([0-9]+) ?([kKmMgG])[bB]?", value)):
        return f"units are powers of 1024: {found[1]}{found[2].upper()}iB"
    return _unit_hint(value, "B")


def _schema(pattern: str, examples: list[Any], *, words: list[str] | None = None) -> WithJsonSchema:
    text: dict[str, Any] = {"type": "string", "pattern": f"^{pattern}$", "examples": examples}
    if not words:
        return WithJsonSchema(text)
    return WithJsonSchema({"anyOf": [text, {"enum": words}]})


_DURATION_PATTERN = "[0-9]+(ms|s|m|h|d)"
_SIZE_PATTERN = "[0-9]+ ?(B|KiB|MiB|GiB)"
_PERCENT_PATTERN = "[0-9]+([.][0-9]+)?%"

Duration = Annotated[
    int, PlainValidator(parse_duration), _schema(_DURATION_PATTERN, ["250ms", "30s"])
]
DurationOrOff = Annotated[
    int,
    PlainValidator(parse_duration_or_off),
    _schema(_DURATION_PATTERN, ["30s"], words=[OFF]),
]
Size = Annotated[int, PlainValidator(parse_size), _schema(_SIZE_PATTERN, ["8KiB", "1MiB"])]
SizeOrOff = Annotated[
    int, PlainValidator(parse_size_or_off), _schema(_SIZE_PATTERN, ["1MiB"], words=[OFF])
]
ByteRate = Annotated[
    int, PlainValidator(parse_rate), _schema(f"{_SIZE_PATTERN}/s", ["500B/s"], words=[OFF])
]
Percent = Annotated[
    int,
    PlainValidator(parse_percent),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": "^[0-9]+%$", "examples": ["20%"]},
                {"type": "integer", "minimum": 0, "maximum": 100},
            ]
        }
    ),
]
Sample = Annotated[int, PlainValidator(parse_ppm), _schema(_PERCENT_PATTERN, ["100%", "0.5%"])]

__all__ = [
    "ByteRate",
    "Duration",
    "DurationOrOff",
    "Percent",
    "Sample",
    "Size",
    "SizeOrOff",
    "between",
    "parse_duration",
    "parse_duration_or_off",
    "parse_percent",
    "parse_ppm",
    "parse_rate",
    "parse_size",
    "parse_size_or_off",
]
