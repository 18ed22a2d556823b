"""Limits: each refuses or closes cleanly, says so in the metrics, and the gateway recovers by itself."""

from __future__ import annotations

import resource
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import Any

import psutil
import pytest

from tests.e2e.wire import assert_problem, config, hostile_requests, send_all, with_limits
from tests.harness import Connection, Gateway, RecordingUpstream, eventually, ok, raw

SMALL = {
    "head_size": "2KiB",
    "head_fields": 20,
    "target_size": "256B",
    "head_timeout": "600ms",
    "body_idle": "600ms",
    "write_idle": "800ms",
    "keepalive_idle": "700ms",
    "keepalive_requests": 5,
}


@pytest.fixture(scope="module")
def small(module_gateway: Callable[..., Gateway], shared_upstream: RecordingUpstream) -> Gateway:
    """A gateway with every limit low."""
    return module_gateway(with_limits(shared_upstream, **SMALL))


@pytest.fixture(scope="module")
def usual(module_gateway: Callable[..., Gateway], shared_upstream: RecordingUpstream) -> Gateway:
    """A gateway with the limits as they are by default."""
    return module_gateway(config(shared_upstream))


def head(*lines: str, target: str = "/x") -> bytes:
    return "\r\n".join([f"GET {target} HTTP/1.1", "Host: a.test", *lines, "", ""]).encode()


TOO_LARGE: dict[str, Any] = {
    "small-head": ("small", head("X-A: " + "a" * 2100), 431),
    "small-head-many-short": ("small", head(*["X-Abcdefghijklmnop: " + "a" * 120] * 17), 431),
    "small-fields": ("small", head(*["X-A: a"] * 25), 431),
    "small-target": ("small", head(target="/" + "a" * 300), 414),
    "small-query": ("small", head(target="/x?" + "a" * 300), 414),
    "small-method": ("small", b"A" * 3000 + head(), 400, 431, 501),
    "small-endless-line": ("small", b"GET /" + b"a" * 5000, 414),
    "small-endless-field": ("small", b"GET / HTTP/1.1\r\nHost: a.test\r\nX-A: " + b"a" * 5000, 431),
    "small-endless-name": ("small", b"GET / HTTP/1.1\r\nHost: a.test\r\n" + b"a" * 5000, 431),
    "small-empty-lines": ("small", b"\r\n" * 3000, 400, 431),
    "usual-head": ("usual", head("X-A: " + "a" * 33_000), 431),
    "usual-fields": ("usual", head(*["X-A: a"] * 101), 431),
    "usual-target": ("usual", head(target="/" + "a" * 8200), 414),
    "usual-endless-field": (
        "usual",
        b"GET / HTTP/1.1\r\nHost: a.test\r\nX-A: " + b"a" * 60_000,
        431,
    ),
}


@pytest.mark.parametrize("name", TOO_LARGE)
def test_head_too_large(
    name: str, small: Gateway, usual: Gateway, shared_upstream: RecordingUpstream
) -> None:
    which, data, *statuses = TOO_LARGE[name]
    shared_upstream.clear()
    with Connection((small if which == "small" else usual).port) as client:
        send_all(client, data)
        response = client.response()
        assert response.status in statuses
        assert client.is_closed()
    assert hostile_requests(shared_upstream) == []


FITTING = {
    "head": head("X-A: " + "a" * 30_000),
    "fields": head(*["X-A: a"] * 95),
    "target": head(target="/" + "a" * 8000),
}


@pytest.mark.parametrize("name", FITTING)
def test_just_within_the_limits(name: str, usual: Gateway) -> None:
    with Connection(usual.port) as client:
        client.send(FITTING[name])
        assert client.response().status == 200


SLOW_HEADS = {
    "nothing-more": [b"GET /x HTTP/1.1\r\nHost: a.test\r\n"],
    "one-byte": [b"G"],
    "drip": [b"GET /x HTTP/1.1\r\nHost: a.test\r\nX-A: ", *[b"a"] * 100],
    "drip-of-fields": [b"GET /x HTTP/1.1\r\nHost: a.test\r\n", *[b"X: a\r\n"] * 15, *[b"X"] * 50],
    "empty-lines": [b"\r\n"] * 60,
}


