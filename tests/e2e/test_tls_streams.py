"""What goes on for long over TLS: events, uploads, WebSocket; and what comes before it: a PROXY header."""

from __future__ import annotations

import os
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator

import pytest
import websockets.sync.client as ws_client
import websockets.sync.server as ws_server

from tests.e2e.secure import both_versions, forwarding_tls, listener
from tests.harness import (
    Authority,
    Connection,
    Gateway,
    Issued,
    RecordingUpstream,
    eventually,
)

REQUEST = b"GET / HTTP/1.1\r\nHost: site.test\r\n\r\n"


@pytest.fixture(scope="module")
def gateway(
    module_gateway: Callable[..., Gateway], shared_upstream: RecordingUpstream, site: Issued
) -> Gateway:
    config = forwarding_tls(shared_upstream.url, site)
    config["routes"]["all"]["max_body"] = "off"
    return module_gateway(config)


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
