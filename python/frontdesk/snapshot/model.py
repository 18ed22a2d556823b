"""The snapshot: everything the engine needs, fully explicit, frozen and free of secrets.

The models below are the source of truth. The Rust mirror in `crates/frontdesk-engine/src/snapshot.rs`
repeats names and types only; a contract test compares both sides byte for byte. Durations are integer
milliseconds (fields end in `_ms`), sizes are bytes (`_bytes`), zero means "off" where a field says so.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Milliseconds = Annotated[int, Field(ge=0, le=2**40)]
Bytes = Annotated[int, Field(ge=0, le=2**60)]
Port = Annotated[int, Field(ge=0, le=65535)]
Name = Annotated[str, Field(min_length=1, max_length=200)]


class Model(BaseModel):
    """Base of every snapshot model: immutable, and unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Underscores(StrEnum):
    """What happens to request fields whose name has `_`, which many back ends read as `-`."""

    drop = "drop"
    refuse = "refuse"
    allow = "allow"


class Limits(Model):
    """Bounds of one listener: each refuses or closes cleanly, none lets memory grow."""

    head_timeout_ms: Milliseconds
    body_idle_ms: Milliseconds
    body_min_rate: Annotated[int, Field(ge=0, description="bytes per second, 0 is off")]
    body_min_rate_after_ms: Milliseconds
    write_idle_ms: Milliseconds
    keepalive_idle_ms: Milliseconds
    keepalive_requests: Annotated[int, Field(ge=1, le=2**31 - 1)]
    connection_age_ms: Milliseconds
    head_bytes: Annotated[int, Field(ge=1024, le=2**20)]
    head_fields: Annotated[int, Field(ge=8, le=10_000)]
    target_bytes: Annotated[int, Field(ge=64, le=2**20)]
    chunk_extension_bytes: Annotated[int, Field(ge=0, le=2**20)]
    early_answer_drain_bytes: Bytes
    http2_streams: Annotated[int, Field(ge=1, le=10_000)]
    http2_stream_window_bytes: Annotated[int, Field(ge=65_535, le=2**31 - 1)]
    http2_connection_window_bytes: Annotated[int, Field(ge=65_535, le=2**31 - 1)]
    http2_header_list_bytes: Annotated[int, Field(ge=1024, le=2**20)]


class Certificate(Model):
    """A certificate by references; the fingerprint changes with the files."""

    chain: str
    key: str
    ocsp: str | None
    fingerprint: str


class ListenerTls(Model):
    """TLS towards clients."""

    certificates: Annotated[list[Certificate], Field(min_length=1)]
    only_1_3: bool
    strict_names: bool
    handshake_ms: Milliseconds


class RedirectHttps(Model):
    """Sends plain requests to HTTPS."""

    port: Annotated[int, Field(ge=1, le=65535)]
    status: Annotated[int, Field(ge=300, le=399)]


class IpFilter(Model):
    """Settings of the `ip_filter` policy; deny wins, an empty allow list allows all others."""

    kind: Literal["ip_filter"]
    allow: list[str]
    deny: list[str]


Policy = IpFilter


class TcpRoute(Model):
    """Where connections go that have this name in their TLS hello; "" is for all others."""

    name: str
    service: Name
    policies: list[Policy]


class Tcp(Model):
    """Connections that are passed through. `hello_ms` bounds the wait for a TLS hello."""

    routes: Annotated[list[TcpRoute], Field(min_length=1)]
    idle_ms: Milliseconds
    hello_ms: Milliseconds


class Listener(Model):
    """A bound address. Its sockets come from the supervisor, under this name."""

    name: Name
    host: Annotated[str, Field(description="an IPv4 or IPv6 address literal, without brackets")]
    port: Port
    trusted_proxies: list[str]
    proxy_protocol: bool
    underscores: Underscores
    lf_line_ends: bool
    merge_slashes: bool
    tls: ListenerTls | None
    hsts: Annotated[str | None, Field(description="value of Strict-Transport-Security")]
    http2: bool
    redirect_https: RedirectHttps | None
    tcp: Tcp | None
    limits: Limits


class Target(Model):
    """One address behind a service. Weight 0 takes no new requests."""

    scheme: Literal["http", "https", "tcp"]
    host: Annotated[str, Field(min_length=1, max_length=255)]
    port: Annotated[int, Field(ge=1, le=65535)]
    path_prefix: Annotated[str, Field(description='"" or a canonical path without trailing slash')]
    weight: Annotated[int, Field(ge=0, le=10_000)]


class Balance(StrEnum):
    """How a service chooses among its targets."""

    round_robin = "round_robin"
    least_requests = "least_requests"


class Protocol(StrEnum):
    """What is spoken to the targets of a service; `auto` is their choice by ALPN."""

    http1 = "http1"
    http2 = "http2"
    auto = "auto"


class Timeouts(Model):
    """Upstream timeouts of a service; `total_ms` 0 is off."""

    connect_ms: Annotated[int, Field(ge=1, le=2**40)]
    first_byte_ms: Annotated[int, Field(ge=1, le=2**40)]
    idle_ms: Annotated[int, Field(ge=1, le=2**40)]
    total_ms: Milliseconds


