"""Streams of HTTP/2: nothing piles up behind a reader that is slow, and large ones do not starve small ones."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

import psutil
import pytest

from tests.harness import (
    Connection,
    Gateway,
    RecordedRequest,
    RecordingUpstream,
    eventually,
    free_port,
    ok,
)
from tests.harness.http2 import (
    Certificates,
    Http2Client,
    Http2Upstream,
    ServerStream,
    Setting,
    reply,
)
from tests.harness.http2.peer import StreamState

MIB = 1024 * 1024
BOUND = 24 * MIB
"""What 200 MiB on the way may add to the process: socket buffers are the kernel's, ours are small."""


@dataclass
class Place:
    """A gateway in front of an upstream of each protocol, for clients with and without TLS."""

    gateway: Gateway
    secure_port: int
    certificates: Certificates
    http1: RecordingUpstream
    h2c: Http2Upstream
    h2: Http2Upstream

    def resident(self) -> int:
        """Resident bytes of the workers."""
        return sum(psutil.Process(pid).memory_info().rss for pid in self.gateway.worker_pids())


@pytest.fixture(scope="module")
def place(
    module_gateway: Callable[..., Gateway], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    certificates = Certificates(tmp_path_factory.mktemp("certificates"))
    port = free_port()
    with ExitStack() as stack:
        http1 = stack.enter_context(RecordingUpstream())
        h2c = stack.enter_context(Http2Upstream())
        h2 = stack.enter_context(Http2Upstream(tls=certificates.server()))
        names = ("http1", "h2c", "h2")
        gateway = module_gateway(
            {
                "listeners": {
                    "web": {},
                    "secure": {"address": f"127.0.0.1:{port}", "tls": certificates.listener()},
                },
                "services": {
                    "http1": {"url": http1.url},
                    "h2c": {"url": h2c.url, "protocol": "h2c"},
                    "h2": {"url": h2.url, "tls": certificates.service()},
                },
                "routes": {
                    name: {
                        "match": {"path": f"/{name}/**"},
                        "service": name,
                        "max_body": "off",
                    }
                    for name in names
                },
            }
        )
        yield Place(gateway, port, certificates, http1, h2c, h2)


def stands_still(progress: Callable[[], int]) -> int:
    """Wait until a counter has not moved for a while; its value."""
    last, since = progress(), time.monotonic()

    def still() -> bool:
        nonlocal last, since
        now = progress()
        if now != last:
            last, since = now, time.monotonic()
        return time.monotonic() - since > 0.5

    eventually(still, within=30, what="a sender held back")
    return last


class Source:
    """An endless body of so many MiB, counted as it goes."""

    def __init__(self, size: int) -> None:
        self.size, self.sent = size, 0

    def http1(self, _: RecordedRequest) -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % self.size
        while self.sent < self.size:
            yield bytes(MIB)
            self.sent += MIB

    def http2(self, stream: ServerStream) -> None:
        stream.head(200, [("content-length", str(self.size))])
        while self.sent < self.size:
            stream.data(bytes(MIB), end=self.sent + MIB == self.size)
            self.sent += MIB


@pytest.mark.parametrize("name", ["http1", "h2c", "h2"])
@pytest.mark.parametrize("client", ["http1", "http2"])
def test_slow_reader_holds_the_upstream_back(place: Place, client: str, name: str) -> None:
    source = Source(200 * MIB)
    place.http1.answer(source.http1)
    place.h2c.answer(source.http2)
    place.h2.answer(source.http2)
    before = place.resident()
    with ExitStack() as stack:
        if client == "http2":
            two = stack.enter_context(Http2Client(place.gateway.port))
            two.auto_window, two.keep_bodies = False, False
            stream = two.start(path=f"/{name}/flood")
            two.head_of(stream)
            state = two.state(stream)
            two.wait_for(lambda: state.received == 1 << 20)
        else:
            one = stack.enter_context(Connection(place.gateway.port))
            one.send(f"GET /{name}/flood HTTP/1.1\r\nHost: a.test\r\n\r\n".encode())
        held = stands_still(lambda: source.sent)
        assert held < 100 * MIB, "the upstream was not held back"
        assert place.resident() - before < BOUND
        if client == "http2":
            two.auto_window = True
            two.give_room(stream, 1 << 20)
            two.wait_for(lambda: state.received > 20 * MIB)
            assert place.resident() - before < BOUND
    place.http1.answer(ok())
    place.h2c.answer()
    place.h2.answer()


@pytest.mark.parametrize("client", ["http1", "http2"])
def test_upstream_that_does_not_read_holds_the_client_back(place: Place, client: str) -> None:
    """Its windows are used up, and then the client's."""
    release = threading.Event()

    def swallow(stream: ServerStream) -> None:
        release.wait(30)
        stream.peer.auto_window = True
        stream.peer.give_room(stream.id, stream.request.state.received)
        stream.wait_body()
        reply()(stream)

    size, sent = 50 * MIB, 0
    with Http2Upstream(swallow, auto_window=False) as up, ExitStack() as stack:
        service = {"url": up.url, "protocol": "h2c"}
        route = {"match": {"path": "/**"}, "service": "up", "max_body": "off"}
        gateway = stack.enter_context(
            Gateway({"services": {"up": service}, "routes": {"a": route}})
        )
        (worker,) = gateway.worker_pids()
        before = psutil.Process(worker).memory_info().rss

        def push() -> None:
            nonlocal sent
            if client == "http2":
                with Http2Client(gateway.port, timeout=60) as two:
                    stream = two.start("POST", end=False)
                    for _ in range(size // MIB):
                        two.send_data(stream, bytes(MIB))
                        sent += MIB
                    two.send_data(stream, b"", end=True)
                    statuses.append(two.response(stream).status)
                return
            with Connection(gateway.port, timeout=60) as one:
                one.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size)
                for _ in range(size // MIB):
                    one.send(bytes(MIB))
                    sent += MIB
                statuses.append(one.response().status)

        statuses: list[int] = []
        pusher = threading.Thread(target=push)
        pusher.start()
        held = stands_still(lambda: sent)
        assert held < 40 * MIB, "the client was not held back"
        assert psutil.Process(worker).memory_info().rss - before < BOUND
        release.set()
        pusher.join(60)
        assert statuses == [200]
        assert up.last.state.received == size


@pytest.mark.parametrize("name", ["http1", "h2c", "h2"])
@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
def test_small_requests_beside_a_large_one(place: Place, secure: bool, name: str) -> None:
    """Twenty small requests are answered on the same connection while 200 MiB are under way."""
    source = Source(200 * MIB)

    def choose(request: RecordedRequest) -> object:
        return source.http1(request) if request.target.endswith("/large") else ok()

    def choose2(stream: ServerStream) -> None:
        (source.http2 if stream.request.target.endswith("/large") else reply())(stream)

    place.http1.answer(choose)  # type: ignore[arg-type]
    place.h2c.answer(choose2)
    place.h2.answer(choose2)
    tls = place.certificates.client() if secure else None
    port = place.secure_port if secure else place.gateway.port
    with Http2Client(port, tls=tls) as client:
        client.keep_bodies = False
        large = client.start(path=f"/{name}/large")
        client.head_of(large)
        for _ in range(20):
            assert client.request(path=f"/{name}/small").status == 200
        assert not client.state(large).ended, "the small ones did not wait for its end"
    place.http1.answer(ok())
    place.h2c.answer()
    place.h2.answer()


def test_two_large_ones_go_side_by_side(place: Place) -> None:
    """Neither waits for the other's end."""
    place.h2c.answer(Source(20 * MIB).http2, Source(20 * MIB).http2)
    with Http2Client(place.gateway.port) as client:
        client.keep_bodies = False
        first, second = (client.state(client.start(path="/h2c/large")) for _ in range(2))
        client.wait_for(lambda: first.ended or second.ended)
        assert min(first.received, second.received) > MIB
        client.wait_for(lambda: first.ended and second.ended)
    place.h2c.answer()


def test_stalled_stream_does_not_hold_others_up(place: Place) -> None:
    """A stream whose window is shut; the connection's window has room."""
    place.h2c.answer(Source(2 * MIB).http2, reply(b"x" * 50_000))
    with Http2Client(place.gateway.port, settings={Setting.INITIAL_WINDOW_SIZE: 65_535}) as client:
        client.auto_window = False
        stalled = client.start(path="/h2c/large")
        state = client.state(stalled)
        client.wait_for(lambda: state.received == 65_535)
        for _ in range(20):
            assert len(client.request(path="/h2c/small").body) == 50_000
    place.h2c.answer()


def test_both_directions_at_once(place: Place) -> None:
    """An echo that answers each part while the next is not yet sent, through both protocols' windows."""

    def echo(stream: ServerStream) -> None:
        stream.head(200)
        state, done = stream.request.state, 0
        while not (state.ended and done == state.received):
            stream.peer.wait_for(partial(_more_than, state, done))
            piece = stream.request.body[done:]
            done += len(piece)
            stream.data(piece)
        stream.data(b"", end=True)

    place.h2c.answer(echo)
    with Http2Client(place.gateway.port) as client:
        stream = client.start("POST", "/h2c/echo", end=False)
        state = client.state(stream)
        for number in range(20):
            client.send_data(stream, b"ping-%d" % number)
            client.wait_for(lambda wanted=b"ping-%d" % number: wanted in state.body)  # type: ignore[misc]
        client.send_data(stream, b"", end=True)
        assert client.response(stream).complete
    place.h2c.answer()


def _more_than(state: StreamState, done: int) -> bool:
    return state.received > done or state.ended


def test_client_that_stops_reading_is_cut(gateway_of: Callable[..., Gateway]) -> None:
    """`write_idle` bounds how long a response waits for a window."""
    with Http2Upstream(Source(10 * MIB).http2) as up:
        gateway = gateway_of(
            {
                "listeners": {"web": {"limits": {"write_idle": "300ms"}}},
                "services": {"up": {"url": up.url, "protocol": "h2c"}},
                "routes": {"all": {"match": {"path": "/**"}, "service": "up"}},
            }
        )
        with Http2Client(gateway.port) as client:
            client.auto_window = False
            stream = client.start()
            response = client.response(stream)
            assert response.reset is not None
            assert not response.complete
            assert client.goaway is None, "the connection goes on"
        (record,) = gateway.log_lines(at_least=1)
        assert record["fault"] == "write_timeout"
        eventually(lambda: up.last.reset is not None, what="the upstream is told")
