"""`tcp:` of a listener: connections that are passed through as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, Field

from frontdesk.fields.addresses import check_server_name
from frontdesk.fields.base import Consistent, contradiction, default, lacking
from frontdesk.fields.checked import Name
from frontdesk.fields.shorthand import Shorthand
from frontdesk.fields.units import Duration, parse_duration

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic_core import PydanticCustomError


def _server_name(value: str) -> str:
    """A name as it stands in a TLS hello; `*.` is for one label."""
    rest = value.removeprefix("*.")
    prefix = value[: len(value) - len(rest)]
    return prefix + check_server_name(rest).lower()


def _as_service(value: Any) -> Any:
    return {"service": value} if isinstance(value, str) else value


TCP = Shorthand(_as_service, {"type": "string"})


class Tcp(Consistent):
    """Where connections go; the gateway does not look into them."""

    service: Name | None = Field(
        default=None,
        description="A service with tcp:// targets: for every connection, or for those that `names` does "
        "not name.",
    )
    names: dict[Annotated[str, AfterValidator(_server_name)], Name] = Field(
        default={},
        max_length=10_000,
        description="Services by the name in the TLS hello (SNI), `*.` for one label. "
        "The TLS is between client and service.",
    )
    idle: Duration = default(
        "1h", parse_duration, "Time in which neither side sends anything; then closed."
    )

    def contradictions(self) -> Iterator[PydanticCustomError]:
        """Settings that do not go together."""
        if self.service is None and not self.names:
            yield lacking("neither service nor names is given", "name a service")

    def services(self) -> dict[str, str]:
        """Services by name; the empty one is for all others."""
        others = {} if self.service is None else {"": self.service}
        return self.names | others


def without_http(tcp: Tcp | None, **http: object) -> Iterator[PydanticCustomError]:
    """Settings of HTTP beside `tcp`."""
    for name, given in http.items():
        if tcp is not None and given:
            yield contradiction(
                f"{name} has no meaning where connections are passed through", "leave it out"
            )
