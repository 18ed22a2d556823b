"""WebSockets over HTTP/2 (RFC 8441), on either side of the gateway."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from websockets.utils import accept_key

from tests.e2e.test_websocket_rules import Peer
from tests.e2e.websocket_frames import KEY, SWITCH, UPGRADE, closing, message, unmasked
from tests.harness import Connection, Gateway, RecordingUpstream, eventually, ok
from tests.harness.http2.client import Http2Client
from tests.harness.http2.frames import Setting
from tests.harness.http2.upstream import Http2Upstream, ServerStream

Start = Callable[..., Gateway]
TAKES = {Setting.ENABLE_CONNECT_PROTOCOL: 1}


@pytest.fixture
def peer() -> Iterator[Peer]:
    made = Peer()
    with made.upstream:
        yield made


def config(url: str, *, protocol: str = "auto", **route: Any) -> dict[str, Any]:
    base = {"match": {"path": "/**"}, "service": "up"}
    return {
        "services": {"up": {"url": url, "protocol": protocol}},
        "routes": {"all": {**base, **route}},
    }


def ask(client: Http2Client, *more: tuple[str, str], protocol: str = "websocket") -> int:
    """Open an extended CONNECT; its stream."""
    head = [(":method", "CONNECT"), (":protocol", protocol), (":scheme", "http")]
    head += [(":authority", "a.test"), (":path", "/chat?x=1"), ("sec-websocket-version", "13")]
    return client.raw_head([*head, *more], end=False)


def body(client: Http2Client, stream: int, size: int) -> bytes:
    """Wait for so many bytes of a stream; all of them."""
    state = client.state(stream)
    client.wait_for(lambda: len(state.body) >= size)
    return bytes(state.body)


def test_it_is_offered(gateway_of: Start, peer: Peer) -> None:
    gateway = gateway_of(config(peer.upstream.url))
    with Http2Client(gateway.port) as client:
        client.settle()
        assert client.settings[Setting.ENABLE_CONNECT_PROTOCOL] == 1


def test_to_a_service_with_http1(gateway_of: Start, peer: Peer) -> None:
    """The service sees an upgrade of HTTP/1 with a key of the gateway's own (section 5)."""
    gateway = gateway_of(config(peer.upstream.url))
    with Http2Client(gateway.port) as client:
        stream = ask(client, ("sec-websocket-protocol", "chat"), ("origin", "https://a.test"))
        head = client.head_of(stream)
        assert head.status == 200
        for name in ("sec-websocket-accept", "connection", "upgrade"):
            assert head.header(name) is None
        hello, answer = message(b"hello", masked=True), message(b"answer" * 20_000)
        client.send_data(stream, hello)
        eventually(lambda: peer.received == hello)
        peer.send(answer)
        assert body(client, stream, len(answer)) == answer
        client.send_data(stream, b"", end=True)
        assert peer.over.wait(10)
    (record,) = gateway.log_lines(at_least=1)
    assert (record["status"], record["path"]) == (200, "/chat")
    assert (record["bytes_in"], record["bytes_out"]) == (len(hello), len(answer))


def script(stream: ServerStream) -> None:
    stream.head(200, [("sec-websocket-protocol", "chat")])
    stream.wait_received(1)
    stream.data(message(b"from the service"))
    stream.wait_body()
    stream.data(b"", end=True)


@pytest.mark.parametrize("client_is_http2", [True, False])
def test_to_a_service_with_http2(gateway_of: Start, client_is_http2: bool) -> None:
    hello, answer = message(b"hello", masked=True), message(b"from the service")
    with Http2Upstream(script, settings=TAKES) as up:
        gateway = gateway_of(config(up.url, protocol="h2c"))
        if client_is_http2:
            with Http2Client(gateway.port) as client:
                stream = ask(client)
                head = client.head_of(stream)
                assert (head.status, head.header("sec-websocket-protocol")) == (200, "chat")
                client.send_data(stream, hello)
                assert body(client, stream, len(answer)) == answer
                client.send_data(stream, b"", end=True)
                assert client.response(stream).complete
        else:
            with Connection(gateway.port) as http1:
                http1.send(UPGRADE + hello)
                response = http1.response()
                assert response.status == 101
                accept = response.header("sec-websocket-accept")
                assert accept == accept_key(KEY.decode())
                assert response.header("sec-websocket-protocol") == "chat"
                assert http1.read_exactly(len(answer)) == answer
        eventually(lambda: up.last.body == hello)
        assert up.last.method == "CONNECT"
        assert up.last.header(":protocol") == "websocket"
        assert up.last.header(":path") in ("/chat", "/chat?x=1")
        assert up.last.header("sec-websocket-key") is None
        assert up.last.header("sec-websocket-version") == "13"
        assert up.last.header("upgrade") is None


