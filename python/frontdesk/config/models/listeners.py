"""`listeners:` where the gateway accepts connections, and what it bears from them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from frontdesk.config.models.tcp import TCP, Tcp, without_http
from frontdesk.config.models.tls import ListenerTls
from frontdesk.fields.addresses import Address, ListenAddress
from frontdesk.fields.base import Consistent, Settings, contradiction, default, lacking
from frontdesk.fields.checked import Cidr
from frontdesk.fields.shorthand import Shorthand
from frontdesk.fields.units import (
    ByteRate,
    Duration,
    Size,
    between,
    parse_duration,
    parse_rate,
    parse_size,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic_core import PydanticCustomError

HeadSize = Annotated[Size, between("1KiB", "1MiB")]
TargetSize = Annotated[Size, between("64B", "1MiB")]


class Limits(Settings):
    """What one connection may take; beyond it the request is refused or the connection closed."""

    head_timeout: Duration = default(
        "10s", parse_duration, "Time until a request head is complete; then 408."
    )
    tls_handshake: Duration = default(
        "10s", parse_duration, "Time until a TLS handshake is complete; then closed."
    )
    body_idle: Duration = default(
        "30s", parse_duration, "Time in which a request body makes no progress; then 408."
    )
    body_min_rate: ByteRate = default(
        "500B/s", parse_rate, "Slowest average at which a request body may arrive, or off."
    )
    body_min_rate_after: Duration = default(
        "10s", parse_duration, "Time after which `body_min_rate` is demanded."
    )
    write_idle: Duration = default(
        "60s", parse_duration, "Time in which the client takes no byte of a response; then closed."
    )
    keepalive_idle: Duration = default(
        "75s", parse_duration, "Time a connection may wait for its next request."
    )
    keepalive_requests: int = Field(
        default=1000, ge=1, le=2**31 - 1, description="Requests on one connection."
    )
    connection_age: Duration = default(
        "1h", parse_duration, "Age at which a connection is closed after its current request."
    )
    head_size: HeadSize = default(
        "32KiB", parse_size, "Size of a request head, from 1KiB to 1MiB; beyond it 431."
    )
    head_fields: int = Field(
        default=100, ge=8, le=10_000, description="Fields of a request head; beyond it 431."
    )
    target_size: TargetSize = default(
        "8KiB", parse_size, "Size of a request target, from 64B to 1MiB; beyond it 414."
    )
    chunk_extensions: Annotated[Size, between("0B", "1MiB")] = default(
        "4KiB", parse_size, "Size of all chunk extensions of a request; beyond it 400."
    )
    early_answer_drain: Size = default(
        "64KiB",
        parse_size,
        "Rest of a request body that is read and dropped after an early answer; "
        "more closes the connection.",
    )
    http2_streams: int = Field(
        default=100, ge=1, le=10_000, description="Concurrent requests on one HTTP/2 connection."
    )
    http2_stream_window: Annotated[Size, between("64KiB", "1GiB")] = default(
        "64KiB", parse_size, "Body bytes that one HTTP/2 request may send ahead."
    )
    http2_connection_window: Annotated[Size, between("64KiB", "1GiB")] = default(
        "1MiB", parse_size, "Body bytes that all requests of an HTTP/2 connection may send ahead."
    )
    http2_header_list: HeadSize = default(
        "16KiB",
        parse_size,
        "Size of the decoded fields of an HTTP/2 request, 32 bytes more for each; beyond it 431.",
    )


class RedirectHttps(Settings):
    """Where requests are sent that came without TLS."""

    port: int = Field(
        default=443, ge=1, le=65_535, description="Port as clients see it; 443 is left out."
    )
    status: Literal[301, 302, 303, 307, 308] = Field(default=308, description="Status code.")


REDIRECT = Shorthand(
    lambda value: {True: {}, False: None}.get(value, value) if isinstance(value, bool) else value,
    {"type": "boolean"},
)


class Listener(Consistent):
    """A bound address."""

    unavailable = frozenset({"http3"})

    address: ListenAddress = Field(
        description='Where to listen: "host:port" with a literal address, ":8000", "[::]:8000".'
    )
    trusted_proxies: list[Cidr] = Field(
        default=[],
        description="Networks whose forwarding fields and PROXY protocol are believed. "
        "None by default, not even the loopback.",
    )
    proxy_protocol: bool = Field(
        default=False,
        description="Whether connections from trusted proxies begin with PROXY protocol v1 or v2.",
    )
    underscores: Literal["drop", "refuse", "allow"] = Field(
        default="drop",
        description="What happens to request fields with `_` in their name, "
        "which many back ends take for `-`.",
    )
    lf_line_ends: bool = Field(
        default=False, description="Whether a bare LF may end a line of a request head."
    )
    merge_slashes: bool = Field(
        default=True, description="Whether empty segments of a path are merged: `//a` becomes `/a`."
    )
    tls: ListenerTls | None = Field(
        default=None,
        description="Certificates; with them the listener speaks TLS and nothing else.",
    )
    http2: bool = Field(
        default=True,
        description="Whether HTTP/2 is spoken: over TLS with clients that offer it (ALPN), "
        "otherwise with clients that begin with it (prior knowledge).",
    )
    redirect_https: Annotated[RedirectHttps | None, REDIRECT] = Field(
        default=None,
        description="Answers every request with the same URL over HTTPS; `true` for port 443.",
    )
    tcp: Annotated[Tcp | None, TCP] = Field(
        default=None,
        description="Passes connections through, whatever is spoken on them: to the service named here, or "
        "by the name in a TLS hello.",
    )
    limits: Limits = Field(default_factory=Limits, description="What one connection may take.")

    def contradictions(self) -> Iterator[PydanticCustomError]:
        """Settings that do not go together."""
        hsts = self.tls.hsts if self.tls else None
        yield from without_http(self.tcp, redirect_https=self.redirect_https, hsts=hsts)
        if self.tcp is not None and self.tcp.names and self.tls is not None:
            yield contradiction(
                "tls answers the hello that names should choose by",
                "leave tls out, or name one service",
            )
        if self.tls is not None and self.redirect_https is not None:
            yield contradiction(
                "redirect_https on a listener that speaks TLS would send clients in a circle",
                "put it on the plain listener",
            )
        if self.proxy_protocol and not self.trusted_proxies:
            yield lacking(
                "proxy_protocol is on, but no proxy is trusted to send it",
                "name the proxies in trusted_proxies",
            )


def default_listeners() -> dict[str, Listener]:
    """The listeners of a configuration that names none."""
    return {"web": Listener(address=Address("0.0.0.0", 8000))}
