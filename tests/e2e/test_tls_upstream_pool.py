"""Connections with TLS to targets: kept, found dead, cut."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import websockets.sync.client as ws_client
import websockets.sync.server as ws_server

from tests.e2e.faults import assert_bad_gateway, assert_cut
from tests.e2e.secure import both_versions, listener
from tests.harness import (
    Authority,
    Connection,
    Gateway,
    Issued,
    RecordingUpstream,
    Reset,
    Truncate,
    eventually,
    ok,
)
from tests.harness.configs import forwarding

UNTIL_CLOSE = b"HTTP/1.1 200 OK\r\n\r\nhello"


@pytest.fixture(scope="module")
def service(authority: Authority, site: Issued) -> Iterator[RecordingUpstream]:
    with RecordingUpstream(tls=authority.server(site)) as running:
        yield running


@pytest.fixture(scope="module")
def gateway(
    module_gateway: Callable[..., Gateway], authority: Authority, service: RecordingUpstream
) -> Gateway:
    return module_gateway(secured(service.url, authority))


def secured(url: str, authority: Authority, **more: Any) -> dict[str, Any]:
    config = forwarding(url, **more)
    config["services"]["app"]["tls"] = {"ca": str(authority.pem)}
    return config


@pytest.fixture(autouse=True)
def clean(service: RecordingUpstream) -> None:
    """Nothing recorded, no connection from before."""
    service.close_idle()
    eventually(lambda: all(one.ended != "open" for one in service.connections))
    service.clear()
    service.answer(ok())


def test_connection_is_used_again(gateway: Gateway, service: RecordingUpstream) -> None:
    reused = gateway.metric("frontdesk_upstream_connections_reused_total")
    for _ in range(20):
        assert gateway.get("/").body == b"ok"
    assert len({request.connection for request in service.requests}) == 1
    assert gateway.metric("frontdesk_upstream_connections_reused_total") == reused + 19


def test_new_connections_resume(gateway: Gateway, service: RecordingUpstream) -> None:
    """A handshake without certificates: what a target costs after its pool ran dry."""
    assert gateway.get("/").body == b"ok"
    service.close_idle()
    assert gateway.get("/").body == b"ok"
    assert service.connection_of(service.last).resumed


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_dead_connection_of_the_pool_is_replaced(
    method: str, gateway: Gateway, service: RecordingUpstream
) -> None:
    assert gateway.get("/").body == b"ok"
    first = service.connection_of(service.last)
    service.close_idle()
    eventually(lambda: first.ended != "open")
    assert gateway.get("/", method=method).body == b"ok"
    assert service.last.connection != first.number


def test_connection_that_dies_under_the_request_is_replaced(
    gateway: Gateway, service: RecordingUpstream
) -> None:
    """A server whose keep-alive time is over at the very moment: a safe request is sent again."""
    for end in (Truncate(), Truncate(notify=False), Reset()):
        service.answer(ok(), end, ok(b"second"))
        assert gateway.get("/").body == b"ok"
        assert gateway.get("/").body == b"second"
        one, two = service.requests[-2:]
        assert one.connection != two.connection


def test_connection_whose_end_was_said_is_not_used(
    gateway: Gateway, service: RecordingUpstream
) -> None:
    """close_notify behind a whole response, without `Connection: close`."""
    service.answer(Truncate(ok(b"last")), ok(b"next"))
    assert gateway.get("/").body == b"last"
    first = service.connection_of(service.last)
    eventually(lambda: first.ended != "open")
    assert gateway.get("/", method="POST", body=b"x").body == b"next"
    one, two = service.requests
    assert one.connection != two.connection


@both_versions
def test_body_until_close_needs_close_notify(
    gateway_of: Callable[..., Gateway],
    authority: Authority,
    site: Issued,
    version: ssl.TLSVersion,
) -> None:
    """RFC 9112 section 9.8: an end of the connection alone may be an attacker's doing."""
    context = authority.server(site)
    context.minimum_version = context.maximum_version = version
    with RecordingUpstream(Truncate(UNTIL_CLOSE), tls=context) as upstream:
        gateway = gateway_of(secured(upstream.url, authority))
        response = gateway.get("/")
        assert (response.status, response.body, response.complete) == (200, b"hello", True)
        for end in (Truncate(UNTIL_CLOSE, notify=False), Reset(UNTIL_CLOSE)):
            upstream.answer(end)
            assert_not_whole(gateway)


