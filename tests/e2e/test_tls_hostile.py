"""What a client can do wrong before and within TLS: each costs its own connection and nothing else."""

from __future__ import annotations

import os
import socket
import ssl
import struct
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from tests.e2e.secure import forwarding_tls, handshakes
from tests.harness import Authority, Connection, Gateway, Issued, RecordingUpstream, eventually, raw


@pytest.fixture(scope="module")
def gateway(
    module_gateway: Callable[..., Gateway], shared_upstream: RecordingUpstream, site: Issued
) -> Gateway:
    return module_gateway(forwarding_tls(shared_upstream.url, site))


@pytest.fixture
def bystander(
    gateway: Gateway, authority: Authority, shared_upstream: RecordingUpstream
) -> Iterator[None]:
    """Another client: connected before the test, unharmed after it; nothing else came upstream."""
    shared_upstream.clear()
    with Connection(gateway.port, tls=authority.client()) as other:
        assert other.request(target="/bystander").status == 200
        yield
        assert other.request(target="/bystander").status == 200
    assert gateway.get("/bystander", tls=authority.client()).status == 200
    assert {request.target for request in shared_upstream.requests} == {"/bystander"}


def client_hello(name: str = "site.test") -> bytes:
    """The first bytes of an ordinary client."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    with suppress(ssl.SSLWantReadError):
        context.wrap_bio(incoming, outgoing, server_hostname=name).do_handshake()
    return outgoing.read()


HELLO = client_hello()
RECORD = struct.Struct(">BHH")
NOISE = {
    "plain-http": b"GET / HTTP/1.1\r\nHost: site.test\r\n\r\n",
    "plain-http-2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "proxy-header-nobody-asked-for": b"PROXY TCP4 192.0.2.7 192.0.2.8 1 443\r\n" + HELLO,
    "random": os.urandom(4096),
    "zeros": bytes(65_536),
    "ssl-2": bytes.fromhex("802e0100020015000000100100800200800300800400800500800600400700c0"),
    "heartbeat": RECORD.pack(24, 0x0302, 3) + b"\x01\x40\x00",
    "alert": RECORD.pack(21, 0x0301, 2) + b"\x02\x28",
    "data-before-the-handshake": RECORD.pack(23, 0x0303, 4) + b"GET ",
    "empty-records": RECORD.pack(22, 0x0301, 0) * 100,
    "record-too-long": RECORD.pack(22, 0x0301, 0xFFFF) + bytes(0xFFFF),
    "message-too-long": RECORD.pack(22, 0x0301, 4) + b"\x01\xff\xff\xff" + bytes(70_000),
    "two-hellos": HELLO + HELLO,
    "hello-then-garbage": HELLO + b"\x00" * 100,
    "hello-then-http": HELLO + b"GET / HTTP/1.1\r\nHost: site.test\r\n\r\n",
}


@pytest.mark.usefixtures("bystander")
@pytest.mark.parametrize("name", NOISE)
def test_bytes_that_are_no_handshake(name: str, gateway: Gateway) -> None:
    failed = handshakes(gateway, "failed")
    got = raw(gateway.port, NOISE[name])
    assert b"HTTP/1." not in got
    eventually(lambda: handshakes(gateway, "failed") == failed + 1)


@pytest.mark.usefixtures("bystander")
@pytest.mark.parametrize("end", ["close", "reset"])
@pytest.mark.parametrize("size", [0, 1, 4, 5, 6, 60, len(HELLO) - 1, len(HELLO)])
def test_client_that_leaves_within_the_handshake(size: int, end: str, gateway: Gateway) -> None:
    failed = handshakes(gateway, "failed")
    client = Connection(gateway.port)
    client.send(HELLO[:size])
    if size == len(HELLO):
        assert client.read_exactly(5)
    client.close() if end == "close" else client.reset()
    eventually(lambda: handshakes(gateway, "failed") == failed + 1)


@pytest.mark.usefixtures("bystander")
def test_hello_in_small_pieces_is_fine(gateway: Gateway, authority: Authority) -> None:
    """TLS over a connection that passes one byte at a time."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = authority.client().wrap_bio(incoming, outgoing, server_hostname="site.test")
    with Connection(gateway.port) as client:
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                hello = outgoing.read()
                client.send(hello[at : at + 1] for at in range(len(hello)))
                incoming.write(client.sock.recv(65536))
        assert tls.version() == "TLSv1.3"


