"""Floods of cheap frames: the one who sends them is cut off, the others do not notice, memory stays."""

from __future__ import annotations

import struct
import threading
from collections.abc import Callable

import psutil
import pytest

from tests.e2e.wire import BYSTANDER, bystander, config
from tests.harness import Gateway, Load, RecordingUpstream, eventually, ok
from tests.harness.http2 import Code, Http2Client, Kind, Setting, frame, settings
from tests.harness.http2.frames import ACK, END_HEADERS, END_STREAM, rst, window_update

MIB = 1024 * 1024
HEAD = [(":method", "GET"), (":scheme", "http"), (":authority", "a.test"), (":path", "/x")]
UPPER = [*HEAD, ("X-Upper", "1")]


@pytest.fixture(scope="module")
def gateway(module_gateway: Callable[..., Gateway], shared_upstream: RecordingUpstream) -> Gateway:
    return module_gateway(config(shared_upstream))


def _open(client: Http2Client) -> int:
    return client.raw_head(HEAD, end=False)


def _heads(client: Http2Client, count: int, head: list[tuple[str, str]]) -> list[tuple[int, bytes]]:
    streams = [client.next_stream() for _ in range(count)]
    flags = END_HEADERS | END_STREAM
    return [(s, frame(Kind.HEADERS, client.encode(head), flags=flags, stream=s)) for s in streams]


def pings(_: Http2Client) -> bytes:
    return frame(Kind.PING, bytes(8)) * 300


def many_settings(_: Http2Client) -> bytes:
    return settings({Setting.INITIAL_WINDOW_SIZE: 70_000}) * 300


def empty_data(client: Http2Client) -> bytes:
    return frame(Kind.DATA, stream=_open(client)) * 300


def priorities(_: Http2Client) -> bytes:
    return frame(Kind.PRIORITY, struct.pack(">IB", 0, 1), stream=7) * 300


def priority_updates(_: Http2Client) -> bytes:
    return frame(0x10, struct.pack(">I", 1) + b"u=1") * 300


def unknown_frames(_: Http2Client) -> bytes:
    return frame(0xBE, b"x") * 300


def continuations(client: Http2Client) -> bytes:
    first = frame(Kind.HEADERS, client.encode(HEAD), flags=END_STREAM, stream=1)
    return first + frame(Kind.CONTINUATION, stream=1) * 300


def full_continuations(client: Http2Client) -> bytes:
    first = frame(Kind.HEADERS, client.encode(HEAD), flags=END_STREAM, stream=1)
    field = b"\x00\x01x\x7f\x81\x7f" + bytes([ord("y")]) * 16_384
    return first + frame(Kind.CONTINUATION, field[:16_384], stream=1) * 20


def rapid_reset(client: Http2Client) -> bytes:
    """CVE-2023-44487."""
    return b"".join(head + rst(stream, Code.CANCEL) for stream, head in _heads(client, 400, HEAD))


def resets_of_ours(client: Http2Client) -> bytes:
    """CVE-2025-8671, MadeYouReset: what makes the server reset its own streams."""
    return b"".join(head + window_update(stream, 0) for stream, head in _heads(client, 400, HEAD))


def malformed_heads(client: Http2Client) -> bytes:
    return b"".join(head for _, head in _heads(client, 400, UPPER))


COUNTED = {
    "ping": pings,
    "settings": many_settings,
    "empty_data": empty_data,
    "other": priorities,
    "continuation": continuations,
    "reset": rapid_reset,
}
"""By the label of the metric."""
MORE = {
    "priority-updates": priority_updates,
    "unknown-frames": unknown_frames,
    "full-continuations": full_continuations,
    "resets-of-ours": resets_of_ours,
    "malformed-heads": malformed_heads,
}


def flood(gateway: Gateway, build: Callable[[Http2Client], bytes]) -> tuple[int, int] | None:
    """Send it all; the GOAWAY with which the connection was closed."""
    with Http2Client(gateway.port) as client:
        client.send_anyhow(build(client))
        return client.until_closed()


@pytest.mark.parametrize("kind", COUNTED)
def test_flood_is_cut_off(kind: str, gateway: Gateway, shared_upstream: RecordingUpstream) -> None:
    before = gateway.metric("frontdesk_http2_floods_total", frames=kind)
    with bystander(gateway, shared_upstream):
        last = flood(gateway, COUNTED[kind])
    assert last is not None
    assert last[1] == Code.ENHANCE_YOUR_CALM
    assert gateway.metric("frontdesk_http2_floods_total", frames=kind) == before + 1
    assert len(shared_upstream.requests) < 300


