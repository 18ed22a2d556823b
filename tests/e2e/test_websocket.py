"""Upgrades: WebSocket passes as a tunnel, everything else is an ordinary request."""

from __future__ import annotations

import base64
import os
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack

import pytest
import websockets.sync.client as ws_client
import websockets.sync.server as ws_server
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from tests.e2e.websocket_frames import SWITCH, UPGRADE, closing
from tests.e2e.websocket_frames import message as frame
from tests.harness import Connection, Gateway, RecordingUpstream, eventually, ok


def _serve(connection: ws_server.ServerConnection) -> None:
    """Echo every message; `bye` closes with a code of its own."""
    for message in connection:
        if message == "bye":
            connection.close(4321, "as asked")
            return
        connection.send(message)


def _chat_if_offered(
    _: ws_server.ServerConnection, offered: Sequence[Subprotocol]
) -> Subprotocol | None:
    return Subprotocol("chat") if "chat" in offered else None


@pytest.fixture(scope="module")
def echo_port() -> Iterator[int]:
    """A real WebSocket server, not ours."""
    server = ws_server.serve(
        _serve, "127.0.0.1", 0, max_size=None, select_subprotocol=_chat_if_offered
    )
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.socket.getsockname()[1]
    server.shutdown()
    thread.join(10)


@pytest.fixture(scope="module")
def gateway(
    module_gateway: Callable[..., Gateway], shared_upstream: RecordingUpstream, echo_port: int
) -> Gateway:
    return module_gateway(
        {
            "services": {
                "up": {"url": shared_upstream.url},
                "echo": {"url": f"http://127.0.0.1:{echo_port}"},
            },
            "routes": {
                "echo": {"match": {"path": "/echo"}, "service": "echo"},
                "raw": {"match": {"path": "/**"}, "service": "up"},
                "off": {"match": {"path": "/off"}, "service": "up", "upgrades": []},
                "named": {"match": {"path": "/named"}, "service": "up", "upgrades": ["spdy/9"]},
            },
        }
    )


@pytest.fixture
def service(shared_upstream: RecordingUpstream) -> Iterator[RecordingUpstream]:
    """The module's upstream with nothing recorded; its script is put back afterwards."""
    shared_upstream.clear()
    yield shared_upstream
    shared_upstream.answer(ok())


def test_messages_pass_both_ways(gateway: Gateway) -> None:
    with ws_client.connect(
        f"ws://127.0.0.1:{gateway.port}/echo",
        max_size=None,
        subprotocols=[Subprotocol("chat")],
    ) as socket_:
        assert socket_.subprotocol == "chat"
        for message in ("hello", "", "\u00e4\u20ac", b"\0\xff", os.urandom(70_000)):
            socket_.send(message)
            assert socket_.recv(timeout=10) == message


def test_large_message_and_ping(gateway: Gateway) -> None:
    message = os.urandom(3_000_000)
    with ws_client.connect(f"ws://127.0.0.1:{gateway.port}/echo", max_size=None) as socket_:
        assert socket_.ping().wait(10)
        socket_.send(message)
        assert socket_.recv(timeout=20) == message


def test_close_code_passes(gateway: Gateway) -> None:
    with ws_client.connect(f"ws://127.0.0.1:{gateway.port}/echo") as socket_:
        socket_.send("bye")
        with pytest.raises(ConnectionClosed) as closed:
            socket_.recv(timeout=10)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4321


def test_many_at_once(gateway: Gateway) -> None:
    url = f"ws://127.0.0.1:{gateway.port}/echo"
    with ExitStack() as stack:
        sockets = [stack.enter_context(ws_client.connect(url)) for _ in range(30)]
        for number, socket_ in enumerate(sockets):
            socket_.send(str(number))
        assert [s.recv(timeout=10) for s in sockets] == [str(n) for n in range(30)]


def test_refused_handshake_is_an_ordinary_answer(
    gateway: Gateway, service: RecordingUpstream
) -> None:
    service.answer(ok(b"no", status="403 Forbidden"))
    with pytest.raises(InvalidStatus) as refused:
        ws_client.connect(f"ws://127.0.0.1:{gateway.port}/raw")
    assert refused.value.response.status_code == 403


def test_bytes_behind_the_101_and_behind_the_request_are_not_lost(
    gateway: Gateway, service: RecordingUpstream
) -> None:
    down, up = frame(b"from-upstream"), frame(b"from-client", masked=True)
    service.answer(SWITCH + down)
    with Connection(gateway.port) as client:
        client.send(UPGRADE + up)
        response = client.response()
        assert response.status == 101
        assert response.header("upgrade") == "websocket"
        assert (response.header("connection") or "").lower() == "upgrade"
        assert response.header("sec-websocket-accept") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        assert client.read_exactly(len(down)) == down
        eventually(lambda: service.data.endswith(up), what="the tunnelled bytes")
    (arrived,) = [r for r in service.requests if r.target == "/chat"]
    assert (arrived.header("upgrade") or "").lower() == "websocket"
    assert (arrived.header("connection") or "").lower() == "upgrade"
    assert arrived.header("sec-websocket-key") == "dGhlIHNhbXBsZSBub25jZQ=="


