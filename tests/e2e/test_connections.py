"""Connections: kept and pipelined on the client side, pooled on the upstream side."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.e2e.messages import post
from tests.e2e.wire import config
from tests.harness import (
    Connection,
    Gateway,
    RecordedRequest,
    RecordingUpstream,
    eventually,
    free_port,
    ok,
)


@pytest.fixture(scope="module")
def gateway(module_gateway: Callable[..., Gateway], shared_upstream: RecordingUpstream) -> Gateway:
    return module_gateway(
        {
            "services": {"up": {"url": shared_upstream.url}},
            "routes": {"all": {"match": {"path": "/**"}, "service": "up", "max_body": "off"}},
        }
    )


@pytest.fixture
def service(shared_upstream: RecordingUpstream) -> Iterator[RecordingUpstream]:
    """The module's upstream with nothing recorded; its script is put back afterwards."""
    shared_upstream.clear()
    yield shared_upstream
    shared_upstream.answer(ok())


def test_pipelined_requests_are_answered_in_order(
    gateway: Gateway, service: RecordingUpstream
) -> None:
    service.answer(lambda request: ok(request.target.encode() + b" " + request.body))
    with Connection(gateway.port) as client:
        pieces = [post(b"body %d" % n, bool(n % 2), f"/{n}") for n in range(20)]
        client.send(b"".join(pieces))
        answers = [client.response().body for _ in range(20)]
    assert answers == [b"/%d body %d" % (n, n) for n in range(20)]
    assert [request.target for request in service.requests] == [f"/{n}" for n in range(20)]


def test_pipelined_requests_behind_connection_close_are_not_answered(
    gateway: Gateway, service: RecordingUpstream
) -> None:
    with Connection(gateway.port) as client:
        client.send(
            b"GET /first HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n"
            b"GET /second HTTP/1.1\r\nHost: a.test\r\n\r\n"
        )
        response = client.response()
        assert response.header("connection") == "close"
        assert client.read_until_close() == b""
    assert [request.target for request in service.requests] == ["/first"]


def test_connections_are_kept_on_both_sides(gateway: Gateway, service: RecordingUpstream) -> None:
    before = len(service.connections)
    with Connection(gateway.port) as client:
        for _ in range(50):
            assert client.request().header("connection") != "close"
    assert len(service.connections) <= before + 1
    assert len(service.requests) == 50


def test_upstream_that_says_close_is_not_used_again(
    gateway: Gateway, service: RecordingUpstream
) -> None:
    service.answer(ok(b"one", [("Connection", "close")]), ok(b"two"))
    with Connection(gateway.port) as client:
        first = client.request()
        assert first.body == b"one"
        assert first.header("connection") != "close", "that was between gateway and upstream"
        assert client.request().body == b"two"
    one, two = service.requests
    assert one.connection != two.connection