def assert_not_whole(gateway: Gateway) -> None:
    """An unfinished chunked body or a reset, or 502 where the head had not gone out."""
    with Connection(gateway.port) as client:
        client.send(b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
        head = client.read_head()
        if head is None:
            return
        if b" 502 " in head.partition(b"\r\n")[0]:
            return
        body = client.read_until_close()
        assert client.cut or (b"chunked" in head and not body.endswith(b"0\r\n\r\n"))


@pytest.mark.parametrize("notify", [True, False], ids=["said", "not-said"])
def test_body_that_ends_too_early_is_cut(
    notify: bool, gateway: Gateway, service: RecordingUpstream
) -> None:
    head = b"HTTP/1.1 200 OK\r\n"
    service.answer(Truncate(head + b"Content-Length: 10\r\n\r\nhello", notify))
    assert_cut(gateway, "/")
    service.answer(Truncate(head + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", notify))
    assert_cut(gateway, "/")
    service.answer(Truncate(b"HTTP/1.1 200 O", notify))
    assert_bad_gateway(gateway.get("/", method="POST", body=b"x"))


def test_whole_response_counts_whatever_comes_after(
    gateway: Gateway, service: RecordingUpstream
) -> None:
    service.answer(Truncate(ok(b"whole"), notify=False))
    response = gateway.get("/")
    assert (response.body, response.complete) == (b"whole", True)


def test_reload_keeps_the_pool(
    gateway_of: Callable[..., Gateway], authority: Authority, service: RecordingUpstream
) -> None:
    gateway = gateway_of(secured(service.url, authority))
    assert gateway.get("/").body == b"ok"
    changed = secured(service.url, authority, process={"drain": "20s"})
    assert gateway.reload(changed).returncode == 0
    assert gateway.get("/").body == b"ok"
    one, two = service.requests
    assert one.connection == two.connection


def test_services_with_other_settings_share_no_connection(
    gateway_of: Callable[..., Gateway], authority: Authority, service: RecordingUpstream
) -> None:
    """One verifies the name, one another name, one nothing: the same target all the same."""
    config = secured(service.url, authority)
    ca = str(authority.pem)
    others = {"named": {"ca": ca, "server_name": "site.test"}, "open": {"verify": False}}
    for name, tls in others.items():
        config["services"][name] = {"url": service.url, "tls": tls}
        config["routes"][name] = {"match": {"path": f"/{name}"}, "service": name}
    gateway = gateway_of(config)
    for _ in range(2):
        for path in ("/", "/named", "/open"):
            assert gateway.get(path).body == b"ok"
    by_path = {r.target: r.connection for r in service.requests}
    assert len(set(by_path.values())) == 3
    assert len({r.connection for r in service.requests}) == 3


def test_websocket_with_tls_on_both_sides(
    gateway_of: Callable[..., Gateway], authority: Authority, site: Issued
) -> None:
    def serve(connection: ws_server.ServerConnection) -> None:
        for message in connection:
            connection.send(message)

    server = ws_server.serve(serve, "127.0.0.1", 0, ssl=authority.server(site), max_size=None)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        url = f"https://127.0.0.1:{server.socket.getsockname()[1]}"
        gateway = gateway_of(secured(url, authority, listeners=listener(site)))
        to = f"wss://127.0.0.1:{gateway.port}/"
        with ws_client.connect(to, ssl=authority.client(), max_size=None) as socket_:
            for message in ("hello", b"\0" * 1_000_000):
                socket_.send(message)
                assert socket_.recv(timeout=20) == message
    finally:
        server.shutdown()
        thread.join(10)


def test_server_sent_events_are_not_held_back(gateway: Gateway, service: RecordingUpstream) -> None:
    """Each event is only sent once the one before has been read."""
    read = threading.Semaphore(0)

    def events() -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        for number in range(10):
            yield b"a\r\ndata: %02d\n\n\r\n" % number
            assert read.acquire(timeout=10)
        yield b"0\r\n\r\n"

    service.answer(lambda _: events())
    with Connection(gateway.port) as client:
        client.send(b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
        assert b"200 OK" in (client.read_head() or b"")
        for number in range(10):
            assert client.read_exactly(15) == b"a\r\ndata: %02d\n\n\r\n" % number
            read.release()
        assert client.read_exactly(5) == b"0\r\n\r\n"
