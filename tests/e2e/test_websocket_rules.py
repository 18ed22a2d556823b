"""What a route may say of its WebSockets, and how the gateway ends them."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import websockets.sync.client as ws_client
from websockets.exceptions import ConnectionClosed
from websockets.utils import accept_key

from tests.e2e.websocket_frames import ACCEPT, PING, SWITCH, UPGRADE, closing, message, unmasked
from tests.e2e.wire import assert_problem
from tests.harness import Connection, Gateway, RecordingUpstream, eventually

Start = Callable[..., Gateway]


class Peer:
    """A WebSocket server of which a test holds the other end."""

    def __init__(self) -> None:
        self.sockets: list[socket.socket] = []
        self.received = b""
        self.over = threading.Event()
        self.upstream = RecordingUpstream(on_connect=self._serve)

    def _serve(self, sock: socket.socket) -> None:
        data = b""
        while b"\r\n\r\n" not in data:
            part = sock.recv(65_536)
            if not part:
                return
            data += part
        key = data.lower().partition(b"sec-websocket-key: ")[2].partition(b"\r\n")[0]
        asked = data[data.lower().index(key) :][: len(key)]
        sock.sendall(SWITCH.replace(ACCEPT, accept_key(asked.decode()).encode()))
        self.sockets.append(sock)
        while part := sock.recv(65_536):
            self.received += part
        self.over.set()

    def send(self, data: bytes) -> None:
        eventually(lambda: self.sockets)
        self.sockets[-1].sendall(data)


@pytest.fixture
def peer() -> Iterator[Peer]:
    made = Peer()
    with made.upstream:
        yield made


def config(peer: Peer, **rules: Any) -> dict[str, Any]:
    route = {"match": {"path": "/**"}, "service": "up", "websocket": rules}
    return {"services": {"up": {"url": peer.upstream.url}}, "routes": {"all": route}}


def opened(gateway: Gateway) -> Connection:
    client = Connection(gateway.port, timeout=20)
    client.send(UPGRADE)
    assert client.response().status == 101
    return client


def ends(gateway: Gateway, reason: str) -> float:
    return gateway.metric("frontdesk_websocket_ends_total", reason=reason)


# -- who may connect -------------------------------------------------------------------------------

ORIGINS = {
    "https://app.example.com": 101,
    "HTTPS://APP.example.com": 101,
    "http://localhost:3000": 101,
    None: 101,
    "https://evil.example.com": 403,
    "https://app.example.com.evil.test": 403,
    "https://app.example.com:8443": 403,
    "http://app.example.com": 403,
    "null": 403,
    "": 403,
}


def test_origins(gateway_of: Start, peer: Peer) -> None:
    """A page of another origin is refused before the service hears of it; a program has no Origin."""
    allowed = ["https://App.example.com:443", "http://localhost:3000"]
    gateway = gateway_of(config(peer, origins=allowed))
    for origin, status in ORIGINS.items():
        line = b"" if origin is None else f"Origin: {origin}\r\n".encode()
        before = len(peer.sockets)
        with Connection(gateway.port) as client:
            client.send(UPGRADE.replace(b"Sec-WebSocket-Version", line + b"Sec-WebSocket-Version"))
            response = client.response()
            assert response.status == status, origin
            if status == 403:
                assert_problem(response, 403)
                assert len(peer.sockets) == before
    plain = gateway.get("/x", headers=[("Origin", "https://evil.example.com")])
    assert plain.status != 403, "only WebSockets are asked"


# -- what may pass ---------------------------------------------------------------------------------

TOO_LARGE = {
    "in-one": message(b"x" * 1_025, masked=True),
    "in-parts": message(b"x" * 1_000, masked=True, last=False)
    + message(b"x" * 25, masked=True, opcode=0),
    "only-announced": message(b"x" * 70_000, masked=True)[:14],
}


@pytest.mark.parametrize("name", TOO_LARGE)
def test_message_that_is_too_large(gateway_of: Start, peer: Peer, name: str) -> None:
    """Its sender is told 1009; nothing of the frame passes, and what came before it does."""
    gateway = gateway_of(config(peer, max_message="1KiB"))
    fine = message(b"y" * 1_024, masked=True)
    with opened(gateway) as client:
        client.send(fine + TOO_LARGE[name])
        assert client.read_exactly(4) == closing(1009)
        assert peer.over.wait(10)
        assert client.read_until_close() == b""
    assert peer.received.startswith(fine)
    rest = peer.received.removeprefix(fine)
    assert unmasked(rest[-8:]) == closing(1001)
    assert len(rest) < 1_024 + 32
    assert ends(gateway, "message_too_large") == 1


def test_service_that_sends_too_much(gateway_of: Start, peer: Peer) -> None:
    gateway = gateway_of(config(peer, max_message="1KiB"))
    with opened(gateway) as client:
        peer.send(message(b"ok") + message(b"x" * 2_000))
        assert client.read_exactly(8) == message(b"ok") + closing(1001)
        assert peer.over.wait(10)
    assert unmasked(peer.received) == closing(1009)


FAULTS = {
    "not-masked": message(b"x"),
    "reserved-opcode": message(b"x", masked=True, opcode=3),
    "continuation-of-nothing": message(b"x", masked=True, opcode=0),
    "control-in-parts": message(b"", masked=True, opcode=9, last=False),
    "long-ping": message(b"x" * 126, masked=True, opcode=9),
    "no-frames-at-all": b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n",
}


@pytest.mark.parametrize("name", FAULTS)
def test_what_is_no_websocket_does_not_pass(gateway_of: Start, peer: Peer, name: str) -> None:
    gateway = gateway_of(config(peer))
    with opened(gateway) as client:
        client.send(FAULTS[name])
        assert client.read_exactly(4) == closing(1002)
        assert peer.over.wait(10)
    assert unmasked(peer.received) == closing(1001)
    assert ends(gateway, "protocol_error") == 1


def test_frames_in_pieces_and_extensions_pass(gateway_of: Start, peer: Peer) -> None:
    """Byte by byte, with reserved bits of an extension, with control frames between fragments."""
    gateway = gateway_of(config(peer, max_message="64KiB"))
    whole = b"".join(
        [
            message(b"a" * 200, masked=True, opcode=2 | 0x40),
            message(b"b", masked=True, opcode=1, last=False),
            message(b"ping", masked=True, opcode=9),
            message(b"c", masked=True, opcode=0),
        ]
    )
    with opened(gateway) as client:
        for at in range(len(whole)):
            client.send(whole[at : at + 1])
        eventually(lambda: peer.received == whole)


# -- silence ---------------------------------------------------------------------------------------


def test_a_silent_side_is_asked_and_lives_if_it_answers(gateway_of: Start, peer: Peer) -> None:
    gateway = gateway_of(config(peer, ping="200ms", idle="2s"))
    with opened(gateway) as client:
        for _ in range(3):
            assert client.read_exactly(2) == PING
            eventually(lambda: peer.received.count(b"\x89\x80") > 0)
            client.send(message(b"", masked=True, opcode=10))
            peer.send(message(b"", opcode=10))
            assert client.read_exactly(2) == b"\x8a\x00", "the answer of the service"


def test_a_side_that_does_not_answer_is_dead(gateway_of: Start, peer: Peer) -> None:
    """However much the other one sends."""
    gateway = gateway_of(config(peer, ping="100ms", idle="600ms"))
    with opened(gateway) as client:
        stop = threading.Event()

        def talk() -> None:
            while not stop.wait(0.05):
                try:
                    peer.send(message(b"tick"))
                except OSError:
                    return

        talker = threading.Thread(target=talk)
        talker.start()
        data = client.read_until_close()
        stop.set()
        talker.join()
    assert data.endswith(closing(1001))
    assert PING in data
    assert ends(gateway, "idle") == 1


def test_real_clients_answer_pings(gateway_of: Start, peer: Peer) -> None:
    gateway = gateway_of(config(peer, ping="100ms", idle="500ms"))
    with ws_client.connect(f"ws://127.0.0.1:{gateway.port}/", ping_interval=None) as client:
        for _ in range(8):
            peer.send(message(b"", opcode=10))
            with pytest.raises(TimeoutError):
                client.recv(timeout=0.2)
    assert ends(gateway, "idle") == 0


# -- its end ---------------------------------------------------------------------------------------


def test_shutdown_tells_both_sides(gateway_of: Start, peer: Peer) -> None:
    """1012 to the client, so that it connects again elsewhere; a message in flight is finished first."""
    gateway = gateway_of(config(peer))
    with opened(gateway) as client:
        gateway.processes()
        peer.send(message(b"x" * 1_000)[:500])
        client.read_exactly(500)
        gateway.kill(signal.SIGTERM)
        eventually(lambda: peer.received, what="the close frame for the service")
        peer.send(message(b"x" * 1_000)[500:] + message(b"too late"))
        assert client.read_exactly(504) == b"x" * 504
        assert client.read_exactly(4) == closing(1012)
        client.send(closing(1012, masked=True))
        peer.send(closing(1001))
        assert client.read_until_close() == b""
    assert gateway.wait() == 0
    assert unmasked(peer.received[:8]) == closing(1001)


def test_websockets_client_is_told_to_come_back(gateway_of: Start, peer: Peer) -> None:
    gateway = gateway_of(config(peer))
    with ws_client.connect(f"ws://127.0.0.1:{gateway.port}/") as client:
        gateway.processes()
        gateway.kill(signal.SIGTERM)
        with pytest.raises(ConnectionClosed) as closed:
            client.recv(timeout=20)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1012
    assert gateway.wait() == 0


def test_reload_of_the_service_ends_it_and_other_reloads_do_not(
    gateway_of: Start, peer: Peer
) -> None:
    before = config(peer)
    gateway = gateway_of(before)
    with opened(gateway) as client:
        other = {"match": {"path": "/other"}, "respond": {}}
        routes = {**before["routes"], "other": other}
        assert gateway.reload({**before, "routes": routes}).returncode == 0
        client.send(message(b"still here", masked=True))
        eventually(lambda: b"still here" in peer.received)
        moved = {"services": {"up": {"url": "http://127.0.0.1:9"}}, "routes": routes}
        assert gateway.reload(moved).returncode == 0
        assert client.read_exactly(4) == closing(1012)
    assert ends(gateway, "service_changed") == 1
    assert ends(gateway, "shutdown") == 0
