"""How a connection comes to speak HTTP/2: by prior knowledge or ALPN, never by Upgrade."""

from __future__ import annotations

import socket
from collections.abc import Callable

import pytest

from tests.e2e.wire import bystander, config, hostile_requests, with_limits
from tests.harness import (
    Connection,
    Gateway,
    RecordingUpstream,
    free_port,
    raw,
)
from tests.harness.http2 import (
    PREFACE,
    Certificates,
    Http2Client,
    Kind,
    frame,
    settings,
)
from tests.harness.http2.certificates import NAME
from tests.harness.http2.frames import (
    END_HEADERS,
    END_STREAM,
)
from tests.harness.http2.tls import TlsSocket

HEAD = [(":method", "POST"), (":scheme", "http"), (":authority", "a.test"), (":path", "/cut-x")]


@pytest.fixture(scope="module")
def gateway(module_gateway: Callable[..., Gateway], shared_upstream: RecordingUpstream) -> Gateway:
    return module_gateway(config(shared_upstream))


def _headers(client: Http2Client, stream: int, flags: int = END_HEADERS | END_STREAM) -> bytes:
    return frame(Kind.HEADERS, client.encode(HEAD), flags=flags, stream=stream)


def test_preface_in_single_bytes(gateway: Gateway) -> None:
    with Http2Client(gateway.port, settings=None) as client:
        for byte in PREFACE + settings():
            client.send(bytes([byte]))
        assert client.request().status == 200


def test_preface_and_request_in_one_piece(gateway: Gateway) -> None:
    with Http2Client(gateway.port, settings=None) as client:
        stream = client.next_stream()
        client.send(PREFACE + settings() + _headers(client, stream))
        assert client.response(stream).status == 200


BAD_PREFACES = {
    "wrong-from-the-start": b"PRX * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "wrong-at-the-end": PREFACE[:-4] + b"XX\r\n",
    "of-http-1": b"PRI * HTTP/1.1\r\nHost: a\r\n\r\n",
    "of-http-3": b"PRI * HTTP/3.0\r\n\r\nSM\r\n\r\n",
    "then-http-1": PREFACE + b"GET /evil HTTP/1.1\r\nHost: a.test\r\n\r\n",
}


@pytest.mark.parametrize("name", BAD_PREFACES)
def test_bad_preface(name: str, gateway: Gateway, shared_upstream: RecordingUpstream) -> None:
    with bystander(gateway, shared_upstream):
        answer = raw(gateway.port, BAD_PREFACES[name])
    assert b"HTTP/1.1 2" not in answer
    assert hostile_requests(shared_upstream) == []


def test_preface_only_at_the_beginning(
    gateway: Gateway, shared_upstream: RecordingUpstream
) -> None:
    """After a request of HTTP/1 a preface is a request that cannot be read."""
    with Connection(gateway.port) as client:
        assert client.request().status == 200
        client.send(PREFACE + settings())
        assert client.response().status in (400, 505)
        assert client.is_closed()


@pytest.mark.parametrize("sent", [1, 10, 23, 24])
def test_preface_that_does_not_go_on(
    gateway_of: Callable[..., Gateway], upstream: RecordingUpstream, sent: int
) -> None:
    """A whole one opens a connection, which may be idle for so long."""
    gateway = gateway_of(with_limits(upstream, head_timeout="300ms", keepalive_idle="300ms"))
    with Connection(gateway.port) as client:
        client.send(PREFACE[:sent])
        assert b" 200 " not in client.read_until_close()


def test_header_block_that_does_not_go_on(
    gateway_of: Callable[..., Gateway], upstream: RecordingUpstream
) -> None:
    gateway = gateway_of(with_limits(upstream, head_timeout="300ms", keepalive_idle="300ms"))
    with Http2Client(gateway.port) as client:
        client.send(_headers(client, 1, END_STREAM))
        client.until_closed()
    assert upstream.requests == []


def test_http2_switched_off(
    gateway_of: Callable[..., Gateway],
    upstream: RecordingUpstream,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    certificates = Certificates(tmp_path_factory.mktemp("certificates"))
    port = free_port()
    secure = {"address": f"127.0.0.1:{port}", "tls": certificates.listener(), "http2": False}
    gateway = gateway_of(config(upstream, listeners={"web": {"http2": False}, "secure": secure}))
    assert raw(gateway.port, PREFACE + settings()).startswith((b"HTTP/1.1 400", b"HTTP/1.1 505"))
    assert gateway.get().status == 200
    offer = certificates.client(["h2", "http/1.1"])
    with socket.create_connection(("127.0.0.1", port), 10) as plain:
        assert TlsSocket(plain, offer, name=NAME).protocol == "http/1.1"


UPGRADES = [
    [("Upgrade", "h2c"), ("Connection", "Upgrade, HTTP2-Settings"), ("HTTP2-Settings", "AAMAAABk")],
    [("Upgrade", "h2c"), ("Connection", "Upgrade")],
    [("Upgrade", "websocket, h2c"), ("Connection", "upgrade")],
]


@pytest.mark.parametrize("fields", UPGRADES, ids=["whole", "without-settings", "among-others"])
def test_upgrade_from_http1_is_not_made(
    gateway: Gateway, shared_upstream: RecordingUpstream, fields: list[tuple[str, str]]
) -> None:
    """RFC 9113 section 3.1 took it away: the request is served as HTTP/1 and the upstream is asked for none."""
    shared_upstream.clear()
    with Connection(gateway.port) as client:
        response = client.request(headers=fields)
        assert (response.status, response.header("upgrade")) == (200, None)
        assert client.request().status == 200
    for arrived in shared_upstream.requests:
        for name in ("upgrade", "http2-settings", "connection"):
            assert arrived.header(name) is None
