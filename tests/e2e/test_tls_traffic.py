"""Whole exchanges over TLS: the bytes, the order and the end of each are those of plain connections."""

from __future__ import annotations

import hashlib
import os
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator

import pytest
import websockets.sync.client as ws_client
import websockets.sync.server as ws_server

from tests.e2e.messages import post
from tests.e2e.secure import forwarding_tls, listener
from tests.harness import (
    Authority,
    Connection,
    Gateway,
    Issued,
    RecordingUpstream,
    Reset,
    Stall,
    Truncate,
    eventually,
    ok,
)

BIG = os.urandom(1 << 20) * 10
VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]
both_versions = pytest.mark.parametrize("version", VERSIONS, ids=["1.2", "1.3"])
REQUEST = b"GET / HTTP/1.1\r\nHost: site.test\r\n\r\n"


@pytest.fixture(scope="module")
def gateway(
    module_gateway: Callable[..., Gateway], shared_upstream: RecordingUpstream, site: Issued
) -> Gateway:
    config = forwarding_tls(shared_upstream.url, site)
    config["routes"]["all"]["max_body"] = "off"
    return module_gateway(config)


@both_versions
def test_big_bodies_both_ways(
    gateway: Gateway,
    authority: Authority,
    fresh_upstream: RecordingUpstream,
    version: ssl.TLSVersion,
) -> None:
    fresh_upstream.answer(lambda request: ok(request.body))
    with Connection(gateway.port, tls=authority.client(version), timeout=30) as client:
        for chunked in (False, True):
            client.send(post(BIG, chunked))
            response = client.response()
            assert response.complete
            assert _digest(response.body) == _digest(BIG)
            assert _digest(fresh_upstream.last.body) == _digest(BIG)


@both_versions
def test_slow_reader_gets_every_byte(
    gateway: Gateway,
    authority: Authority,
    fresh_upstream: RecordingUpstream,
    version: ssl.TLSVersion,
) -> None:
    """The gateway holds the upstream back meanwhile: it cannot have taken everything."""
    sent = threading.Event()

    def parts() -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (8 * len(BIG))
        for _ in range(8):
            yield BIG
        sent.set()

    fresh_upstream.answer(lambda _: parts())
    with Connection(gateway.port, tls=authority.client(version), timeout=30) as client:
        client.send(REQUEST)
        assert b"200 OK" in (client.read_head() or b"")
        start = client.read_exactly(100_000)
        assert not sent.is_set()
        body = start + client.read_exactly(8 * len(BIG) - len(start))
        assert _digest(body) == _digest(BIG * 8)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@both_versions
def test_pipelined_requests_in_one_record(
    gateway: Gateway,
    authority: Authority,
    fresh_upstream: RecordingUpstream,
    version: ssl.TLSVersion,
) -> None:
    fresh_upstream.answer(lambda request: ok(request.target.encode() + b" " + request.body))
    with Connection(gateway.port, tls=authority.client(version)) as client:
        client.send(b"".join(post(b"body %d" % n, bool(n % 2), f"/{n}") for n in range(50)))
        answers = [client.response().body for _ in range(50)]
    assert answers == [b"/%d body %d" % (n, n) for n in range(50)]


def test_one_byte_a_record(
    gateway: Gateway, authority: Authority, fresh_upstream: RecordingUpstream
) -> None:
    fresh_upstream.answer(lambda request: ok(request.body))
    data = post(b"body", True)
    with Connection(gateway.port, tls=authority.client()) as client:
        client.send(data[at : at + 1] for at in range(len(data)))
        assert client.response().body == b"body"


def test_many_requests_on_one_connection(
    gateway: Gateway, authority: Authority, fresh_upstream: RecordingUpstream
) -> None:
    with Connection(gateway.port, tls=authority.client()) as client:
        for number in range(200):
            assert client.request(target=f"/{number}").status == 200
    assert len({request.connection for request in fresh_upstream.requests}) == 1


