"""Frames that must not come (RFC 9113): connection or stream end with a code, and nobody else notices."""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest

from tests.e2e.wire import BYSTANDER, bystander, config, hostile_requests, with_limits
from tests.harness import (
    Gateway,
    RecordingUpstream,
    Stall,
    eventually,
    ok,
)
from tests.harness.http2 import (
    Code,
    Http2Client,
    Kind,
    Setting,
    frame,
    settings,
)
from tests.harness.http2.frames import (
    ACK,
    END_HEADERS,
    END_STREAM,
    PADDED,
    PRIORITY,
    goaway,
    rst,
    window_update,
)

HEAD = [(":method", "POST"), (":scheme", "http"), (":authority", "a.test"), (":path", "/cut-x")]


@pytest.fixture(scope="module")
def gateway(module_gateway: Callable[..., Gateway], shared_upstream: RecordingUpstream) -> Gateway:
    return module_gateway(config(shared_upstream))


def _open(client: Http2Client) -> int:
    """A stream whose body is still to come."""
    return client.raw_head(HEAD, end=False)


def _headers(client: Http2Client, stream: int, flags: int = END_HEADERS | END_STREAM) -> bytes:
    return frame(Kind.HEADERS, client.encode(HEAD), flags=flags, stream=stream)


def _lower_stream(client: Http2Client) -> bytes:
    client.response(client.raw_head(HEAD))
    client.response(client.raw_head(HEAD))
    client.next_stream()
    client.response(client.raw_head(HEAD))
    return _headers(client, 5)


def _interleaved(client: Http2Client) -> bytes:
    return _headers(client, 1, END_STREAM) + frame(Kind.PING, bytes(8))


def _interleaved_data(client: Http2Client) -> bytes:
    return _headers(client, 1, 0) + frame(Kind.DATA, b"x", stream=1)


def _other_continuation(client: Http2Client) -> bytes:
    return _headers(client, 1, END_STREAM) + frame(Kind.CONTINUATION, stream=3)


def _more_than_the_window(_: Http2Client, stream: int) -> bytes:
    return b"".join(frame(Kind.DATA, bytes(16_384), stream=stream) for _ in range(10))


def _block(block: bytes) -> Callable[[Http2Client], bytes]:
    def build(_: Http2Client) -> bytes:
        return frame(Kind.HEADERS, block, flags=END_HEADERS | END_STREAM, stream=1)

    return build


def _bytes(data: bytes) -> Callable[[Http2Client], bytes]:
    return lambda _: data


