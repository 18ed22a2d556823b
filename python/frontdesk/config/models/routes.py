"""`routes:` which requests are taken, and what is done with them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, Field

from frontdesk.config.models.matches import Match
from frontdesk.config.models.policies import Policies
from frontdesk.config.models.websocket import WebSocket
from frontdesk.fields.base import Consistent, Settings, contradiction, default, invalid, lacking
from frontdesk.fields.checked import FieldValue, LiteralPath, Name
from frontdesk.fields.shorthand import Shorthand, one_or_many
from frontdesk.fields.units import Percent, SizeOrOff, parse_size_or_off

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic_core import PydanticCustomError

_UPGRADE = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]{1,64}(/[a-z0-9.]{1,16})?")
ACTIONS = ("service", "redirect", "respond")
NO_BODY = frozenset({204, 205, 304})


class Redirect(Settings):
    """Answer with a redirect."""

    to: str = Field(
        min_length=1,
        max_length=8_192,
        description="Location: a path or an http(s) URL, with `{name}` for variables of the "
        "match and `{request.host}`, `{request.path}`.",
    )
    status: Literal[301, 302, 303, 307, 308] = Field(default=308, description="Status code.")


class Respond(Consistent):
    """Answer with a fixed response."""

    status: int = Field(default=200, ge=200, le=599, description="Status code.")
    body: str = Field(default="", max_length=2**20, description="Body, sent as UTF-8.")
    content_type: FieldValue = Field(
        default="text/plain; charset=utf-8", description="Content-Type of the body."
    )

    def contradictions(self) -> Iterator[PydanticCustomError]:
        """Settings that do not go together."""
        if self.body and self.status in NO_BODY:
            yield contradiction(f"a response of status {self.status} has no body", "leave body out")


class Rewrite(Settings):
    """What the upstream sees in place of the request's own path."""

    unavailable = frozenset({"host", "query"})

    path: str = Field(
        min_length=1,
        max_length=8_192,
        description="Template of the whole path, with `{name}` for variables of the match.",
    )


class Mirror(Settings):
    """Copies of requests to another service, whose answer is dropped."""

    service: Name = Field(description="The service that gets the copies.")
    percent: Percent = Field(default=100, description="Share of the requests that are copied.")


def _lower(token: str) -> str:
    if not _UPGRADE.fullmatch(token.lower()):
        raise invalid("an upgrade token such as websocket")
    return token.lower()


def _some_weight(split: dict[str, int]) -> dict[str, int]:
    if not any(split.values()):
        raise lacking("no service has a weight above 0", "give one a weight, such as 1")
    return split


def _named(value: Any) -> Any:
    if isinstance(value, str):
        return {value: 1}
    if not isinstance(value, dict):
        raise invalid("the name of a service, or a map of names to weights")
    return value


Weight = Annotated[int, Field(ge=0, le=1_000_000)]
Split = Annotated[
    dict[Name, Weight], Shorthand(_named, {"type": "string"}), AfterValidator(_some_weight)
]


class Route(Consistent):
    """Match rules, policies, and one of `service`, `redirect`, `respond`."""

    unavailable = frozenset({"compose", "plugins", "plan", "consumers"})

    match: Annotated[list[Match], Field(min_length=1, max_length=1_000), one_or_many()] = Field(
        description="Rules, or a list of them of which any suffices. `{}` takes every request."
    )
    service: Split | None = Field(
        default=None,
        description="Where requests go: a service, or a map of services to weights.",
    )
    redirect: Redirect | None = Field(default=None, description="Answer with a redirect.")
    respond: Respond | None = Field(default=None, description="Answer with a fixed response.")
    strip_prefix: LiteralPath | None = Field(
        default=None, description="Leading part of the path that the upstream does not see."
    )
    rewrite: Rewrite | None = Field(
        default=None, description="What the upstream sees in place of the path."
    )
    mirror: Mirror | None = Field(default=None, description="Copies to another service.")
    priority: int = Field(
        default=0, ge=-1_000_000, le=1_000_000,
        description="Goes before every other rule of precedence; higher wins.",
    )  # fmt: skip
    max_body: SizeOrOff = default(
        "1MiB", parse_size_or_off, "Size of a request body, or off; beyond it 413."
    )
    grpc_web: bool = Field(
        default=False,
        description="Whether browsers may call gRPC here (gRPC-Web, binary and text); "
        "what is no gRPC-Web passes as it is.",
    )
    upgrades: list[Annotated[str, AfterValidator(_lower)]] = Field(
        default=["websocket"], description="Protocols to which a connection may be upgraded."
    )
    websocket: WebSocket | None = Field(
        default=None, description="Rules of upgraded connections; the defaults below when left out."
    )
    policies: Policies = Field(
        default_factory=Policies, description="Policies of this route; they replace wider ones."
    )

    def contradictions(self) -> Iterator[PydanticCustomError]:
        """Settings that do not go together."""
        given = [name for name in ACTIONS if getattr(self, name) is not None]
        if len(given) > 1:
            hint = "a route has exactly one of them"
            yield contradiction(f"{' and '.join(given)} are given", hint)
        if not given:
            yield lacking("none of service, redirect and respond is given", "name a service")
        for name in ("strip_prefix", "rewrite", "mirror"):
            if getattr(self, name) is not None and self.service is None and given:
                hint = f"{given[0]} sends nothing on"
                yield lacking(f"{name} works only with service", hint)
        if self.websocket is not None and not self.upgrades:
            yield contradiction(
                "websocket is given, but upgrades is empty", "leave upgrades out, or name websocket"
            )
        if self.strip_prefix is not None and self.rewrite is not None:
            yield contradiction(
                "both strip_prefix and rewrite are given", "rewrite alone sets the whole path"
            )
