"""The rows of the benchmark: what is measured, with whom, under which title."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import columns, idle, open_loop, reload, saturation, start
from .contender import Contender
from .peers import ENVOY, FRONTDESK, HAPROXY, NGINX, Peer
from .reloadable import ReloadFrontdesk, ReloadNginx
from .upstream import grpc_upstream, websocket_echo
from .work import Work

if TYPE_CHECKING:
    from collections.abc import Callable

    from .columns import Column
    from .run_context import Context, Result
    from .work import Speaks

BODY = 1024
LOW_RATE = 5_000


@dataclass(frozen=True)
class Row:
    """One table of the report."""

    name: str
    title: str
    columns: tuple[Column, ...]
    measure: Callable[[Context], Result]


def _everyone(context: Context, routes: int = 1, body: int = BODY) -> list[Contender]:
    work = Work(context.upstream[body], routes)
    return [
        Contender(peer.name, peer, work) for peer in context.peers if routes <= peer.most_routes
    ]


def _some(context: Context, *chosen: tuple[str, Peer, Work]) -> list[Contender]:
    return [Contender(*each) for each in chosen if context.has(each[1])]


def _body(size: int) -> Callable[[Context], Result]:
    return lambda context: saturation.measure(context, _everyone(context, body=size), NGINX.name)


def _speaking(speaks: Speaks, *peers: Peer) -> Callable[[Context], Result]:
    def measure(context: Context) -> Result:
        work = Work(context.upstream[BODY], speaks=speaks)
        chosen = _some(context, *((peer.name, peer, work) for peer in peers))
        return saturation.measure(context, chosen, NGINX.name)

    return measure


def _grpc(context: Context) -> Result:
    with grpc_upstream(NGINX.find() or NGINX.name, context.folder) as port:
        work = Work(port, speaks="grpc")
        chosen = _some(context, *((peer.name, peer, work) for peer in (FRONTDESK, NGINX, ENVOY)))
        return saturation.measure(context, chosen, NGINX.name)


def _websocket(context: Context) -> Result:
    with websocket_echo(context.folder) as port:
        work = Work(port, speaks="websocket")
        chosen = _some(context, *((peer.name, peer, work) for peer in (FRONTDESK, NGINX)))
        return saturation.measure(context, chosen, NGINX.name)


def _idle_websockets(context: Context) -> Result:
    with websocket_echo(context.folder) as port:
        work = Work(port, speaks="websocket")
        chosen = _some(context, *((peer.name, peer, work) for peer in (FRONTDESK, NGINX)))
        return idle.measure_websockets(context, chosen)


def _many_routes(context: Context) -> Result:
    return saturation.measure(context, _everyone(context, routes=1_000), NGINX.name)


def _observed(context: Context) -> Result:
    port = context.upstream[BODY]
    contenders = _some(
        context,
        ("frontdesk, 1,000 routes, log, metrics", FRONTDESK, Work(port, 1_000, observed=True)),
        ("frontdesk bare", FRONTDESK, Work(port)),
        ("nginx bare", NGINX, Work(port)),
    )
    return saturation.measure(context, contenders, "nginx bare")


def _growing_routes(context: Context) -> Result:
    port = context.upstream[BODY]
    contenders = _some(
        context,
        *((f"frontdesk {count:,}", FRONTDESK, Work(port, count)) for count in (10, 1_000, 100_000)),
        *((f"nginx {count:,}", NGINX, Work(port, count)) for count in (10, 100_000)),
        ("haproxy 100,000", HAPROXY, Work(port, 100_000)),
    )
    return saturation.measure(context, contenders, "nginx 10")


def _latency_low(context: Context) -> Result:
    return open_loop.measure(context, _everyone(context), LOW_RATE)


def _latency_half(context: Context) -> Result:
    work = Work(context.upstream[BODY])
    rate = open_loop.half_load(context, Contender(NGINX.name, NGINX, work))
    return open_loop.measure(context, _everyone(context), rate)


def _idle(context: Context) -> Result:
    return idle.measure(context, _everyone(context))


def _memory(context: Context) -> Result:
    return start.measure_memory(context, _everyone(context))


def _start(context: Context) -> Result:
    work = Work(context.upstream[BODY], 10_000)
    contenders = [Contender(peer.name, peer, work) for peer in context.peers]
    return start.measure_start(context, contenders)


def _reload(context: Context) -> Result:
    peers = [ReloadNginx()]
    chosen = [ReloadFrontdesk(), *peers] if context.has(FRONTDESK) else peers
    return reload.measure(context, chosen, 10_000)


ROWS = (
    Row("proxy", "One route, 1 KiB body", columns.SATURATION, _body(1024)),
    Row("body-0", "One route, empty body", columns.SATURATION, _body(0)),
    Row("body-100k", "One route, 100 KiB body", columns.SATURATION, _body(100 * 1024)),
    Row("body-1m", "One route, 1 MiB body", columns.SATURATION, _body(1024 * 1024)),
    Row("routes-1000", "1,000 routes, 1 KiB body", columns.SATURATION, _many_routes),
    Row(
        "observed",
        "1,000 routes with access log and metrics, against bare nginx",
        columns.SATURATION,
        _observed,
    ),
    Row("routes-100000", "From 10 to 100,000 routes", columns.SATURATION, _growing_routes),
    Row("latency-low", "Latency far below the limit", columns.LATENCY, _latency_low),
    Row("latency-half", "Latency at half of nginx's limit", columns.LATENCY, _latency_half),
    Row("tls", "HTTP/1 over TLS", columns.SATURATION, _speaking("tls", FRONTDESK, NGINX, ENVOY)),
    Row(
        "http2",
        "HTTP/2 over TLS from the client, HTTP/1 to the upstream",
        columns.SATURATION,
        _speaking("http2", FRONTDESK, NGINX, ENVOY),
    ),
    Row(
        "handshakes",
        "One request per TLS connection, full handshake (ECDSA P-256)",
        columns.SATURATION,
        _speaking("handshakes", FRONTDESK, NGINX),
    ),
    Row(
        "resumed",
        "One request per TLS connection, session resumed",
        columns.SATURATION,
        _speaking("resumed", FRONTDESK, NGINX),
    ),
    Row("grpc", "gRPC unary, HTTP/2 on both sides", columns.SATURATION, _grpc),
    Row("websocket", "WebSocket, messages of 64 bytes", columns.SATURATION, _websocket),
    Row("websocket-idle", "Idle WebSockets", columns.IDLE, _idle_websockets),
    Row("idle", "Idle keep-alive connections", columns.IDLE, _idle),
    Row("memory", "Idle install, all processes", columns.MEMORY, _memory),
    Row("start", "Start with 10,000 routes", columns.START, _start),
    Row("reload", "Reload of 10,000 routes under load", columns.RELOAD, _reload),
)
