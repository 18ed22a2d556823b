"""Stopping: what is in flight is finished, nothing new is taken, nothing is left."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from tests.harness import Connection, Load, Stall, eventually, ok, request
from tests.harness.configs import answering, forwarding
from tests.harness.raw import build

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.harness import Gateway, RecordingUpstream


def refuses(gateway: Gateway) -> bool:
    try:
        request(gateway.port, timeout=1)
    except OSError:
        return True
    return False


def test_ctrl_c_of_a_terminal(
    gateway_of: Callable[..., Gateway], upstream: RecordingUpstream
) -> None:
    """A terminal sends SIGINT to every process of the group; the workers drain all the same."""
    upstream.answer([Stall(1.0), ok(b"late")])
    gateway = gateway_of(forwarding(upstream.url), preexec=os.setsid)
    with Connection(gateway.port) as connection:
        connection.send(build("GET", "/slow"))
        eventually(lambda: upstream.requests)
        gateway.processes()
        os.killpg(gateway.pid, signal.SIGINT)
        assert connection.response().body == b"late"
    assert gateway.wait() == 0
    gateway.assert_nothing_left()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_slow_response_is_finished(
    gateway_of: Callable[..., Gateway], upstream: RecordingUpstream, number: int
) -> None:
    upstream.answer([Stall(2.0), ok(b"late")])
    gateway = gateway_of(forwarding(upstream.url))
    with Connection(gateway.port) as connection:
        connection.send(build("GET", "/slow"))
        eventually(lambda: upstream.requests)
        gateway.processes()
        gateway.kill(number)
        eventually(lambda: refuses(gateway), what="new connections are refused")
        assert gateway.status("/readyz") == 503
        assert b"draining" in gateway.status_response("/readyz").body
        response = connection.response()
    assert response.body == b"late"
    assert response.header("connection") == "close"
    assert gateway.wait() == 0
    gateway.assert_nothing_left()


def test_idle_connections_do_not_hold_it_up(gateway_of: Callable[..., Gateway]) -> None:
    gateway = gateway_of(answering("one", process={"drain": "60s"}))
    with Connection(gateway.port) as connection:
        assert connection.request().status == 200
        gateway.processes()
        gateway.kill(signal.SIGTERM)
        assert gateway.wait(within=30) == 0
        assert connection.is_closed()


def test_drain_ends_after_its_time(
    gateway_of: Callable[..., Gateway], upstream: RecordingUpstream
) -> None:
    """A response that never comes is cut when `process.drain` is over."""
    upstream.answer(Stall())
    gateway = gateway_of(forwarding(upstream.url, process={"drain": "500ms"}))
    with Connection(gateway.port, timeout=30) as connection:
        connection.send(build("GET", "/never"))
        eventually(lambda: upstream.requests)
        gateway.processes()
        gateway.kill(signal.SIGTERM)
        assert gateway.wait(within=30) == 0
        connection.read_until_close()


@pytest.mark.parametrize("signals", [[signal.SIGQUIT], [signal.SIGINT, signal.SIGINT]])
def test_stop_at_once(
    gateway_of: Callable[..., Gateway], upstream: RecordingUpstream, signals: list[int]
) -> None:
    upstream.answer(Stall())
    gateway = gateway_of(forwarding(upstream.url, process={"drain": "1h"}))
    with Connection(gateway.port, timeout=30) as connection:
        connection.send(build("GET", "/never"))
        eventually(lambda: upstream.requests)
        gateway.processes()
        for number in signals:
            gateway.kill(number)
            gateway.settle()
        assert gateway.wait(within=30) == 0
    gateway.assert_nothing_left()


@pytest.mark.parametrize("keep_alive", [True, False])
def test_under_load_nothing_is_lost(
    gateway_of: Callable[..., Gateway], upstream: RecordingUpstream, keep_alive: bool
) -> None:
    """Clients see complete answers up to the end, then refused connections.

    No answer is cut, no request is lost on a connection that is kept alive, no connection is reset.
    """
    gateway = gateway_of(forwarding(upstream.url), threads=2)
    load = Load(gateway.port, clients=8, keep_alive=keep_alive)
    with load:
        eventually(lambda: load.done > 200)
        gateway.processes()
        gateway.kill(signal.SIGTERM)
        assert gateway.wait() == 0
        load.stop()
    unexpected = [f for f in load.failures if not f.startswith("ConnectionRefusedError")]
    assert unexpected == []
    assert load.reopened == 0


def test_an_idle_connection_may_ask_once_more(gateway_of: Callable[..., Gateway]) -> None:
    """Its client may be sending at the moment of the stop; the answer says that it is the last."""
    gateway = gateway_of(answering("one"))
    with Connection(gateway.port) as connection:
        assert connection.request().status == 200
        gateway.processes()
        gateway.kill(signal.SIGTERM)
        eventually(lambda: gateway.status("/readyz") == 503)
        response = connection.request()
        assert response.body == b"one"
        assert response.header("connection") == "close"
    assert gateway.wait() == 0


def test_connections_that_wait_in_the_backlog_are_answered(
    gateway_of: Callable[..., Gateway],
) -> None:
    """What the kernel had accepted before the stop is served by it, though no worker had seen it yet."""
    gateway = gateway_of(answering("one"), threads=2)
    gateway.processes()
    worker = gateway.worker_pids()[0]
    os.kill(worker, signal.SIGSTOP)
    waiting = [Connection(gateway.port) for _ in range(20)]
    for connection in waiting:
        connection.send(build("GET", "/"))
    gateway.kill(signal.SIGTERM)
    eventually(lambda: "draining" in gateway.stderr)
    os.kill(worker, signal.SIGCONT)
    for connection in waiting:
        assert connection.response().body == b"one"
        connection.close()
    assert gateway.wait() == 0