@pytest.mark.parametrize("name", SLOW_HEADS)
def test_slow_head_is_ended(name: str, small: Gateway, shared_upstream: RecordingUpstream) -> None:
    """Progress does not prolong it: the whole head has one deadline. 408, or a silent close.

    Empty lines are refused sooner: a few are skipped, a stream of them is no request.
    """
    shared_upstream.clear()
    answer = raw(small.port, SLOW_HEADS[name], pause=0.03, timeout=20)
    status = b"HTTP/1.1 400 " if name == "empty-lines" else b"HTTP/1.1 408 "
    assert answer == b"" or answer.startswith(status)
    assert hostile_requests(shared_upstream) == []


def test_slow_head_begun_is_told_why(small: Gateway) -> None:
    with Connection(small.port) as client:
        client.send(b"GET /x HTTP/1.1\r\nHost: a.test\r\n")
        response = client.response()
        assert_problem(response, 408)
        assert response.header("connection") == "close"
        assert client.is_closed()


@pytest.mark.parametrize("framing", ["Content-Length: 10", "Transfer-Encoding: chunked"])
def test_body_that_stops_is_ended(
    framing: str, small: Gateway, shared_upstream: RecordingUpstream
) -> None:
    shared_upstream.clear()
    start = b"5\r\nhello\r\n" if "chunked" in framing else b"hello"
    with Connection(small.port) as client:
        client.send(f"POST /x HTTP/1.1\r\nHost: a.test\r\n{framing}\r\n\r\n".encode() + start)
        assert_problem(client.response(), 408)
        assert client.is_closed()
    (arrived,) = hostile_requests(shared_upstream)
    connection = shared_upstream.connection_of(arrived)
    eventually(lambda: connection.ended != "open", what="the upstream request cut")
    assert not arrived.complete


def test_body_slower_than_the_floor_is_ended(
    gateway_of: Callable[..., Gateway], upstream: RecordingUpstream
) -> None:
    limits = {"body_min_rate": "1000B/s", "body_min_rate_after": "500ms", "body_idle": "10s"}
    gateway = gateway_of(with_limits(upstream, **limits))
    with Connection(gateway.port, timeout=20) as client:
        client.send(b"POST /x HTTP/1.1\r\nHost: a.test\r\nContent-Length: 100000\r\n\r\n")
        with suppress(OSError):
            client.send([b"x"] * 150, pause=0.02)
        assert client.response().status == 408


def test_reader_that_stops_is_ended(small: Gateway, shared_upstream: RecordingUpstream) -> None:
    shared_upstream.answer(ok(bytes(30_000_000)))
    try:
        with Connection(small.port) as client:
            client.send(head())
            connection = eventually(
                lambda: [c for c in shared_upstream.connections if c.requests], what="arrival"
            )[-1]
            eventually(lambda: connection.ended != "open", within=30, what="upstream let go")
    finally:
        shared_upstream.answer(ok())
    assert small.get().status == 200


@pytest.mark.parametrize("used", [False, True], ids=["fresh", "after-a-request"])
def test_idle_connection_is_closed(used: bool, small: Gateway) -> None:
    with Connection(small.port) as client:
        if used:
            assert client.request().status == 200
        assert client.is_closed(within=15)


def test_requests_of_a_connection_are_counted(small: Gateway) -> None:
    with Connection(small.port) as client:
        closes = [client.request().header("connection") == "close" for _ in range(5)]
        assert closes == [False] * 4 + [True]
        assert client.is_closed()


def test_age_of_a_connection(
    gateway_of: Callable[..., Gateway], upstream: RecordingUpstream
) -> None:
    gateway = gateway_of(with_limits(upstream, connection_age="500ms"))
    with Connection(gateway.port) as client:
        assert client.request().header("connection") != "close"
        time.sleep(0.8)
        with suppress(ConnectionError, BrokenPipeError):
            assert client.request().header("connection") == "close"
        assert client.is_closed()


def test_body_over_the_limit(usual: Gateway, shared_upstream: RecordingUpstream) -> None:
    """1 MiB by default: the exact size passes, one byte more does not."""
    assert usual.get("/x", method="POST", body=bytes(1024 * 1024)).status == 200
    shared_upstream.clear()
    with Connection(usual.port) as client:
        send_all(client, b"POST /x HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1048577\r\n\r\n")
        assert_problem(client.response(), 413)
    assert hostile_requests(shared_upstream) == []


