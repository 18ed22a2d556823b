"""`process:` how many processes and threads serve, and how they end."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from frontdesk.fields.base import Settings, default, invalid
from frontdesk.fields.shorthand import Shorthand
from frontdesk.fields.units import Duration, parse_duration

AUTO = "auto"


def _auto_or_number(value: Any) -> Any:
    """`auto` is 0 from here on; a number stays one."""
    if value == AUTO:
        return 0
    if type(value) is not int or value < 1:
        raise invalid("auto or a whole number from 1")
    return value


_AUTO = Shorthand(_auto_or_number, {"const": AUTO})


def _auto(description: str) -> Any:
    return Field(default=0, description=description, json_schema_extra={"default": AUTO})


class Process(Settings):
    """Processes, threads, and their end."""

    workers: int = Field(
        default=1, ge=1, le=64,
        description="Worker processes. More than one is for isolation, not for speed.",
    )  # fmt: skip
    threads: Annotated[int, Field(ge=0, le=256), _AUTO] = _auto(
        "Engine threads of a worker; auto is one for each core that the process may use."
    )
    max_connections: Annotated[int, Field(ge=0, le=10_000_000), _AUTO] = _auto(
        "Client connections of a worker; beyond it new ones are refused at once. "
        "auto is 9000, or half the limit of descriptors where that is less."
    )
    drain: Duration = default(
        "30s", parse_duration, "Time that requests in flight are given when the gateway stops."
    )