def test_http_1_0_upstream_is_not_used_again_without_keep_alive(
    gateway: Gateway, service: RecordingUpstream
) -> None:
    service.answer(b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\none", ok(b"two"))
    with Connection(gateway.port) as client:
        assert [client.request().body for _ in range(2)] == [b"one", b"two"]
    one, two = service.requests
    assert one.connection != two.connection


def test_content_of_the_request_line_upstream(gateway: Gateway, service: RecordingUpstream) -> None:
    """An HTTP/1.0 request is forwarded as HTTP/1.1, this gateway's own version (RFC 9110 §2.5)."""
    with Connection(gateway.port) as client:
        client.send(b"GET /old HTTP/1.0\r\n\r\n")
        assert client.response().status == 200

    def arrived() -> RecordedRequest | None:
        return service.requests[0] if service.requests else None

    assert eventually(arrived).head.startswith(b"GET /old HTTP/1.1\r\n")  # type: ignore[union-attr]


@pytest.mark.parametrize("half", [False, True], ids=["closed", "half-closed"])
def test_client_that_leaves_while_the_upstream_works_lets_it_go(
    half: bool, gateway_of: Callable[..., Gateway]
) -> None:
    """Nobody waits for the answer any more; a half close counts as leaving, as it does in nginx."""
    asked, let_go = threading.Event(), threading.Event()

    def work(sock: socket.socket) -> None:
        while b"\r\n\r\n" not in sock.recv(65536):
            pass
        asked.set()
        if sock.recv(1) == b"":
            let_go.set()

    with RecordingUpstream(on_connect=work) as upstream:
        gateway = gateway_of(config(upstream))
        with Connection(gateway.port) as client:
            client.send(b"GET /slow HTTP/1.1\r\nHost: a.test\r\n\r\n")
            assert asked.wait(10)
            if half:
                client.sock.shutdown(socket.SHUT_WR)
                assert client.read_until_close() == b""
        assert let_go.wait(10)


def test_idle_upstream_connections_are_closed_in_time_and_in_number(
    gateway_of: Callable[..., Gateway], upstream: RecordingUpstream
) -> None:
    gateway = gateway_of(
        {
            "services": {
                "brief": {"url": upstream.url, "pool": {"idle": "300ms"}},
                "none": {"url": upstream.url, "pool": {"max_idle": 0}},
            },
            "routes": {
                "brief": {"match": {"path": "/brief"}, "service": "brief"},
                "none": {"match": {"path": "/none"}, "service": "none"},
            },
        }
    )
    assert gateway.get("/brief").status == 200
    connection = upstream.connection_of(upstream.last)
    eventually(lambda: connection.ended != "open", what="the idle connection closed")
    used = set()
    for _ in range(5):
        assert gateway.get("/none").status == 200
        used.add(upstream.last.connection)
    assert len(used) == 5


def test_client_that_pipelines_past_the_last_request_gets_every_answer_whole(
    gateway_of: Callable[..., Gateway], upstream: RecordingUpstream
) -> None:
    """RFC 9112 section 9.6: closing over unread requests would reset, and take the last answer away."""
    upstream.answer(ok(b"x" * 20_000))
    gateway = gateway_of(config(upstream, listeners={"web": {"limits": {"keepalive_requests": 3}}}))
    for _ in range(3):
        with Connection(gateway.port) as client:
            client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            one = b"GET / HTTP/1.1\r\nHost: a.test\r\nX-Pad: " + b"p" * 2000 + b"\r\n\r\n"
            client.send(one * 30)
            answers = [client.response() for _ in range(3)]
            assert client.read_until_close() == b""
        assert [(a.status, a.complete, len(a.body)) for a in answers] == [(200, True, 20_000)] * 3


def test_few_long_connections_are_dealt_out_evenly(
    gateway_of: Callable[..., Gateway], upstream: RecordingUpstream
) -> None:
    """However the kernel's hash would have it; and each goes on where it is, over a reload too."""
    gateway = gateway_of(config(upstream, process={"threads": 2}), threads=2)
    with ExitStack() as stack:
        clients = [stack.enter_context(Connection(gateway.port)) for _ in range(7)]
        assert all(client.request().status == 200 for client in clients)
        both = [gateway.metric("frontdesk_thread_connections_open", thread=n) for n in "01"]
        assert sorted(both) == [3, 4]
        for _ in range(30):
            with Connection(gateway.port) as client:
                assert client.request().status == 200
        assert gateway.metric("frontdesk_connections_handed_over_total") > 0
        assert (
            gateway.reload(config(upstream, process={"threads": 2, "drain": "20s"})).returncode == 0
        )
        assert all(client.request().status == 200 for client in clients)


def test_new_listener_takes_connections_on_every_thread_at_once(
    gateway_of: Callable[..., Gateway], upstream: RecordingUpstream
) -> None:
    """A thread may be given a connection of a listener that it does not know yet."""
    gateway = gateway_of(config(upstream), threads=2)
    for _ in range(5):
        port = free_port()
        both = {"web": {}, "more": {"address": f"127.0.0.1:{port}"}}
        assert gateway.reload(config(upstream, listeners=both)).returncode == 0
        for _ in range(10):
            with Connection(port) as client:
                assert client.request().status == 200
        assert gateway.reload(config(upstream)).returncode == 0