# The general code may stand in for a precise one.
PROTOCOL = {Code.PROTOCOL_ERROR}
SIZE, FLOW = PROTOCOL | {Code.FRAME_SIZE_ERROR}, PROTOCOL | {Code.FLOW_CONTROL_ERROR}
CLOSED, COMPRESSION = PROTOCOL | {Code.STREAM_CLOSED}, PROTOCOL | {Code.COMPRESSION_ERROR}
Build = Callable[[Http2Client], bytes]
FATAL: dict[str, tuple[Build, set[Code]]] = {
    "data-too-large": (_bytes(frame(Kind.DATA, bytes(16_385), stream=1)), SIZE),
    "headers-too-large": (_bytes(frame(Kind.HEADERS, bytes(16_385), stream=1)), SIZE),
    "length-of-16-mib": (_bytes(frame(Kind.DATA, bytes(100), stream=1, length=2**24 - 1)), SIZE),
    "unknown-frame-too-large": (_bytes(frame(0xBE, bytes(16_385))), SIZE),
    "settings-of-five-bytes": (_bytes(frame(Kind.SETTINGS, bytes(5))), SIZE),
    "settings-on-a-stream": (_bytes(frame(Kind.SETTINGS, stream=1)), PROTOCOL),
    "settings-ack-with-payload": (_bytes(frame(Kind.SETTINGS, bytes(6), flags=ACK)), SIZE),
    "window-setting-too-large": (_bytes(settings({Setting.INITIAL_WINDOW_SIZE: 2**31})), FLOW),
    "frame-size-zero": (_bytes(settings({Setting.MAX_FRAME_SIZE: 0})), PROTOCOL),
    "frame-size-too-large": (_bytes(settings({Setting.MAX_FRAME_SIZE: 2**24})), PROTOCOL),
    "push-setting-of-two": (_bytes(settings({Setting.ENABLE_PUSH: 2})), PROTOCOL),
    "window-of-zero": (_bytes(window_update(0, 0)), PROTOCOL),
    "window-overflow": (_bytes(window_update(0, 2**31 - 1)), FLOW),
    "window-of-an-idle-stream": (_bytes(window_update(1, 1)), PROTOCOL),
    "window-of-three-bytes": (_bytes(frame(Kind.WINDOW_UPDATE, bytes(3))), SIZE),
    "data-on-an-idle-stream": (_bytes(frame(Kind.DATA, b"x", stream=1)), CLOSED),
    "data-on-stream-zero": (_bytes(frame(Kind.DATA, b"x")), PROTOCOL),
    "data-of-padding-only": (
        lambda c: frame(Kind.DATA, b"\xff" + bytes(10), flags=PADDED, stream=_open(c)),
        PROTOCOL,
    ),
    "headers-on-an-even-stream": (lambda c: _headers(c, 2), PROTOCOL),
    "headers-on-stream-zero": (lambda c: _headers(c, 0), PROTOCOL),
    "headers-on-a-lower-stream": (_lower_stream, CLOSED),
    "headers-with-too-much-padding": (
        _bytes(frame(Kind.HEADERS, b"\xff\x82", flags=END_HEADERS | PADDED, stream=1)),
        PROTOCOL,
    ),
    "headers-too-short-for-priority": (
        _bytes(frame(Kind.HEADERS, b"\0\0", flags=END_HEADERS | PRIORITY, stream=1)),
        SIZE | COMPRESSION,
    ),
    "continuation-alone": (_bytes(frame(Kind.CONTINUATION, flags=END_HEADERS, stream=1)), PROTOCOL),
    "continuation-of-another-stream": (_other_continuation, PROTOCOL),
    "ping-within-a-block": (_interleaved, PROTOCOL),
    "data-within-a-block": (_interleaved_data, PROTOCOL),
    "push-by-a-client": (
        _bytes(frame(Kind.PUSH_PROMISE, bytes(4), flags=END_HEADERS, stream=1)),
        PROTOCOL | COMPRESSION,
    ),
    "reset-of-an-idle-stream": (_bytes(rst(1, Code.CANCEL)), PROTOCOL),
    "reset-of-stream-zero": (_bytes(rst(0, Code.CANCEL)), PROTOCOL),
    "reset-of-three-bytes": (_bytes(frame(Kind.RST_STREAM, bytes(3), stream=1)), SIZE),
    "ping-of-seven-bytes": (_bytes(frame(Kind.PING, bytes(7))), SIZE),
    "ping-on-a-stream": (_bytes(frame(Kind.PING, bytes(8), stream=1)), PROTOCOL),
    "goaway-on-a-stream": (_bytes(frame(Kind.GOAWAY, bytes(8), stream=1)), PROTOCOL),
    "block-with-index-zero": (_block(b"\x80"), COMPRESSION),
    "block-with-unknown-index": (_block(b"\xff\xff\xff\x07"), COMPRESSION),
    "block-with-endless-integer": (_block(b"\xff" + b"\x80" * 20 + b"\x01"), COMPRESSION),
    "block-with-huge-string": (_block(b"\x00\x7f\xff\xff\xff\xff\x07a"), COMPRESSION),
    "block-that-is-cut": (_block(b"\x40\x05ab"), COMPRESSION),
    "block-with-bad-huffman": (_block(b"\x82\x00\x84\xff\xff\xff\xff\x01a"), COMPRESSION),
    "block-with-huge-table": (_block(b"\x3f\xff\xff\xff\x7f\x82"), COMPRESSION),
    "block-with-late-table-size": (_block(b"\x82\x20"), COMPRESSION),
}


@pytest.mark.parametrize("name", FATAL)
def test_ends_the_connection(
    name: str, gateway: Gateway, shared_upstream: RecordingUpstream
) -> None:
    build, codes = FATAL[name]
    with bystander(gateway, shared_upstream), Http2Client(gateway.port) as client:
        client.send_anyhow(build(client))
        last = client.until_closed()
    assert last is not None, "the client is told"
    assert last[1] in codes
    assert hostile_requests(shared_upstream) == []


STREAM: dict[str, tuple[Callable[[Http2Client, int], bytes], set[Code]]] = {
    "window-of-zero": (lambda _, s: window_update(s, 0), PROTOCOL),
    "window-overflow": (lambda _, s: window_update(s, 2**31 - 1), FLOW),
    "depends-on-itself": (
        lambda _, s: frame(Kind.PRIORITY, struct.pack(">IB", s, 1), stream=s),
        PROTOCOL,
    ),
    "data-after-the-end": (
        lambda _, s: (
            frame(Kind.DATA, flags=END_STREAM, stream=s) + frame(Kind.DATA, b"x", stream=s)
        ),
        CLOSED,
    ),
    "more-data-than-the-window": (_more_than_the_window, FLOW),
    "second-head-without-end": (lambda c, s: _headers(c, s, END_HEADERS), PROTOCOL),
}


@pytest.mark.parametrize("name", STREAM)
def test_ends_the_stream(name: str, gateway: Gateway, shared_upstream: RecordingUpstream) -> None:
    """Only the stream, or the whole connection: both are allowed; the other client goes on."""
    build, codes = STREAM[name]
    with bystander(gateway, shared_upstream), Http2Client(gateway.port) as client:
        stream = _open(client)
        client.send_anyhow(build(client, stream))
        response = client.response(stream)
        if not 200 <= response.status < 300:
            assert (response.reset if client.goaway is None else client.goaway[1]) in codes
        if client.goaway is None:
            assert client.request(path=BYSTANDER).status == 200
    eventually(lambda: not _incomplete_and_open(shared_upstream), what="cut upstream")