def test_upstream_is_told_that_it_was_https(
    gateway: Gateway, authority: Authority, fresh_upstream: RecordingUpstream
) -> None:
    headers = [("X-Forwarded-Proto", "http"), ("Forwarded", "proto=http")]
    assert gateway.get("/", tls=authority.client(), headers=headers).status == 200
    assert fresh_upstream.last.all("x-forwarded-proto") == ["https"]
    assert fresh_upstream.last.all("x-forwarded-port") == [str(gateway.port)]
    assert fresh_upstream.last.header("forwarded") is None


def test_end_of_a_connection_is_said(
    gateway_of: Callable[..., Gateway],
    authority: Authority,
    site: Issued,
    upstream: RecordingUpstream,
) -> None:
    """close_notify (RFC 8446 section 6.1) after whichever end is the gateway's doing."""
    limits = {"keepalive_requests": 2, "keepalive_idle": "200ms"}
    gateway = gateway_of(forwarding_tls(upstream.url, site, limits=limits))
    context = authority.client()

    def ends_well(*requests: bytes) -> None:
        with Connection(gateway.port, tls=context) as client:
            for request in requests:
                client.send(request)
                assert client.response().complete
            assert client.read_until_close() == b""
            assert not client.cut

    ends_well(REQUEST)
    ends_well(REQUEST, REQUEST)
    ends_well(REQUEST.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
    ends_well(b"GET / HTTP/1.0\r\n\r\n")
    # One that pipelines past the end still gets the answers whole.
    with Connection(gateway.port, tls=context) as client:
        client.send(REQUEST * 20)
        assert [client.response().status for _ in range(2)] == [200, 200]
        assert client.read_until_close() == b""
        assert not client.cut


def test_stop_of_the_gateway_says_the_end_too(
    gateway_of: Callable[..., Gateway],
    authority: Authority,
    site: Issued,
    upstream: RecordingUpstream,
) -> None:
    gateway = gateway_of(forwarding_tls(upstream.url, site))
    with Connection(gateway.port, tls=authority.client()) as idle:
        assert idle.request().status == 200
        assert gateway.stop() == 0
        assert idle.read_until_close() == b""
        assert not idle.cut


def test_client_that_says_its_end_is_answered(gateway: Gateway, authority: Authority) -> None:
    with Connection(gateway.port, tls=authority.client()) as client:
        assert client.request().status == 200
        client.secured.unwrap()


CUT = {
    "length-short": Truncate(b"HTTP/1.1 200 OK\r\nContent-Length: 900000\r\n\r\n" + b"x" * 99_999),
    "chunked-short": Truncate(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
    ),
    "until-close-reset": [b"HTTP/1.1 200 OK\r\n\r\nhello", Stall(0.2), Reset()],
}


@both_versions
@pytest.mark.parametrize("name", CUT)
def test_truncated_body_ends_without_close_notify(
    name: str,
    gateway: Gateway,
    authority: Authority,
    fresh_upstream: RecordingUpstream,
    version: ssl.TLSVersion,
) -> None:
    fresh_upstream.answer(CUT[name])
    with Connection(gateway.port, tls=authority.client(version)) as client:
        client.send(REQUEST)
        head = client.read_head()
        assert head is not None
        assert b"200 OK" in head
        assert not client.read_until_close().endswith(b"0\r\n\r\n")
        assert client.cut


def test_body_until_close_to_an_old_client_ends_with_close_notify(
    gateway: Gateway, authority: Authority, fresh_upstream: RecordingUpstream
) -> None:
    """It has no other way to tell the end from a cut."""
    fresh_upstream.answer(Truncate(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 50_000))
    with Connection(gateway.port, tls=authority.client()) as client:
        client.send(b"GET / HTTP/1.0\r\n\r\n")
        assert b"200 OK" in (client.read_head() or b"")
        assert client.read_until_close() == b"x" * 50_000
        assert not client.cut


def test_server_sent_events_are_not_held_back(
    gateway: Gateway, authority: Authority, fresh_upstream: RecordingUpstream
) -> None:
    """Each event is only sent once the one before has been read."""
    read = threading.Semaphore(0)

    def events() -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
        for number in range(20):
            yield b"a\r\ndata: %02d\n\n\r\n" % number
            assert read.acquire(timeout=10)
        yield b"0\r\n\r\n"

    fresh_upstream.answer(lambda _: events())
    with Connection(gateway.port, tls=authority.client()) as client:
        client.send(REQUEST)
        assert b"text/event-stream" in (client.read_head() or b"")
        for number in range(20):
            assert client.read_exactly(15) == b"a\r\ndata: %02d\n\n\r\n" % number
            read.release()
        assert client.read_exactly(5) == b"0\r\n\r\n"


def test_request_body_is_not_held_back(
    gateway_of: Callable[..., Gateway], authority: Authority, site: Issued
) -> None:
    parts: list[bytes] = []

    def collect(sock: socket.socket) -> None:
        while data := sock.recv(65536):
            parts.append(data)

    with RecordingUpstream(on_connect=collect) as upstream:
        gateway = gateway_of(forwarding_tls(upstream.url, site))
        with Connection(gateway.port, tls=authority.client()) as client:
            client.send(b"POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n")
            for word in (b"one", b"two", b"three"):
                client.send(b"%x\r\n%b\r\n" % (len(word), word))
                eventually(lambda w=word: w in b"".join(parts))


@pytest.fixture(scope="module")
def echo_port() -> Iterator[int]:
    def serve(connection: ws_server.ServerConnection) -> None:
        for message in connection:
            connection.send(message)

    server = ws_server.serve(serve, "127.0.0.1", 0, max_size=None)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.socket.getsockname()[1]
    server.shutdown()
    thread.join(10)


@both_versions
def test_websocket(
    gateway_of: Callable[..., Gateway],
    authority: Authority,
    site: Issued,
    echo_port: int,
    version: ssl.TLSVersion,
) -> None:
    gateway = gateway_of(forwarding_tls(f"http://127.0.0.1:{echo_port}", site))
    url = f"wss://127.0.0.1:{gateway.port}/"
    with ws_client.connect(url, ssl=authority.client(version), max_size=None) as socket_:
        assert socket_.ping().wait(10)
        for message in ("hello", "", b"\0\xff", os.urandom(2_000_000)):
            socket_.send(message)
            assert socket_.recv(timeout=20) == message


def test_proxy_header_before_the_handshake(
    gateway_of: Callable[..., Gateway],
    authority: Authority,
    site: Issued,
    upstream: RecordingUpstream,
) -> None:
    listeners = listener(site)
    listeners["web"] |= {"proxy_protocol": True, "trusted_proxies": ["127.0.0.1"]}
    config = forwarding_tls(upstream.url, site) | {"listeners": listeners}
    gateway = gateway_of(config)
    first = b"PROXY TCP4 192.0.2.7 192.0.2.8 4321 443\r\n"
    addresses = bytes([192, 0, 2, 7, 192, 0, 2, 8]) + struct.pack(">HH", 4321, 443)
    second = b"\r\n\r\n\0\r\nQUIT\n" + struct.pack(">BBH", 0x21, 0x11, 12) + addresses
    for before in (first, second):
        with Connection(gateway.port, tls=authority.client(), before=before) as client:
            assert client.request().status == 200
        assert upstream.last.all("x-forwarded-for") == ["192.0.2.7"]
        assert upstream.last.all("x-forwarded-proto") == ["https"]
        assert _in_one_packet(gateway.port, authority, before).startswith(b"HTTP/1.1 200 ")
        assert upstream.last.all("x-forwarded-for") == ["192.0.2.7"]


def _in_one_packet(port: int, authority: Authority, before: bytes) -> bytes:
    """Header and ClientHello at once; the start of the answer to a request."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = authority.client().wrap_bio(incoming, outgoing, server_hostname="127.0.0.1")
    steps = iter([tls.do_handshake, lambda: tls.write(REQUEST), lambda: tls.read(4096)])
    with Connection(port) as client:
        step = next(steps)
        while True:
            try:
                result = step()
            except ssl.SSLWantReadError:
                client.send(before + outgoing.read())
                before = b""
                incoming.write(client.sock.recv(65536))
                continue
            if isinstance(result, bytes):
                return result
            step = next(steps)
