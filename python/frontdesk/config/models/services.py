"""`services:` the APIs behind the gateway."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from frontdesk.config.models.policies import Policies
from frontdesk.config.models.tls import UpstreamTls
from frontdesk.fields.addresses import TargetUrl, UpstreamHost
from frontdesk.fields.base import Consistent, Settings, contradiction, default, lacking
from frontdesk.fields.shorthand import not_yet, text_as
from frontdesk.fields.units import (
    Duration,
    DurationOrOff,
    Percent,
    parse_duration,
    parse_duration_or_off,
    parse_percent,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic_core import PydanticCustomError


Balance = Literal["round_robin", "least_requests"]
Protocol = Literal["auto", "http1", "h2", "h2c"]


class Target(Settings):
    """One address behind a service."""

    unavailable = frozenset({"tls", "zone"})

    url: TargetUrl = Field(
        description="`http://host:port` or `https://host:port`, a path in it is a prefix; or "
        "`tcp://host:port` for connections that are passed through."
    )
    weight: int = Field(
        default=1, ge=0, le=10_000, description="Share of the requests; 0 takes no new ones."
    )


class Timeouts(Settings):
    """How long the gateway waits for the upstream."""

    connect: Duration = default("5s", parse_duration, "Time to connect; then 504.")
    first_byte: Duration = default(
        "15s", parse_duration, "Time from the end of the request to the response head; then 504."
    )
    idle: Duration = default(
        "60s", parse_duration, "Time in which a response body makes no progress; then cut."
    )
    total: DurationOrOff = default(
        "off", parse_duration_or_off, "Time for the whole exchange, or off."
    )


class Retries(Settings):
    """Further attempts: only when nothing was sent or the method is idempotent."""

    unavailable = frozenset({"on", "methods", "backoff"})

    attempts: int = Field(default=1, ge=0, le=10, description="Attempts after the first one.")
    budget: Percent = default(
        "20%", parse_percent, "Retries as a share of the service's requests, plus ten a second."
    )


class Pool(Settings):
    """Idle connections that are kept for each target, in each engine thread."""

    idle: Duration = default("30s", parse_duration, "Time an unused connection is kept.")
    max_idle: int = Field(default=512, ge=0, le=100_000, description="Unused connections kept.")


class Service(Consistent):
    """One API behind the gateway: its targets, and how it is called."""

    unavailable = frozenset(
        {"dns", "discovery", "sticky", "health", "circuit_breaker", "slow_start", "hedge"}
    )

    url: TargetUrl | None = Field(
        default=None, description="The only target. Either `url` or `targets` is given."
    )
    targets: list[Annotated[Target, text_as("url")]] | None = Field(
        default=None, min_length=1, max_length=10_000,
        description="Several targets, each a URL or a map of `url` and `weight`.",
    )  # fmt: skip
    balance: Annotated[Balance, not_yet("ewma", "random", "hash")] = Field(
        default="round_robin",
        description="How a target is chosen: in turn by weight, "
        "or the less loaded of the next two in turn.",
    )
    timeouts: Timeouts = Field(
        default_factory=Timeouts, description="How long the gateway waits for the upstream."
    )
    retries: Retries = Field(
        default_factory=Retries, description="Further attempts after a failed one."
    )
    pool: Pool = Field(default_factory=Pool, description="Idle connections that are kept.")
    host: UpstreamHost = Field(
        default="client",
        description="The Host that the upstream sees: `client` (what the client sent), "
        "`target` (the target's own), or the authority given here.",
    )
    lf_line_ends: bool = Field(
        default=False, description="Whether a bare LF may end a line of a response head."
    )
    protocol: Protocol = Field(
        default="auto",
        description="What is spoken to the targets: `http1`; `h2`, HTTP/2 over TLS; `h2c`, HTTP/2 "
        "without TLS; `auto`, what an `https://` target chooses (ALPN), and HTTP/1 otherwise.",
    )
    proxy_protocol: Literal[1, 2] | None = Field(
        default=None,
        description="Version of PROXY protocol with which connections to `tcp://` targets begin, so that "
        "they learn the client's address.",
    )
    tls: UpstreamTls | None = Field(
        default=None,
        description="How targets with an `https://` URL are verified; "
        "without it by the system's authorities.",
    )
    policies: Policies = Field(
        default_factory=Policies, description="Policies of every route to this service."
    )

    def contradictions(self) -> Iterator[PydanticCustomError]:
        """Settings that do not go together."""
        hint = 'write url: "http://host:port" or a list of targets'
        if self.url is not None and self.targets is not None:
            yield contradiction("both url and targets are given", hint)
        if self.url is None and self.targets is None:
            yield lacking("neither url nor targets is given", hint)
        schemes = {target.url.scheme for target in self.all_targets()}
        if len(schemes) > 1:
            first, second = sorted(schemes)[:2]
            yield contradiction(
                f"some targets are {first}:// and some are {second}://",
                "make two services of them, or give all the same scheme",
            )
        if self.proxy_protocol is not None and "tcp" not in schemes:
            yield contradiction(
                "proxy_protocol is only for tcp:// targets",
                "requests carry X-Forwarded-For instead",
            )
        if self.tls is not None and "https" not in schemes:
            given = " and ".join(f"{scheme}://" for scheme in sorted(schemes))
            yield contradiction(f"tls is given, but the targets are {given}", "write https://")
        if self.protocol != "auto" and schemes == {"tcp"}:
            yield contradiction(
                "protocol is given, but the targets are tcp://", "leave it out, or write http://"
            )
        if self.protocol == "h2" and schemes == {"http"}:
            yield contradiction(
                "protocol h2 is HTTP/2 over TLS, but the targets are http://",
                "write protocol: h2c, or https://",
            )
        if self.protocol == "h2c" and schemes == {"https"}:
            yield contradiction(
                "protocol h2c is HTTP/2 without TLS, but the targets are https://",
                "write protocol: h2, or http://",
            )

    def is_tcp(self) -> bool:
        """Whether connections are passed through to it."""
        return any(target.url.scheme == "tcp" for target in self.all_targets())

    def all_targets(self) -> list[Target]:
        """The targets in order, whichever way they were written."""
        if self.url is not None:
            return [Target(url=self.url)]
        return self.targets or []