def _incomplete_and_open(upstream: RecordingUpstream) -> bool:
    return any(
        not r.complete and c.ended == "open" for c in upstream.connections for r in c.requests
    )


def test_frames_that_change_nothing(gateway: Gateway) -> None:
    """Unknown frames, settings and flags are ignored, padding is taken away (sections 4.1, 5.5, 6.1)."""
    with Http2Client(gateway.port) as client:
        client.send(frame(0xBE, b"x" * 100) + frame(0xEF, b"y", flags=0xFF, stream=7))
        client.send(settings({0xABCD: 7}))
        client.send(frame(Kind.PRIORITY, struct.pack(">IB", 0, 15), stream=9))
        stream = client.next_stream()
        block = b"\x04" + struct.pack(">IB", 0, 200) + client.encode(HEAD) + bytes(4)
        flags = END_HEADERS | PADDED | PRIORITY
        client.send(frame(Kind.HEADERS, block, flags=flags, stream=stream))
        client.send(frame(Kind.DATA, b"\x03abc" + bytes(3), flags=PADDED, stream=stream))
        client.send(frame(Kind.DATA, b"\x00def", flags=PADDED | END_STREAM, stream=stream))
        assert client.response(stream).status == 200


def test_window_that_shrinks_below_zero(
    gateway_of: Callable[..., Gateway], upstream: RecordingUpstream
) -> None:
    """RFC 9113 section 6.9.2: the sender owes, waits, and goes on."""
    body = bytes(range(256)) * 400
    upstream.answer(ok(body))
    gateway = gateway_of(config(upstream))
    with Http2Client(gateway.port, settings={Setting.INITIAL_WINDOW_SIZE: 50_000}) as client:
        client.auto_window = False
        stream = client.start()
        state = client.state(stream)
        client.wait_for(lambda: state.received == 50_000)
        client.send(settings({Setting.INITIAL_WINDOW_SIZE: 0}))
        client.send(window_update(stream, 40_000))
        client.settle()
        assert state.received == 50_000, "50,000 bytes more are owed than were given"
        client.send(window_update(stream, 200_000))
        assert client.response(stream).body == body


def test_one_byte_at_a_time(
    gateway_of: Callable[..., Gateway], upstream: RecordingUpstream
) -> None:
    """A window of one byte, opened again and again: slow, whole, and nobody else waits."""
    body = b"0123456789" * 30
    upstream.answer(ok(body))
    gateway = gateway_of(config(upstream))
    with Http2Client(gateway.port, settings={Setting.INITIAL_WINDOW_SIZE: 1}) as client:
        client.auto_window = False
        stream = client.start()
        state = client.state(stream)
        for number in range(1, len(body) + 1):
            client.wait_for(lambda wanted=number: state.received >= wanted)  # type: ignore[misc]
            if number % 100 == 0:
                assert gateway.get().status == 200
            client.send(window_update(stream, 1))
        assert client.response(stream).body == body


def test_more_streams_than_allowed(
    gateway_of: Callable[..., Gateway], upstream: RecordingUpstream
) -> None:
    upstream.answer(Stall())
    gateway = gateway_of(with_limits(upstream, http2_streams=5))
    with Http2Client(gateway.port) as client:
        client.settle()
        assert client.settings[Setting.MAX_CONCURRENT_STREAMS] == 5
        streams = [client.start() for _ in range(5)]
        eventually(lambda: len(upstream.requests) == 5, what="all that may be open")
        more = [client.start() for _ in range(3)]
        codes = [client.response(stream).reset for stream in more]
        assert codes == [Code.REFUSED_STREAM] * 3
        assert len(upstream.requests) == 5
        upstream.answer(ok())
        client.reset(streams[0])
        client.settle()
        assert client.request().status == 200
    upstream.close_idle()


def test_limits_are_announced(
    gateway_of: Callable[..., Gateway], upstream: RecordingUpstream
) -> None:
    limits = {
        "http2_streams": 7,
        "http2_stream_window": "128KiB",
        "http2_connection_window": "512KiB",
        "http2_header_list": "8KiB",
    }
    gateway = gateway_of(with_limits(upstream, **limits))
    with Http2Client(gateway.port) as client:
        client.settle()
        assert client.settings[Setting.MAX_CONCURRENT_STREAMS] == 7
        assert client.settings[Setting.INITIAL_WINDOW_SIZE] == 128 * 1024
        assert client.settings[Setting.MAX_HEADER_LIST_SIZE] == 8 * 1024
        client.wait_for(lambda: client.window == 512 * 1024)
        long = client.request(headers=[("x", "y" * 9_000)])
        assert long.status == 431
        assert client.request().status == 200


def test_goaway_of_a_client_lets_it_finish(
    gateway_of: Callable[..., Gateway], upstream: RecordingUpstream
) -> None:
    upstream.answer([Stall(0.3), ok(b"late")])
    gateway = gateway_of(config(upstream))
    with Http2Client(gateway.port) as client:
        stream = client.start()
        client.send(goaway(0))
        assert client.response(stream).body == b"late"
        client.until_closed()