@pytest.mark.parametrize("sent", [b"", HELLO[:1], HELLO[:100], HELLO], ids=len)
def test_handshake_that_takes_too_long(
    sent: bytes, gateway_of: Callable[..., Gateway], site: Issued, upstream: RecordingUpstream
) -> None:
    config = forwarding_tls(upstream.url, site, limits={"tls_handshake": "200ms"})
    gateway = gateway_of(config)
    assert b"HTTP/1." not in raw(gateway.port, sent, timeout=20)
    assert handshakes(gateway, "timeout") == 1
    assert handshakes(gateway, "failed") == 0


def test_limit_of_the_handshake_is_not_one_of_the_connection(
    gateway_of: Callable[..., Gateway],
    authority: Authority,
    site: Issued,
    upstream: RecordingUpstream,
) -> None:
    config = forwarding_tls(upstream.url, site, limits={"tls_handshake": "200ms"})
    gateway = gateway_of(config)
    with Connection(gateway.port, tls=authority.client()) as client:
        raw(gateway.port, b"", timeout=20)
        assert handshakes(gateway, "timeout") == 1, "as long as the limit has passed"
        assert client.request().status == 200


def test_silent_connection_after_the_handshake_is_closed(
    gateway_of: Callable[..., Gateway],
    authority: Authority,
    site: Issued,
    upstream: RecordingUpstream,
) -> None:
    gateway = gateway_of(forwarding_tls(upstream.url, site, limits={"head_timeout": "200ms"}))
    with Connection(gateway.port, tls=authority.client(), timeout=20) as client:
        assert client.read_until_close() == b""
        assert not client.cut


SMUGGLED = {
    "length-and-chunked": b"POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 4\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two-lengths": b"POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcde",
    "no-host": b"GET / HTTP/1.1\r\n\r\n",
    "bare-lf": b"GET / HTTP/1.1\nHost: a.test\n\n",
    "nul": b"GET / HTTP/1.1\r\nHost: a.test\r\nX: \0\r\n\r\n",
    "http-2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "binary": os.urandom(64) + b"\r\n\r\n",
}


@pytest.mark.usefixtures("bystander")
@pytest.mark.parametrize("name", SMUGGLED)
def test_requests_are_judged_as_without_tls(
    name: str, gateway: Gateway, authority: Authority
) -> None:
    with Connection(gateway.port, tls=authority.client()) as client:
        client.send(SMUGGLED[name])
        assert client.response().status in (400, 505)
        assert client.read_until_close() == b""
        assert not client.cut, "the end is said, so that nobody takes the answer for a part"


@pytest.mark.usefixtures("bystander")
def test_connection_cut_within_a_record(gateway: Gateway, authority: Authority) -> None:
    client = Connection(gateway.port, tls=authority.client())
    below = socket.socket(fileno=os.dup(client.sock.fileno()))
    with below:
        below.sendall(RECORD.pack(23, 0x0303, 200) + bytes(50))
    client.close()


@pytest.mark.usefixtures("bystander")
def test_record_that_was_changed_on_the_way(gateway: Gateway, authority: Authority) -> None:
    with Connection(gateway.port, tls=authority.client()) as client:
        below = socket.socket(fileno=os.dup(client.sock.fileno()))
        with below:
            below.sendall(RECORD.pack(23, 0x0303, 60) + os.urandom(60))
        with suppress(ssl.SSLError):
            assert client.read_until_close() == b""


def test_connection_over_the_limit_is_sent_no_plain_text(
    gateway_of: Callable[..., Gateway],
    authority: Authority,
    site: Issued,
    upstream: RecordingUpstream,
) -> None:
    config = forwarding_tls(upstream.url, site)
    config["process"] = {"max_connections": 1}
    gateway = gateway_of(config)
    with Connection(gateway.port, tls=authority.client()) as client:
        assert client.request().status == 200
        assert raw(gateway.port, HELLO) == b""
        assert gateway.metric("frontdesk_connections_shed_total") == 1
