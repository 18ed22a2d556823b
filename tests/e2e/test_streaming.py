"""Streams: nothing is held back, nothing is piled up, and both directions flow at once."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial

import psutil
import pytest

from tests.e2e.wire import send_all
from tests.harness import (
    Connection,
    Gateway,
    RecordedRequest,
    RecordingUpstream,
    eventually,
    ok,
)

MIB = 1024 * 1024
BOUND = 24 * MIB
"""What 200 MiB on the way may add to the process: socket buffers are the kernel's, ours are small."""


def config(url: str) -> dict[str, object]:
    return {
        "services": {"up": {"url": url}},
        "routes": {"all": {"match": {"path": "/**"}, "service": "up", "max_body": "off"}},
    }


@pytest.fixture(scope="module")
def gateway(module_gateway: Callable[..., Gateway], shared_upstream: RecordingUpstream) -> Gateway:
    return module_gateway(config(shared_upstream.url))


@pytest.fixture
def service(shared_upstream: RecordingUpstream) -> Iterator[RecordingUpstream]:
    """The module's upstream with nothing recorded; its script is put back afterwards."""
    shared_upstream.clear()
    yield shared_upstream
    shared_upstream.answer(ok())


def resident(gateway: Gateway) -> int:
    """Resident bytes of the workers."""
    return sum(psutil.Process(pid).memory_info().rss for pid in gateway.worker_pids())


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


def test_slow_reader_holds_the_upstream_back(gateway: Gateway, service: RecordingUpstream) -> None:
    sent = 0

    def flood(_: RecordedRequest) -> Iterator[bytes]:
        nonlocal sent
        yield b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (200 * MIB)
        for _n in range(200):
            yield bytes(MIB)
            sent += MIB

    service.answer(flood)
    before = resident(gateway)
    with Connection(gateway.port) as client:
        client.send(b"GET /flood HTTP/1.1\r\nHost: a.test\r\n\r\n")
        held = stands_still(lambda: sent)
        assert held < 100 * MIB, "the upstream was not held back"
        assert resident(gateway) - before < BOUND
        client.sock.settimeout(60)
        taken = 0
        while taken < 200 * MIB:
            taken += len(client.sock.recv(4 * MIB))
        assert resident(gateway) - before < BOUND


def test_upstream_that_does_not_read_holds_the_client_back(
    gateway_of: Callable[..., Gateway],
) -> None:
    release = threading.Event()

    def swallow(sock: socket.socket) -> None:
        release.wait(60)
        while sock.recv(MIB):
            pass

    sent = 0
    with RecordingUpstream(on_connect=swallow) as upstream, contextlib.ExitStack() as stack:
        stack.callback(release.set)
        gateway = gateway_of(config(upstream.url))
        before = resident(gateway)
        client = stack.enter_context(Connection(gateway.port, timeout=60))

        def push() -> None:
            nonlocal sent
            client.sock.sendall(
                b"POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: %d\r\n\r\n" % (100 * MIB)
            )
            with contextlib.suppress(OSError):
                for _ in range(100):
                    client.sock.sendall(bytes(MIB))
                    sent += MIB

        pusher = threading.Thread(target=push)
        pusher.start()
        held = stands_still(lambda: sent)
        assert held < 60 * MIB, "the client was not held back"
        assert resident(gateway) - before < BOUND
        release.set()
        pusher.join(60)
        assert sent == 100 * MIB


