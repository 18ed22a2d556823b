"""The end of a connection of HTTP/2: the client is told, what is open is finished, no request is lost."""

from __future__ import annotations

import os
import signal
import ssl
import threading
from collections.abc import Callable
from typing import Any

import pytest

from tests.e2e.wire import config, with_limits
from tests.harness import Connection, Gateway, RecordingUpstream, Stall, eventually, ok
from tests.harness.configs import answering
from tests.harness.http2 import Certificates, Code, Http2Client, Http2Upstream, Kind

Start = Callable[..., Gateway]


def assert_polite(client: Http2Client) -> None:
    """First "no new streams, please", then the last stream that was served, then the end (section 6.8)."""
    client.until_closed()
    assert {code for _, code in client.goaways} == {Code.NO_ERROR}
    assert client.goaways[0][0] == 2**31 - 1, "what is on its way is still served"
    lasts = [last for last, _ in client.goaways]
    assert lasts == sorted(lasts, reverse=True)


def test_after_so_many_requests(gateway_of: Start, upstream: RecordingUpstream) -> None:
    gateway = gateway_of(with_limits(upstream, keepalive_requests=5))
    with Http2Client(gateway.port) as client:
        assert [client.request().status for _ in range(5)] == [200] * 5
        assert_polite(client)
    assert len(upstream.requests) == 5


def test_requests_on_their_way_are_served(gateway_of: Start, upstream: RecordingUpstream) -> None:
    """Twenty at once where five are the limit: the client could not know."""
    gateway = gateway_of(with_limits(upstream, keepalive_requests=5))
    with Http2Client(gateway.port) as client:
        streams = [client.start() for _ in range(20)]
        assert [client.response(s).status for s in streams] == [200] * 20
        assert_polite(client)


def test_after_being_idle(gateway_of: Start, upstream: RecordingUpstream) -> None:
    gateway = gateway_of(with_limits(upstream, keepalive_idle="300ms"))
    with Http2Client(gateway.port) as client:
        assert client.request().status == 200
        assert_polite(client)


def test_open_stream_is_not_idle(gateway_of: Start, upstream: RecordingUpstream) -> None:
    upstream.answer([Stall(1.0), ok(b"late")])
    gateway = gateway_of(with_limits(upstream, keepalive_idle="200ms"))
    with Http2Client(gateway.port) as client:
        assert client.request().body == b"late"
        assert_polite(client)


def test_at_a_certain_age(gateway_of: Start, upstream: RecordingUpstream) -> None:
    """Also under way: the open stream is finished, then the connection ends."""
    upstream.answer([Stall(1.0), ok(b"late")])
    gateway = gateway_of(with_limits(upstream, connection_age="300ms"))
    with Http2Client(gateway.port) as client:
        stream = client.start()
        client.wait_for(lambda: client.goaway is not None)
        assert client.response(stream).body == b"late"
        assert_polite(client)


def test_client_that_does_not_go(gateway_of: Start, upstream: RecordingUpstream) -> None:
    """One that ignores the GOAWAY and every PING is closed all the same."""
    gateway = gateway_of(with_limits(upstream, keepalive_idle="300ms"))
    with Http2Client(gateway.port) as client:
        assert client.request().status == 200
        client.auto_ack = False
        client.until_closed()


def test_stop_finishes_what_is_open(gateway_of: Start, upstream: RecordingUpstream) -> None:
    release = threading.Event()

    def late(_: object) -> bytes:
        release.wait(20)
        return ok(b"late")

    upstream.answer(late)
    gateway = gateway_of(config(upstream))
    with Http2Client(gateway.port) as client:
        streams = [client.start() for _ in range(10)]
        eventually(lambda: len(upstream.requests) == 10)
        gateway.processes()
        gateway.kill(signal.SIGTERM)
        client.wait_for(lambda: client.goaway is not None)
        release.set()
        assert [client.response(s).body for s in streams] == [b"late"] * 10
        assert_polite(client)
    assert gateway.wait() == 0
    gateway.assert_nothing_left()


def test_idle_connections_do_not_hold_a_stop_up(gateway_of: Start) -> None:
    gateway = gateway_of(answering("one", process={"drain": "60s"}))
    with Http2Client(gateway.port) as client, Http2Client(gateway.port) as fresh:
        assert client.request().status == 200
        fresh.settle()
        gateway.processes()
        gateway.kill(signal.SIGTERM)
        assert_polite(client)
        assert_polite(fresh)
        assert gateway.wait(within=30) == 0


def test_stop_ends_after_its_time(gateway_of: Start, upstream: RecordingUpstream) -> None:
    upstream.answer(Stall())
    gateway = gateway_of(config(upstream, process={"drain": "500ms"}))
    with Http2Client(gateway.port, timeout=30) as client:
        client.start()
        eventually(lambda: upstream.requests)
        gateway.processes()
        gateway.kill(signal.SIGTERM)
        assert gateway.wait(within=30) == 0
        client.until_closed()


