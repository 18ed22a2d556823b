"""Slow and silent upstreams: 504 before the head, a visible cut inside the body."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress

import pytest

from tests.e2e.faults import CLEAN, assert_bad_gateway, assert_cut, start_faulty
from tests.harness import Connection, Drip, Gateway, RecordedRequest, RecordingUpstream, Stall


@pytest.fixture(scope="module")
def gateway(module_gateway: Callable[..., Gateway], shared_upstream: RecordingUpstream) -> Gateway:
    return start_faulty(module_gateway, shared_upstream)


def test_slow_head_is_a_gateway_timeout(
    gateway: Gateway, fresh_upstream: RecordingUpstream
) -> None:
    fresh_upstream.answer(Stall(), CLEAN)
    with Connection(gateway.port) as client:
        assert_bad_gateway(client.request("GET", "/quick/x"), 504)
        assert client.request("GET", "/quick/x").body == b"clean"
    first = fresh_upstream.requests[0]
    assert fresh_upstream.requests[1].connection != first.connection


def test_half_a_head_then_silence_is_a_gateway_timeout(
    gateway: Gateway, fresh_upstream: RecordingUpstream
) -> None:
    fresh_upstream.answer(Stall(first=b"HTTP/1.1 200 OK\r\nContent-Le"))
    assert_bad_gateway(gateway.get("/quick/x"), 504)


def test_dripping_head_has_one_deadline(
    gateway: Gateway, fresh_upstream: RecordingUpstream
) -> None:
    fresh_upstream.answer(Drip(b"HTTP/1.1 200 OK\r\nX-A: " + b"a" * 200, pause=0.05))
    assert_bad_gateway(gateway.get("/quick/x"), 504)


def test_interim_answers_do_not_prolong_for_ever(
    gateway: Gateway, fresh_upstream: RecordingUpstream
) -> None:
    fresh_upstream.answer(Stall(first=b"HTTP/1.1 103 Early Hints\r\n\r\n"))
    with Connection(gateway.port) as client:
        assert client.request("GET", "/quick/x").status == 504


@pytest.mark.parametrize("framing", ["Content-Length: 10", "Transfer-Encoding: chunked"])
def test_stall_inside_a_body_is_cut(
    framing: str, gateway: Gateway, fresh_upstream: RecordingUpstream
) -> None:
    start = b"5\r\nhello\r\n" if "chunked" in framing else b"hello"
    fresh_upstream.answer(Stall(first=f"HTTP/1.1 200 OK\r\n{framing}\r\n\r\n".encode() + start))
    assert_cut(gateway, "/quick/x")


def test_total_timeout_ends_a_drip(gateway: Gateway, fresh_upstream: RecordingUpstream) -> None:
    """Each byte is progress, so only the total says that it is enough."""

    def drip(_: RecordedRequest) -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"
        while True:
            time.sleep(0.05)
            yield b"x"

    fresh_upstream.answer(drip)
    assert_cut(gateway, "/total/x")


def test_total_timeout_includes_the_connecting(gateway_of: Callable[..., Gateway]) -> None:
    """The kernel drops the handshakes of a socket whose queue is full: connecting takes for ever."""
    with socket.socket() as listening, ExitStack() as queue:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        for _ in range(4):
            waiting = queue.enter_context(socket.socket())
            waiting.setblocking(False)
            with suppress(BlockingIOError):
                waiting.connect(listening.getsockname())
        slow = {
            "url": f"http://127.0.0.1:{listening.getsockname()[1]}",
            "timeouts": {"connect": "1m", "total": "300ms"},
        }
        routes = {"all": {"match": {"path": "/**"}, "service": "slow"}}
        gateway = gateway_of({"services": {"slow": slow}, "routes": routes})
        assert_bad_gateway(gateway.get("/"), 504)
