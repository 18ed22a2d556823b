"""`websocket:` of a route: who may open one, how long it may be silent, what it may carry."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, Field

from frontdesk.fields.base import Consistent, contradiction, default, invalid
from frontdesk.fields.units import (
    Duration,
    DurationOrOff,
    SizeOrOff,
    parse_duration,
    parse_duration_or_off,
    parse_size_or_off,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic_core import PydanticCustomError

_ORIGIN = re.compile(r"([a-z][a-z0-9+.-]*)://([a-z0-9._-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?")
_DEFAULT_PORTS = {"https": ":443", "wss": ":443", "http": ":80", "ws": ":80"}


def _origin(value: str) -> str:
    """An origin as browsers send it (RFC 6454 section 6.2): lower case, without the scheme's own port."""
    found = _ORIGIN.fullmatch(value.lower())
    if found is None:
        raise invalid(
            "an origin such as https://app.example.com",
            "scheme, host and port if it is not the usual one; no path, no *",
        )
    scheme, host, port = found.groups()
    return f"{scheme}://{host}{'' if port == _DEFAULT_PORTS.get(scheme) else port or ''}"


class WebSocket(Consistent):
    """Rules of the upgraded connections of a route."""

    origins: Annotated[list[Annotated[str, AfterValidator(_origin)]], Field(max_length=1_000)] = (
        Field(
            default=[],
            description="Pages that may connect, by their origin; any when left out. A program that sends no "
            "Origin is no page.",
        )
    )
    idle: Duration = default(
        "60s",
        parse_duration,
        "Silence after which a side counts as dead and the connection is closed.",
    )
    ping: DurationOrOff = default(
        "20s", parse_duration_or_off,
        "Silence after which a side is sent a ping, or off. Without pings, idle counts only while both sides "
        "are silent.",
    )  # fmt: skip
    max_message: SizeOrOff = default(
        "off",
        parse_size_or_off,
        "Size of a message, or off; beyond it the connection is closed with 1009.",
    )

    def contradictions(self) -> Iterator[PydanticCustomError]:
        """Settings that do not go together."""
        if self.ping >= self.idle:
            yield contradiction(
                "ping is not shorter than idle", "a side must have time to answer; or set ping: off"
            )
