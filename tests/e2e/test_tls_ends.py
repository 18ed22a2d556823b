"""How connections with TLS end: said with close_notify when whole, and never when cut."""

from __future__ import annotations

import ssl
from collections.abc import Callable

import pytest

from tests.e2e.secure import both_versions, forwarding_tls
from tests.harness import (
    Authority,
    Connection,
    Gateway,
    Issued,
    RecordingUpstream,
    Reset,
    Stall,
    Truncate,
)

REQUEST = b"GET / HTTP/1.1\r\nHost: site.test\r\n\r\n"


@pytest.fixture(scope="module")
def gateway(
    module_gateway: Callable[..., Gateway], shared_upstream: RecordingUpstream, site: Issued
) -> Gateway:
    config = forwarding_tls(shared_upstream.url, site)
    config["routes"]["all"]["max_body"] = "off"
    return module_gateway(config)


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