class Callers:
    """Clients that keep a few streams open each, and open a new connection when they are told to go."""

    def __init__(self, port: int, count: int = 3, tls: ssl.SSLContext | None = None) -> None:
        self.port, self.tls = port, tls
        self.done, self.connections = 0, 0
        self.failures: list[str] = []
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(count)]

    def __enter__(self) -> Callers:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(30)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                client = Http2Client(self.port, tls=self.tls)
            except ConnectionRefusedError:
                return
            except OSError as error:
                self.failures.append(f"connecting: {error!r}")
                return
            with client:
                self.connections += 1
                self._use(client)

    def _use(self, client: Http2Client) -> None:
        while client.goaway is None and not self._stop.is_set():
            streams = [client.start() for _ in range(5)]
            for stream in streams:
                response = client.response(stream)
                last = client.goaways[-1][0] if client.goaways else 2**31 - 1
                if response.status == 200 and response.complete:
                    self.done += 1
                elif stream <= last:
                    self.failures.append(f"stream {stream}: {response}, {client.goaways}")


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
def test_stop_under_load(
    gateway_of: Start, upstream: RecordingUpstream, tmp_path: Any, secure: bool
) -> None:
    """Every request is answered, or lies above the last stream that the gateway names: none is lost."""
    certificates = Certificates(tmp_path)
    listener = {"tls": certificates.listener()} if secure else {}
    tls = certificates.client() if secure else None
    gateway = gateway_of(config(upstream, listeners={"web": listener}), threads=2)
    with Callers(gateway.port, tls=tls) as callers:
        eventually(lambda: callers.done > 100)
        gateway.processes()
        gateway.kill(signal.SIGTERM)
        assert gateway.wait() == 0
        callers.stop()
    assert callers.failures == []


def test_few_requests_a_connection_under_load(
    gateway_of: Start, upstream: RecordingUpstream
) -> None:
    gateway = gateway_of(with_limits(upstream, keepalive_requests=20))
    with Callers(gateway.port) as callers:
        eventually(lambda: callers.done > 300, within=30)
    assert callers.failures == []
    assert callers.connections > 5


def test_reloads_leave_connections_alone(gateway_of: Start, upstream: RecordingUpstream) -> None:
    endless = {"web": {"limits": {"keepalive_requests": 1_000_000}}}
    gateway = gateway_of(config(upstream, listeners=endless))
    with Http2Client(gateway.port) as quiet, Callers(gateway.port, 2) as callers:
        assert quiet.request().status == 200
        eventually(lambda: callers.done > 50)
        for number in range(2):
            route = {"match": {"path": f"/new-{number}"}, "respond": {"status": 201, "body": "new"}}
            routes = {f"new-{number}": route}
            done = gateway.reload(config(upstream, listeners=endless, routes=routes))
            assert done.returncode == 0, done.stderr
            assert quiet.request(path=f"/new-{number}").status == 201, (
                "in force on open connections"
            )
        assert quiet.goaway is None
        callers.stop()
        assert callers.failures == []
        assert callers.connections == 2


def test_reload_keeps_connections_to_targets(gateway_of: Start) -> None:
    with Http2Upstream() as up:
        base: dict[str, Any] = {
            "services": {"up": {"url": up.url, "protocol": "h2c"}},
            "routes": {"all": {"match": {"path": "/**"}, "service": "up"}},
        }
        gateway = gateway_of(base)
        with Http2Client(gateway.port) as client:
            assert client.request().status == 200
            route = {"match": {"path": "/new"}, "respond": {"status": 201}}
            assert (
                gateway.reload({**base, "routes": {**base["routes"], "n": route}}).returncode == 0
            )
            assert client.request().status == 200
        assert up.accepted == 1


def test_worker_that_dies(gateway_of: Start, upstream: RecordingUpstream) -> None:
    """Its connections end visibly, and the next worker speaks HTTP/2 again."""
    gateway = gateway_of(config(upstream))
    (worker,) = gateway.worker_pids()
    with Http2Client(gateway.port) as client:
        assert client.request().status == 200
        os.kill(worker, signal.SIGKILL)
        client.until_closed()
    eventually(lambda: gateway.worker_pids() not in ([], [worker]), what="a new worker")

    def works() -> bool:
        try:
            with Http2Client(gateway.port) as again:
                return again.request().status == 200
        except OSError:
            return False

    eventually(works, what="HTTP/2 again")


def test_http1_beside_it(gateway_of: Start, upstream: RecordingUpstream) -> None:
    """One listener, both protocols, each connection its own."""
    gateway = gateway_of(config(upstream))
    with Http2Client(gateway.port) as client, Connection(gateway.port) as old:
        for _ in range(3):
            assert client.request().status == 200
            assert old.request().status == 200
        assert gateway.metric("frontdesk_http2_connections_open") == 1
    eventually(lambda: gateway.metric("frontdesk_http2_connections_open") == 0)
    assert all(kind != Kind.GOAWAY for kind, _, _ in client.frames)