def test_too_large_body_is_refused_before_it_is_asked_for(usual: Gateway) -> None:
    with Connection(usual.port) as client:
        client.send(
            b"POST /x HTTP/1.1\r\nHost: a.test\r\nExpect: 100-continue\r\nContent-Length: 9999999\r\n\r\n"
        )
        assert client.response(interim=True).status == 413


def open_connections(gateway: Gateway) -> int:
    """Client connections as the gateway counts them."""
    return int(gateway.metric("frontdesk_connections_open"))


def test_connections_over_the_limit_are_shed_and_then_taken_again(
    gateway_of: Callable[..., Gateway], upstream: RecordingUpstream
) -> None:
    gateway = gateway_of(config(upstream, process={"max_connections": 10}))
    with ExitStack() as stack:
        held = [stack.enter_context(Connection(gateway.port)) for _ in range(10)]
        assert [client.request().status for client in held] == [200] * 10
        for _ in range(5):
            answer = raw(gateway.port, head())
            assert answer == b"" or answer.startswith(b"HTTP/1.1 503 ")
            assert answer == b"" or b"\r\nretry-after: " in answer.lower()
        assert [client.request().status for client in held] == [200] * 10, "those inside go on"
        shed = gateway.metric("frontdesk_connections_shed_total")
        assert shed >= 5
    eventually(lambda: _served(gateway), what="recovery without restart")


def _served(gateway: Gateway) -> bool:
    try:
        return gateway.get().status == 200
    except OSError:
        return False


def test_exhausted_descriptors_are_survived(
    gateway_of: Callable[..., Gateway], upstream: RecordingUpstream
) -> None:
    """A worker allowed 150 descriptors meets 300 connections; afterwards it serves as before."""

    def few() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (150, 150))

    gateway = gateway_of(config(upstream, process={"max_connections": 1000}), preexec=few)
    workers = gateway.worker_pids()
    held: list[socket.socket] = []
    try:
        for _ in range(300):
            with suppress(OSError):
                held.append(socket.create_connection(("127.0.0.1", gateway.port), timeout=5))
        busy = psutil.Process(workers[0]).cpu_times()
        time.sleep(1.0)
        after = psutil.Process(workers[0]).cpu_times()
        spent = after.user + after.system - busy.user - busy.system
        assert spent < 0.8, "accept must not spin while no descriptor is free"
    finally:
        for sock in held:
            sock.close()
    eventually(lambda: _served(gateway), within=20, what="recovery without restart")
    assert gateway.worker_pids() == workers


def test_ten_thousand_idle_connections(
    gateway_of: Callable[..., Gateway], upstream: RecordingUpstream
) -> None:
    """All are served, then sit idle in little memory, then are served again."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    # Where a process may not have so many descriptors, as many as it may.
    count = min(10_000, hard - 500)
    gateway = gateway_of(config(upstream, process={"max_connections": count + 100}))
    before = psutil.Process(gateway.worker_pids()[0]).memory_info().rss
    with ExitStack() as stack:
        clients = [stack.enter_context(Connection(gateway.port, timeout=30)) for _ in range(count)]
        assert all(client.request().status == 200 for client in clients)
        after = psutil.Process(gateway.worker_pids()[0]).memory_info().rss
        assert after - before < count * 8 * 1024, "well under 8 KiB each, allocator slack included"
        assert gateway.get().status == 200
        assert all(client.request().status == 200 for client in clients[::50])


def test_half_open_clients_do_not_count_for_ever(
    small: Gateway,
) -> None:
    for _ in range(20):
        client = Connection(small.port)
        client.send(b"GET /x HTTP/1.1\r\nHost: a")
        client.reset()
    eventually(lambda: open_connections(small) <= 1, what="the connections forgotten")


def test_dripping_body_behind_an_answer_has_one_deadline(small: Gateway) -> None:
    """The answer is there already; the rest of the request must not hold the connection byte by byte."""
    head = b"TRACE / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1000\r\n\r\n"
    with Connection(small.port) as client:
        client.send(head)
        assert client.response().status == 405
        client.sock.settimeout(0.1)
        for _ in range(100):
            try:
                client.send(b"x")
                assert client.sock.recv(1) == b""
                break
            except TimeoutError:
                continue
            except OSError:
                break
        else:
            pytest.fail("a byte every 100 ms kept the connection")