@pytest.mark.parametrize("kind", ["text/event-stream", "application/octet-stream"])
@pytest.mark.parametrize("framing", ["chunked", "until-close"])
def test_each_event_arrives_before_the_next_is_made(
    kind: str, framing: str, gateway: Gateway, service: RecordingUpstream
) -> None:
    """The upstream makes an event only when the client has seen the one before."""
    seen = threading.Semaphore(0)
    chunked = framing == "chunked"
    coding = "Transfer-Encoding: chunked" if chunked else "Connection: close"

    def events(_: RecordedRequest) -> Iterator[bytes]:
        yield f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\n{coding}\r\n\r\n".encode()
        for number in range(20):
            event = b"data: %d\n\n" % number
            yield b"%x\r\n%b\r\n" % (len(event), event) if chunked else event
            assert seen.acquire(timeout=10), "the event was held back"
        if chunked:
            yield b"0\r\n\r\n"

    service.answer(events)
    with Connection(gateway.port) as client:
        client.send(b"GET /events HTTP/1.1\r\nHost: a.test\r\nAccept: text/event-stream\r\n\r\n")
        head = client.read_head()
        assert head is not None
        assert head.startswith(b"HTTP/1.1 200 ")
        for number in range(20):
            wanted = b"data: %d\n\n" % number
            while wanted not in client.buffer:
                assert client._fill()
            seen.release()
    if not chunked:
        service.close_idle()


def _arrived(service: RecordingUpstream, piece: bytes) -> bool:
    return piece in service.data


def test_request_chunks_arrive_one_by_one(gateway: Gateway, service: RecordingUpstream) -> None:
    with Connection(gateway.port) as client:
        client.send(b"POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n")
        for number in range(10):
            piece = b"piece-%d;" % number
            client.send(b"%x\r\n%b\r\n" % (len(piece), piece))
            eventually(partial(_arrived, service, piece), what=piece.decode())
        client.send(b"0\r\n\r\n")
        assert client.response().status == 200
    assert service.last.complete


def test_both_directions_at_once(gateway_of: Callable[..., Gateway]) -> None:
    """An echo that answers each chunk while the upload is still going on."""

    def echo(sock: socket.socket) -> None:
        data = b""
        while b"\r\n\r\n" not in data:
            data += sock.recv(65536)
        sock.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        piece = data.partition(b"\r\n\r\n")[2]
        while piece := piece or sock.recv(65536):
            sock.sendall(b"%x\r\n%b\r\n" % (len(piece), piece))
            if piece.endswith(b"0\r\n\r\n"):
                sock.sendall(b"0\r\n\r\n")
                return
            piece = b""

    with RecordingUpstream(on_connect=echo) as upstream:
        gateway = gateway_of(config(upstream.url))
        with Connection(gateway.port) as client:
            client.send(b"POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n")
            for number in range(5):
                client.send(b"6\r\nping-%d\r\n" % number)
                while b"ping-%d" % number not in client.buffer:
                    assert client._fill()
            client.send(b"0\r\n\r\n")
            assert client.read_until_close().rstrip().endswith(b"0")


def test_early_final_answer_reaches_the_client(gateway_of: Callable[..., Gateway]) -> None:
    """The upstream refuses from the head alone; its answer is not lost behind the upload."""
    answer = ok(b"too much", [("Connection", "close")], "413 Content Too Large")
    with RecordingUpstream(answer, early=True) as upstream:
        gateway = gateway_of(config(upstream.url))
        with Connection(gateway.port) as client:
            head = b"POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: %d\r\n\r\n" % (50 * MIB)
            send_all(client, head + bytes(MIB))
            response = client.response()
        assert (response.status, response.body) == (413, b"too much")
        assert gateway.get("/after").status == 413, "and the gateway goes on"


def test_client_that_goes_away_ends_the_upstream_exchange(
    gateway: Gateway, service: RecordingUpstream
) -> None:
    """Nobody reads any more, so the upstream must not go on sending for ever."""

    def endless(_: RecordedRequest) -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        while True:
            yield b"400\r\n" + bytes(1024) + b"\r\n"
            time.sleep(0.001)

    service.answer(endless)
    with Connection(gateway.port) as client:
        client.send(b"GET /endless HTTP/1.1\r\nHost: a.test\r\n\r\n")
        client.read_exactly(5_000)
    connection = service.connection_of(service.last)
    eventually(lambda: connection.ended != "open", what="upstream let go")
