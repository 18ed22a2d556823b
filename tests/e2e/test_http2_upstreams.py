"""Connections of HTTP/2 to targets: shared, limited by the target, given up without a lost request."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.harness import Connection, Gateway, eventually, free_port
from tests.harness.http2 import (
    Certificates,
    Code,
    Http2Client,
    Http2Upstream,
    Kind,
    ServerStream,
    Setting,
    frame,
    reply,
)
from tests.harness.http2.upstream import ServerPeer

Start = Callable[..., Gateway]


def config(upstream: Http2Upstream, **service: Any) -> dict[str, Any]:
    protocol = {} if upstream.tls else {"protocol": "h2c"}
    return {
        "services": {"up": {"url": upstream.url, **protocol, **service}},
        "routes": {"all": {"match": {"path": "/**"}, "service": "up"}},
    }


@pytest.fixture
def up() -> Iterator[Http2Upstream]:
    with Http2Upstream() as upstream:
        yield upstream


@pytest.fixture
def certificates(tmp_path: Any) -> Certificates:
    return Certificates(tmp_path)


def held(release: threading.Event) -> Callable[[ServerStream], None]:
    """An answer that waits."""

    def script(stream: ServerStream) -> None:
        release.wait(20)
        reply()(stream)

    return script


def test_requests_share_a_connection(gateway_of: Start, up: Http2Upstream) -> None:
    release = threading.Event()
    up.answer(held(release))
    gateway = gateway_of(config(up))
    with Http2Client(gateway.port) as client:
        streams = [client.start() for _ in range(50)]
        eventually(lambda: len(up.requests) == 50, what="all upstream at once")
        release.set()
        assert [client.response(s).status for s in streams] == [200] * 50
    assert up.accepted == 1
    assert gateway.metric("frontdesk_upstream_connections_opened_total") == 1


def test_clients_of_http1_share_it_too(gateway_of: Start, up: Http2Upstream) -> None:
    release = threading.Event()
    up.answer(held(release))
    gateway = gateway_of(config(up))
    clients = [Connection(gateway.port) for _ in range(20)]
    for client in clients:
        client.send(b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
    eventually(lambda: len(up.requests) == 20, what="all upstream at once")
    release.set()
    for client in clients:
        assert client.response().body == b"ok"
        client.close()
    assert up.accepted == 1


@pytest.mark.parametrize("most", [1, 3])
def test_limit_of_the_target_is_kept(gateway_of: Start, most: int) -> None:
    """More requests than one connection takes wait or get another one; none fails."""

    def strict(stream: ServerStream) -> None:
        if sum(not request.answered for request in stream.peer.requests) > most:
            stream.reset(Code.REFUSED_STREAM)
            return
        stream.settle()
        reply()(stream)

    with Http2Upstream(strict, settings={Setting.MAX_CONCURRENT_STREAMS: most}) as up:
        gateway = gateway_of(config(up))
        for _ in range(5):
            with Http2Client(gateway.port) as client:
                streams = [client.start("POST") for _ in range(30)]
                assert {client.response(s).status for s in streams} == {200}
            up.close_all()
        assert up.most_at_once <= most


def test_target_that_takes_no_streams(gateway_of: Start) -> None:
    """SETTINGS_MAX_CONCURRENT_STREAMS of 0 is allowed; the request ends in time all the same."""
    with Http2Upstream(settings={Setting.MAX_CONCURRENT_STREAMS: 0}) as up:
        gateway = gateway_of(config(up, timeouts={"first_byte": "500ms", "connect": "500ms"}))
        assert [gateway.get().status in (200, 502, 504) for _ in range(3)] == [True] * 3


def test_connection_that_the_target_closes_while_idle(gateway_of: Start, up: Http2Upstream) -> None:
    """Also for POST: nobody is asked on a connection that is known to be gone."""
    gateway = gateway_of(config(up))
    with Http2Client(gateway.port) as client:
        for number in range(20):
            method, body = ("POST", b"data") if number % 2 else ("GET", b"")
            assert client.request(method, body=body).status == 200
            up.close_all()
            eventually(lambda: all(p.ended != "open" for p in up.connections))
            eventually(lambda: gateway.metric("frontdesk_upstream_connections_idle") == 0)
    assert len(up.requests) == 20


def refuse_first(upstream_answer: Callable[[ServerStream], None]) -> Callable[[ServerStream], None]:
    count = itertools.count()

    def script(stream: ServerStream) -> None:
        if next(count) == 0:
            upstream_answer(stream)
        else:
            reply(b"second")(stream)

    return script


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_refused_stream_is_sent_again(gateway_of: Start, up: Http2Upstream, method: str) -> None:
    """RFC 9113 section 8.7: REFUSED_STREAM says that nothing was done, so any method will do."""
    up.answer(refuse_first(lambda stream: stream.reset(Code.REFUSED_STREAM)))
    gateway = gateway_of(config(up))
    with Http2Client(gateway.port) as client:
        assert client.request(method).body == b"second"
    up.answer(refuse_first(lambda stream: stream.reset(Code.REFUSED_STREAM)))
    assert gateway.get(method=method).body == b"second"


@pytest.mark.parametrize("client", ["http1", "http2"])
def test_refused_stream_with_a_small_body_is_sent_again(
    gateway_of: Start, up: Http2Upstream, client: str
) -> None:
    up.answer(refuse_first(lambda stream: stream.reset(Code.REFUSED_STREAM)))
    gateway = gateway_of(config(up))
    if client == "http1":
        assert gateway.get(method="POST", body=b"hello").body == b"second"
    else:
        with Http2Client(gateway.port) as one:
            assert one.request("POST", body=b"hello").body == b"second"
    assert up.last.body == b"hello"


PARTS = {
    "within-a-chunk": (b"Transfer-Encoding: chunked", b"5\r\nhel", 3, b"lo\r\n6\r\n world\r\n0\r\n\r\n"),
    "before-a-chunk": (b"Transfer-Encoding: chunked", b"b\r\n", 0, b"hello world\r\n0\r\n\r\n"),
    "within-a-length": (b"Content-Length: 11", b"hello ", 6, b"world"),
}  # fmt: skip


@pytest.mark.parametrize("name", PARTS)
def test_refused_stream_amid_a_body(gateway_of: Start, up: Http2Upstream, name: str) -> None:
    """The next attempt gets the body from its beginning, and the client is read on where it was."""
    framing, before, size, after = PARTS[name]
    refused = threading.Event()

    def refuse(stream: ServerStream) -> None:
        stream.wait_received(size)
        stream.reset(Code.REFUSED_STREAM)
        refused.set()

    up.answer(refuse_first(refuse))
    gateway = gateway_of(config(up))
    with Connection(gateway.port) as client:
        client.send(b"POST / HTTP/1.1\r\nHost: a.test\r\n" + framing + b"\r\n\r\n" + before)
        assert refused.wait(10)
        eventually(lambda: len(up.requests) == 2, what="another attempt")
        client.send(after)
        assert client.response().body == b"second"
        assert up.last.body == b"hello world"
        assert client.request().status == 200, "the connection is in step"


def test_refusal_that_goes_on(gateway_of: Start, up: Http2Upstream) -> None:
    up.answer(lambda stream: stream.reset(Code.REFUSED_STREAM))
    gateway = gateway_of(config(up))
    assert gateway.get().status == 502
    assert len(up.requests) <= 3


@pytest.mark.parametrize("method", ["POST", "PATCH"])
@pytest.mark.parametrize("code", [Code.CANCEL, Code.INTERNAL_ERROR, Code.NO_ERROR])
def test_any_other_reset_may_have_done_something(
    gateway_of: Start, up: Http2Upstream, method: str, code: int
) -> None:
    up.answer(refuse_first(lambda stream: stream.reset(code)))
    gateway = gateway_of(config(up))
    assert gateway.get(method=method).status == 502
    assert len(up.requests) == 1


def test_goaway_that_leaves_the_stream_out(gateway_of: Start, up: Http2Upstream) -> None:
    """RFC 9113 section 6.8: streams above the last id were not looked at; any method is sent again."""

    def away(stream: ServerStream) -> None:
        stream.goaway(0)

    gateway = gateway_of(config(up))
    for method in ("GET", "POST"):
        up.answer(refuse_first(away))
        with Http2Client(gateway.port) as client:
            assert client.request(method).body == b"second"
    assert up.accepted >= 2


def test_goaway_lets_what_is_open_finish(gateway_of: Start, up: Http2Upstream) -> None:
    gateway = gateway_of(config(up))
    release = threading.Event()

    def finishing(stream: ServerStream) -> None:
        stream.goaway(stream.id)
        release.wait(20)
        reply(b"first")(stream)

    up.answer(finishing, reply(b"second"))
    with Http2Client(gateway.port) as client:
        first = client.start()
        eventually(lambda: up.requests)
        assert client.request().body == b"second"
        release.set()
        assert client.response(first).body == b"first"
    assert up.accepted == 2


@pytest.mark.parametrize("code", [Code.NO_ERROR, Code.INTERNAL_ERROR, Code.ENHANCE_YOUR_CALM])
def test_goaway_that_includes_the_stream_is_no_leave_to_repeat(
    gateway_of: Start, up: Http2Upstream, code: int
) -> None:
    def failing(stream: ServerStream) -> None:
        stream.goaway(stream.id, code)
        stream.close()

    up.answer(refuse_first(failing))
    gateway = gateway_of(config(up))
    assert gateway.get(method="POST").status == 502
    assert len(up.requests) == 1


def test_target_that_restarts_all_the_time(gateway_of: Start, up: Http2Upstream) -> None:
    """Polite GOAWAY after every few requests: no request fails."""

    def script(stream: ServerStream) -> None:
        if stream.id > 7:
            stream.goaway(7)
            return
        reply()(stream)
        if stream.id == 7:
            stream.goaway(7)

    up.answer(script)
    gateway = gateway_of(config(up, retries={"attempts": 3, "budget": "100%"}))
    with Http2Client(gateway.port) as client:
        assert [client.request().status for _ in range(100)] == [200] * 100
        streams = [client.start("POST") for _ in range(10)]
        assert {client.response(s).status for s in streams} == {200}


def test_small_frames_for_a_client_that_does_not_read(gateway_of: Start, up: Http2Upstream) -> None:
    """What one client does not take must not end the connection that others share."""
    release = threading.Event()
    sent = threading.Event()

    def events(stream: ServerStream) -> None:
        stream.head(200)
        for number in range(100_000):
            stream.data(b"data: %d\n\n" % number)
            if stream.request.state.reset is None and number > 20_000:
                sent.set()

    def pick(stream: ServerStream) -> None:
        (events if stream.request.target == "/events" else held(release))(stream)

    up.answer(pick)
    gateway = gateway_of(config(up, retries={"attempts": 0}))
    with (
        Http2Client(gateway.port, settings={Setting.INITIAL_WINDOW_SIZE: 0}) as stalled,
        Http2Client(gateway.port) as other,
    ):
        waiting = other.start(path="/other")
        eventually(lambda: len(up.requests) == 1)
        stalled.head_of(stalled.start(path="/events"))
        peer = up.connections[0]
        eventually(lambda: peer.goaway or sent.is_set() or _stands_still(peer.streams))
        release.set()
        assert other.response(waiting).status == 200
        assert peer.goaway is None


def _stands_still(streams: dict[int, Any]) -> bool:
    return all(state.window <= 0 for number, state in streams.items() if number == 3)


@pytest.mark.xfail(strict=True, reason="the 101st empty DATA frame in a connection's life ends it")
def test_target_that_sends_empty_frames_now_and_then(gateway_of: Start, up: Http2Upstream) -> None:
    def script(stream: ServerStream) -> None:
        stream.head(200)
        stream.peer.send(frame(Kind.DATA, stream=stream.id))
        stream.data(b"x", end=True)

    up.answer(script)
    gateway = gateway_of(config(up))
    with Http2Client(gateway.port) as client:
        statuses = [client.request().status for _ in range(150)]
        answers = [client.request() for _ in range(2)]
    assert statuses == [200] * 150
    assert all(answer.complete for answer in answers)
    assert up.accepted == 1


def test_broken_connection_fails_only_its_own(gateway_of: Start, up: Http2Upstream) -> None:
    """Garbage from a target: those in flight on that connection get 502, the next ones are well."""
    up.answer(lambda stream: stream.peer.send(b"\xff" * 100))
    gateway = gateway_of(config(up, retries={"attempts": 0}))
    assert gateway.get().status == 502
    up.answer()
    assert gateway.get().status == 200


PREFACES: dict[str, bytes] = {
    "http1": b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
    "garbage": b"\0" * 100,
    "nothing": b"",
}


@pytest.mark.parametrize("name", PREFACES)
def test_target_that_does_not_speak_it(gateway_of: Start, name: str) -> None:
    def other(peer: ServerPeer) -> None:
        peer._fill()
        peer.send(PREFACES[name])

    with Http2Upstream(on_connect=other) as up:
        gateway = gateway_of(config(up, timeouts={"first_byte": "1s"}))
        answer = gateway.get()
        assert answer.status in (502, 504)
        assert b"127.0.0.1" not in answer.body


def silent(peer: ServerPeer) -> None:
    peer.stopping.wait(20)


def test_target_that_never_answers_the_preface(gateway_of: Start) -> None:
    with Http2Upstream(on_connect=silent) as up:
        gateway = gateway_of(config(up, timeouts={"first_byte": "500ms", "connect": "500ms"}))
        assert gateway.get().status == 504


def test_connection_that_has_gone_silent_is_left(gateway_of: Start, up: Http2Upstream) -> None:
    """As after a lost network path: no FIN, no answer, also none to a PING."""

    def script(stream: ServerStream) -> None:
        if stream.peer.number == 0:
            stream.peer.auto_ack = False
            stream.stall()
        reply()(stream)

    up.answer(script)
    gateway = gateway_of(config(up, timeouts={"first_byte": "200ms"}))
    assert gateway.get().status == 504
    eventually(lambda: gateway.get().status == 200, within=3)


def test_websocket_to_a_target_that_would_choose_h2(
    gateway_of: Start, certificates: Certificates
) -> None:
    """With `auto` an upgrade can go over HTTP/1, which the target speaks too; never as a plain GET."""
    with Http2Upstream(tls=certificates.server(["h2", "http/1.1"])) as up:
        gateway = gateway_of(secure(certificates, up))
        assert gateway.get().status == 200
        fields = [
            ("Upgrade", "websocket"),
            ("Connection", "Upgrade"),
            ("Sec-WebSocket-Version", "13"),
        ]
        fields.append(("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="))
        answer = gateway.get(headers=fields)
        assert up.http1, "asked over HTTP/1"
        assert b"upgrade: websocket" in up.http1[0].heads[0]
        assert answer.status != 101


# -- which protocol --------------------------------------------------------------------------------


def secure(certificates: Certificates, upstream: Http2Upstream, **service: Any) -> dict[str, Any]:
    return config(upstream, tls=certificates.service(), **service)


@pytest.mark.parametrize("protocol", ["auto", "h2"])
def test_target_that_chooses_h2(
    gateway_of: Start, certificates: Certificates, protocol: str
) -> None:
    with Http2Upstream(tls=certificates.server(["h2", "http/1.1"])) as up:
        gateway = gateway_of(secure(certificates, up, protocol=protocol))
        assert gateway.get().body == b"ok"
        assert up.last.header(":scheme") == "https"


@pytest.mark.parametrize("alpn", [["http/1.1"], []], ids=["http1", "no-alpn"])
@pytest.mark.parametrize("protocol", ["auto", "http1"])
def test_target_that_chooses_http1(
    gateway_of: Start, certificates: Certificates, alpn: list[str], protocol: str
) -> None:
    with Http2Upstream(tls=certificates.server(alpn)) as up:
        gateway = gateway_of(secure(certificates, up, protocol=protocol))
        with Http2Client(gateway.port) as client:
            assert [client.request().body for _ in range(5)] == [b"http1"] * 5
        assert up.accepted == 1, "kept and used again"


def test_http1_is_spoken_where_it_is_asked_for(
    gateway_of: Start, certificates: Certificates
) -> None:
    with Http2Upstream(tls=certificates.server(["h2", "http/1.1"])) as up:
        gateway = gateway_of(secure(certificates, up, protocol="http1"))
        assert gateway.get().body == b"http1"


@pytest.mark.parametrize("alpn", [["http/1.1"], []], ids=["http1", "no-alpn"])
def test_h2_against_a_target_that_has_none(
    gateway_of: Start, certificates: Certificates, alpn: list[str]
) -> None:
    with Http2Upstream(tls=certificates.server(alpn)) as up:
        gateway = gateway_of(secure(certificates, up, protocol="h2"))
        answer = gateway.get()
        assert answer.status == 502
        assert b"127.0.0.1" not in answer.body
        assert up.http1 == [] or up.http1[0].heads == []
    (record,) = gateway.log_lines(at_least=1)
    assert record["fault"] not in (None, "internal")


def test_target_that_changes_its_choice(gateway_of: Start, certificates: Certificates) -> None:
    """An upgrade or a rollback of the target, and a mixed set behind one address."""
    with Http2Upstream(tls=certificates.server(["http/1.1"])) as up:
        gateway = gateway_of(secure(certificates, up))
        for alpn, body in [("http/1.1", b"http1"), ("h2", b"ok"), ("http/1.1", b"http1")]:
            up.tls = certificates.server([alpn])
            up.close_all()
            eventually(lambda: gateway.metric("frontdesk_upstream_connections_idle") == 0)
            assert [gateway.get().body for _ in range(3)] == [body] * 3


def test_target_that_is_away_and_comes_back(gateway_of: Start) -> None:
    port = free_port()
    service = {"url": f"http://127.0.0.1:{port}", "protocol": "h2c"}
    gateway = gateway_of(
        {
            "services": {"up": service},
            "routes": {"all": {"match": {"path": "/**"}, "service": "up"}},
        }
    )
    assert gateway.get().status == 502
    with Http2Upstream(port=port):
        assert gateway.get().body == b"ok"
    assert gateway.get().status == 502
    with Http2Upstream(port=port):
        assert gateway.get().body == b"ok"
