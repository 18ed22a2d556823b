"""The row of idle connections: what a peer's memory grows by for each of them."""

from __future__ import annotations

import resource
import socket
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from .contender import Contender, Record, Running, all_running
from .generators import saturate
from .run_context import Context, Result
from .usage import private_bytes, pss_bytes
from .websocket_load import echoed, opened

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

CONNECTIONS = 10_000
MOST_DESCRIPTORS = 16_000
"""What nginx is allowed here."""
_OTHER_DESCRIPTORS = 500
_SETTLE_SECONDS = 2.0


def measure(context: Context, contenders: Sequence[Contender]) -> Result:
    """User memory per idle keep-alive connection that has carried one request."""
    soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    count = min(CONNECTIONS, soft - _OTHER_DESCRIPTORS)
    notes = [f"{count:,} connections, one request on each, then idle"]
    records = []
    for contender in contenders:
        with all_running([contender], context.folder, notes) as running:
            for one in running:
                records.append(_record(context, one, count))
                context.say(f"{contender.label}: {records[-1]['bytes_per_connection']:.0f} bytes")
    return Result(records, notes)


def measure_websockets(context: Context, contenders: Sequence[Contender]) -> Result:
    """User memory per idle WebSocket that has carried one message; each has two sockets at the gateway."""
    soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    count = min(CONNECTIONS, (min(soft, MOST_DESCRIPTORS) - _OTHER_DESCRIPTORS) // 2)
    notes = [f"{count:,} WebSockets, one message on each, then idle"]
    records = []
    for contender in contenders:
        with all_running([contender], context.folder, notes) as running:
            for one in running:
                records.append(_websocket_record(one, count))
                context.say(f"{contender.label}: {records[-1]['bytes_per_connection']:.0f} bytes")
    return Result(records, notes)


def _websocket_record(one: Running, count: int) -> Record:
    port, path = one.started.port, one.contender.work.paths()[0]
    for _ in range(100):
        opened(port, path).close()
    time.sleep(_SETTLE_SECONDS)
    before = private_bytes(one.started.pids())
    sockets = [opened(port, path) for _ in range(count)]
    lost = sum(not echoed(sock) for sock in sockets)
    time.sleep(_SETTLE_SECONDS)
    after = private_bytes(one.started.pids())
    pss = pss_bytes(one.started.pids())
    for sock in sockets:
        sock.close()
    return {
        "name": one.contender.label,
        "bytes_per_connection": (after - before) / count,
        "pss_bytes": pss,
        "failed": lost,
    }


def _record(context: Context, one: Running, count: int) -> Record:
    port, paths = one.started.port, one.contender.work.paths()
    saturate(port, paths, context.effort.warmup_seconds, context.folder)
    time.sleep(_SETTLE_SECONDS)
    before = private_bytes(one.started.pids())
    with _idle(port, paths[0], count) as sockets:
        time.sleep(_SETTLE_SECONDS)
        after = private_bytes(one.started.pids())
        pss = pss_bytes(one.started.pids())
        lost = count - sum(_answers(sock, paths[0]) for sock in sockets)
    return {
        "name": one.contender.label,
        "bytes_per_connection": (after - before) / count,
        "pss_bytes": pss,
        "failed": lost,
    }


@contextmanager
def _idle(port: int, path: str, count: int) -> Iterator[list[socket.socket]]:
    sockets: list[socket.socket] = []
    try:
        for _ in range(count):
            sock = socket.create_connection(("127.0.0.1", port), timeout=5)
            sockets.append(sock)
            _answers(sock, path)
        yield sockets
    finally:
        for sock in sockets:
            sock.close()


def _answers(sock: socket.socket, path: str) -> bool:
    """Whether a request on the connection is answered with 200 and the whole body."""
    try:
        sock.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        seen = b""
        while b"\r\n\r\n" not in seen or len(seen.partition(b"\r\n\r\n")[2]) < 1024:
            chunk = sock.recv(65536)
            if not chunk:
                return False
            seen += chunk
    except OSError:
        return False
    return seen.startswith(b"HTTP/1.1 200")