@pytest.mark.parametrize("name", MORE)
def test_other_floods(name: str, gateway: Gateway, shared_upstream: RecordingUpstream) -> None:
    with bystander(gateway, shared_upstream):
        last = flood(gateway, MORE[name])
    assert last is not None
    assert last[1] in (Code.ENHANCE_YOUR_CALM, Code.PROTOCOL_ERROR, Code.COMPRESSION_ERROR)
    assert len(shared_upstream.requests) < 300


def test_what_is_no_flood(gateway: Gateway) -> None:
    """A busy client with keep-alives, some resets and small pieces of a body is not cut off."""
    with Http2Client(gateway.port) as client:
        client.send(frame(Kind.PING, bytes(8)) * 50 + settings() * 20)
        for _ in range(60):
            client.reset(client.start())
            assert client.request().status == 200
        stream = _open(client)
        client.send(frame(Kind.DATA, stream=stream) * 50)
        for _ in range(200):
            client.send_data(stream, b"x")
        client.send_data(stream, b"", end=True)
        assert client.response(stream).status == 200
        client.send(frame(Kind.PING, bytes(8), flags=ACK) * 1000 + window_update(0, 1) * 5000)
        assert client.request().status == 200
        assert client.goaway is None


def _attack(gateway: Gateway, build: Callable[[Http2Client], bytes], count: int) -> None:
    """So many connections at once."""

    def one() -> None:
        with Http2Client(gateway.port, timeout=30) as client:
            client.send_anyhow(build(client))
            client.until_closed()

    attackers = [threading.Thread(target=one) for _ in range(count)]
    for attacker in attackers:
        attacker.start()
    for attacker in attackers:
        attacker.join(60)


@pytest.mark.parametrize("build", [rapid_reset, continuations, full_continuations, resets_of_ours])
def test_a_hundred_attackers(
    build: Callable[[Http2Client], bytes], gateway: Gateway, shared_upstream: RecordingUpstream
) -> None:
    """Memory grows by less than 64 MiB, and no request of another client fails."""
    shared_upstream.answer(ok())
    (worker,) = gateway.worker_pids()
    process = psutil.Process(worker)
    with Load(gateway.port, BYSTANDER, clients=2) as load:
        eventually(lambda: load.done > 20)
        before = process.memory_info().rss
        _attack(gateway, build, 100)
        grown = process.memory_info().rss - before
        done = load.done
        eventually(lambda: load.done > done + 20)
    assert load.failures == []
    assert grown < 64 * MIB
    assert gateway.worker_pids() == [worker]
    shared_upstream.clear()


def test_streams_that_wait_for_a_stalled_reader(
    gateway_of: Callable[..., Gateway], upstream: RecordingUpstream
) -> None:
    """A hundred responses to a client that opens no window: what is held is bounded."""
    body = bytes(4 * MIB)
    upstream.answer(ok(body))
    gateway = gateway_of(config(upstream))
    (worker,) = gateway.worker_pids()
    before = psutil.Process(worker).memory_info().rss
    with Http2Client(gateway.port, settings={Setting.INITIAL_WINDOW_SIZE: 0}) as client:
        streams = [client.start() for _ in range(100)]
        for stream in streams:
            assert client.head_of(stream).status == 200
        assert psutil.Process(worker).memory_info().rss - before < 64 * MIB
        assert gateway.status("/healthz") == 200


def test_hpack_bomb(gateway: Gateway, shared_upstream: RecordingUpstream) -> None:
    """One large entry of the table, named thousands of times: the decoded size counts, not the sent one."""
    with bystander(gateway, shared_upstream), Http2Client(gateway.port) as client:
        bomb = client.encode([*HEAD, ("x-bomb", "y" * 3_900)])
        block = bomb + bytes([0x80 | 62]) * 12_000
        client.send(frame(Kind.HEADERS, block, flags=END_HEADERS | END_STREAM, stream=1))
        response = client.response(1)
        assert response.status == 431 or response.reset or client.goaway
    assert [r.target for r in shared_upstream.requests] == [BYSTANDER] * 2