def test_half_close_and_end_pass_through_the_tunnel(gateway_of: Callable[..., Gateway]) -> None:
    ended = threading.Event()

    def tunnel(sock: socket.socket) -> None:
        data = b""
        while b"\r\n\r\n" not in data:
            data += sock.recv(65536)
        sock.sendall(SWITCH)
        while sock.recv(65536):
            pass
        ended.set()

    with RecordingUpstream(on_connect=tunnel) as upstream:
        gateway = gateway_of(
            {
                "services": {"up": {"url": upstream.url}},
                "routes": {"all": {"match": {"path": "/**"}, "service": "up"}},
            }
        )
        with Connection(gateway.port) as client:
            client.send(UPGRADE)
            assert client.response().status == 101
            client.sock.shutdown(socket.SHUT_WR)
            assert ended.wait(10), "the end of the client's bytes reaches the upstream"
            assert client.read_until_close() == b""


def test_idle_tunnel_is_closed(
    gateway_of: Callable[..., Gateway], service: RecordingUpstream
) -> None:
    gateway = gateway_of(
        {
            "services": {"up": {"url": service.url}},
            "routes": {
                "all": {
                    "match": {"path": "/**"},
                    "service": "up",
                    "upgrades": ["websocket", "spdy/9"],
                    "websocket": {"idle": "500ms", "ping": "off"},
                }
            },
        }
    )
    service.answer([SWITCH, b""])
    with Connection(gateway.port, timeout=20) as client:
        client.send(UPGRADE)
        assert client.response().status == 101
        assert client.read_until_close() == closing(1001)
    service.answer([SWITCH.replace(b"websocket", b"spdy/9"), b""])
    with Connection(gateway.port, timeout=20) as client:
        client.send(UPGRADE.replace(b"websocket", b"spdy/9"))
        assert client.response().status == 101
        assert client.read_until_close() == b"", "of other protocols nothing is known"


STRIPPED = {
    "h2c": b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n",
    "tls": b"Connection: Upgrade\r\nUpgrade: TLS/1.0\r\n",
    "list": b"Connection: Upgrade\r\nUpgrade: websocket, h2c\r\n",
    "without-connection": b"Upgrade: websocket\r\n",
}


@pytest.mark.parametrize("name", STRIPPED)
def test_other_upgrades_are_stripped(
    name: str, gateway: Gateway, service: RecordingUpstream
) -> None:
    with Connection(gateway.port) as client:
        client.send(b"GET / HTTP/1.1\r\nHost: a.test\r\n" + STRIPPED[name] + b"\r\n")
        assert client.response().status == 200
        assert client.request().status == 200
    assert service.requests[0].header("upgrade") is None
    assert service.requests[0].header("http2-settings") is None
    assert "upgrade" not in (service.requests[0].header("connection") or "").lower()


NOT_AN_UPGRADE = {
    "post": UPGRADE.replace(b"GET", b"POST").replace(b"\r\n\r\n", b"\r\nContent-Length: 0\r\n\r\n"),
    "http-1.0": UPGRADE.replace(b"HTTP/1.1", b"HTTP/1.0"),
    "switched-off": UPGRADE.replace(b"/chat", b"/off"),
}


@pytest.mark.parametrize("name", NOT_AN_UPGRADE)
def test_websocket_only_by_get_on_http_1_1_where_the_route_lets_it(
    name: str, gateway: Gateway, service: RecordingUpstream
) -> None:
    with Connection(gateway.port) as client:
        client.send(NOT_AN_UPGRADE[name])
        assert client.response().status == 200
    assert service.last.header("upgrade") is None


def test_upgrade_that_the_route_names_passes(gateway: Gateway, service: RecordingUpstream) -> None:
    service.answer(b"HTTP/1.1 101 Ok\r\nConnection: upgrade\r\nUpgrade: spdy/9\r\n\r\n" + b"hi")
    with Connection(gateway.port) as client:
        client.send(
            b"GET /named HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: spdy/9\r\n\r\n"
        )
        assert client.response().status == 101
        assert client.read_exactly(2) == b"hi"


UNASKED = {
    "no-upgrade-sent": (b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n", SWITCH),
    "stripped": (
        b"GET / HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
        SWITCH.replace(b"websocket", b"h2c"),
    ),
    "other-protocol": (UPGRADE, SWITCH.replace(b"websocket", b"h2c")),
    "no-upgrade-field": (UPGRADE, b"HTTP/1.1 101 Ok\r\nConnection: upgrade\r\n\r\n"),
}


@pytest.mark.parametrize("name", UNASKED)
def test_switch_that_was_not_asked_for_is_an_upstream_fault(
    name: str, gateway: Gateway, service: RecordingUpstream
) -> None:
    """No tunnel: bytes behind such a 101 must not come out as if they were HTTP."""
    request, answer = UNASKED[name]
    service.answer(answer + b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison", ok(b"clean"))
    with Connection(gateway.port) as client:
        client.send(request)
        response = client.response()
        assert response.status == 502
        assert b"poison" not in response.body
    assert gateway.get("/after").body == b"clean"


def test_handshake_key_is_not_ours_to_judge(gateway: Gateway, service: RecordingUpstream) -> None:
    """Any key passes: the two ends agree on it among themselves (RFC 6455 section 4)."""
    key = base64.b64encode(os.urandom(16))
    service.answer(SWITCH)
    with Connection(gateway.port) as client:
        client.send(UPGRADE.replace(b"dGhlIHNhbXBsZSBub25jZQ==", key))
        assert client.response().status == 101
    assert service.last.header("sec-websocket-key") == key.decode()