class Retries(Model):
    """Extra attempts: only when nothing was sent or the method is idempotent, within the budget."""

    attempts: Annotated[int, Field(ge=0, le=10)]
    budget_percent: Annotated[int, Field(ge=0, le=100)]
    budget_per_second: Annotated[int, Field(ge=0, le=1_000_000)]


class Pool(Model):
    """Idle upstream connections kept per thread and target."""

    idle_ms: Milliseconds
    max_idle: Annotated[int, Field(ge=0, le=100_000)]


class UpstreamTls(Model):
    """TLS towards targets, by references; the fingerprint changes with the files."""

    ca: str | None
    verify: bool
    server_name: str | None
    chain: str | None
    key: str | None
    fingerprint: str


class Service(Model):
    """One API behind the gateway."""

    name: Name
    targets: Annotated[list[Target], Field(min_length=1)]
    balance: Balance
    timeouts: Timeouts
    retries: Retries
    pool: Pool
    host: Annotated[
        str, Field(description='Host sent upstream: "client", "target", or a literal authority')
    ]
    lf_line_ends: bool
    protocol: Protocol
    proxy_protocol: Annotated[int, Field(ge=0, le=2, description="version; 0 is none")]
    tls: UpstreamTls | None


class PathKind(StrEnum):
    """The kinds of path rule, in their order of precedence."""

    exact = "exact"
    template = "template"
    prefix = "prefix"
    regex = "regex"


class PathRule(Model):
    """`value` is the pattern as the router takes it: `/a`, `/a/{id}`, `/a/**`, or a regex."""

    kind: PathKind
    value: str


class FieldRule(Model):
    """A header or query rule; `value` null means any value. Header names are lower case."""

    name: Name
    value: str | None


class Match(Model):
    """One set of rules that all must hold. Null host and path mean any; no methods mean all."""

    host: str | None
    path: PathRule | None
    methods: list[str]
    headers: list[FieldRule]
    query: list[FieldRule]


class Share(Model):
    """One part of a weighted split."""

    service: Name
    weight: Annotated[int, Field(ge=0, le=1_000_000)]


class Mirror(Model):
    """Copies requests to another service; the answer is dropped and never delays the client."""

    service: Name
    percent: Annotated[int, Field(ge=0, le=100)]


class Forward(Model):
    """Send the request to a service, chosen by weight."""

    kind: Literal["forward"]
    split: Annotated[list[Share], Field(min_length=1)]
    strip_prefix: Annotated[str, Field(description='"" or a canonical path prefix')]
    rewrite_path: Annotated[str | None, Field(description="template for the whole path")]
    mirror: Mirror | None


class Redirect(Model):
    """Answer with a redirect; `to` is a template."""

    kind: Literal["redirect"]
    to: str
    status: Annotated[int, Field(ge=300, le=399)]


class Respond(Model):
    """Answer with a fixed response."""

    kind: Literal["respond"]
    status: Annotated[int, Field(ge=200, le=599)]
    body: str
    content_type: str


Action = Annotated[Forward | Redirect | Respond, Field(discriminator="kind")]


class WebSocket(Model):
    """Rules of upgraded connections. `ping_ms` and `max_message_bytes`: 0 is none."""

    origins: Annotated[list[str], Field(description="in lower case; empty is any")]
    idle_ms: Milliseconds
    ping_ms: Milliseconds
    max_message_bytes: Annotated[int, Field(ge=0, le=2**60)]


class Route(Model):
    """Match rules, policies in the order they run, and one action."""

    name: Name
    priority: Annotated[int, Field(ge=-1_000_000, le=1_000_000)]
    matches: Annotated[list[Match], Field(min_length=1)]
    action: Action
    policies: list[Policy]
    max_body_bytes: Annotated[int, Field(ge=0, le=2**60, description="0 is no limit")]
    grpc_web: bool
    upgrades: Annotated[list[str], Field(description="lower-case upgrade tokens that may pass")]
    websocket: Annotated[WebSocket | None, Field(description="null: those of the process")]


class AccessLog(Model):
    """`to`: "off", "stdout", or an absolute file path. `sample_ppm`: of a million requests."""

    to: str
    format: Literal["json", "common"]
    fields: list[str]
    sample_ppm: Annotated[int, Field(ge=0, le=1_000_000)]


class Observe(Model):
    """What is written about requests."""

    access_log: AccessLog


class Process(Model):
    """Bounds of a worker process; `max_connections` 0 means min(9000, half the fd limit)."""

    max_connections: Annotated[int, Field(ge=0, le=10_000_000)]
    drain_ms: Milliseconds
    websocket: WebSocket


class Snapshot(Model):
    """One compiled configuration. `schema_hash` names the shape, see `codec.schema_hash`."""

    schema_hash: Annotated[str, Field(min_length=16, max_length=16)]
    listeners: list[Listener]
    services: list[Service]
    routes: list[Route]
    observe: Observe
    process: Process