def test_service_with_http2_that_takes_none(gateway_of: Start) -> None:
    """Not a plain GET, whose answer would be taken for agreement."""
    with Http2Upstream() as up:
        gateway = gateway_of(config(up.url, protocol="h2c"))
        with Http2Client(gateway.port) as client:
            assert client.head_of(ask(client)).status == 502
        with Connection(gateway.port) as http1:
            http1.send(UPGRADE)
            assert http1.response().status == 502
        assert up.requests == []
        assert gateway.get().status == 200


REFUSED = {
    "forbidden": (ok(b"no", status="403 Forbidden"), 403),
    "not-found": (ok(b"no", status="404 Not Found"), 404),
    "success-without-switch": (ok(b"welcome"), 502),
    "redirect": (ok(b"", [("Location", "/x")], status="302 Found"), 302),
    "wrong-answer-to-the-key": (SWITCH, 502),
    "another-protocol": (
        b"HTTP/1.1 101 Ok\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n",
        502,
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals_of_the_service(gateway_of: Start, upstream: RecordingUpstream, name: str) -> None:
    """A success that is no switch would mean to the client that its frames are understood (section 4)."""
    answer, status = REFUSED[name]
    upstream.answer(answer)
    gateway = gateway_of(config(upstream.url))
    with Http2Client(gateway.port) as client:
        stream = ask(client)
        client.send_data(stream, message(b"too early", masked=True))
        assert client.head_of(stream).status == status
        assert client.request().status in (200, status, 502)
    assert b"too early" not in upstream.data


def test_what_the_gateway_does_not_take(gateway_of: Start, peer: Peer) -> None:
    url = peer.upstream.url
    routes = config(url)["routes"]
    routes["answer"] = {"match": {"path": "/chat", "headers": {"x": "answer"}}, "respond": {}}
    routes["off"] = {
        "match": {"path": "/chat", "headers": {"x": "off"}},
        "service": "up",
        "upgrades": [],
    }
    gateway = gateway_of({**config(url), "routes": routes})
    with Http2Client(gateway.port) as client:
        assert client.head_of(ask(client, ("x", "answer"))).status == 501
        assert client.head_of(ask(client, ("x", "off"))).status == 501
        assert client.head_of(ask(client, protocol="connect-udp")).status == 501
        assert client.head_of(ask(client)).status == 200
    assert len(peer.sockets) == 1


def test_rules_hold_here_too(gateway_of: Start, peer: Peer) -> None:
    rules = {"max_message": "1KiB", "origins": ["https://a.test"]}
    gateway = gateway_of(config(peer.upstream.url, websocket=rules))
    with Http2Client(gateway.port) as client:
        assert client.head_of(ask(client, ("origin", "https://b.test"))).status == 403
        stream = ask(client, ("origin", "https://a.test"))
        assert client.head_of(stream).status == 200
        client.send_data(stream, message(b"x" * 2_000, masked=True))
        assert body(client, stream, 4) == closing(1009)
        assert peer.over.wait(10)
        assert unmasked(peer.received) == closing(1001)
        client.response(stream)
        assert client.goaway is None, "the connection goes on"
        assert client.request(path="/x").status != 0


def test_shutdown_tells_it(gateway_of: Start, peer: Peer) -> None:
    gateway = gateway_of(config(peer.upstream.url))
    with Http2Client(gateway.port) as client:
        stream = ask(client)
        client.head_of(stream)
        gateway.processes()
        gateway.kill(signal.SIGTERM)
        assert body(client, stream, 4) == closing(1012)
        client.send_data(stream, closing(1012, masked=True))
        peer.send(closing(1001))
        assert client.response(stream).complete
    assert gateway.wait() == 0


def test_a_client_that_resets_or_leaves(gateway_of: Start, peer: Peer) -> None:
    gateway = gateway_of(config(peer.upstream.url))
    with Http2Client(gateway.port) as client:
        stream = ask(client)
        client.head_of(stream)
        assert gateway.metric("frontdesk_tunnels_open") == 1
        client.reset(stream)
        assert peer.over.wait(10)
        eventually(lambda: gateway.metric("frontdesk_tunnels_open") == 0)
        client.head_of(ask(client))
    eventually(lambda: gateway.metric("frontdesk_tunnels_open") == 0)
