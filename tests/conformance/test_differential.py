"""What arrives upstream, read by two other parsers: always one meaning, and the one the client had."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.conformance.corpus import Entry, examples, load
from tests.conformance.readers import READERS, Reading, Seen
from tests.harness import Connection, Gateway, RecordingUpstream, ok

MARKER = b"GET /marker HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n"
OWN = {b"host", b"via", b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host"} | {
    b"x-forwarded-port", b"x-request-id", b"traceparent", b"tracestate", b"forwarded", b"x-real-ip",
    b"content-length", b"transfer-encoding", b"connection",
}  # fmt: skip
"""Fields that the gateway writes itself, so that they need not be what the client sent."""


@pytest.fixture(scope="module")
def upstream() -> Iterator[RecordingUpstream]:
    with RecordingUpstream(lambda request: ok(b"" if request.method == "HEAD" else b"ok")) as up:
        yield up


@pytest.fixture(scope="module")
def gateway(upstream: RecordingUpstream) -> Iterator[Gateway]:
    limits = {"head_timeout": "300ms", "body_idle": "300ms", "keepalive_idle": "300ms"}
    config = {
        "listeners": {"web": {"limits": limits}},
        "services": {"up": {"url": upstream.url, "retries": {"attempts": 0}}},
        "routes": {"all": {"match": {"path": "/**"}, "service": "up"}},
    }
    with Gateway(config) as running:
        yield running


def send(gateway: Gateway, upstream: RecordingUpstream, data: bytes) -> tuple[bytes, list[bytes]]:
    """Send bytes on one connection: what came back, and what each upstream connection got of it."""
    upstream.clear()
    with Connection(gateway.port) as client:
        with suppress(BrokenPipeError, ConnectionResetError):
            client.send(data)
        answer = client.read_until_close()
    return answer, [connection.data for connection in upstream.connections if connection.data]


def readings(stream: bytes) -> dict[str, Reading]:
    """The stream as each of the other parsers reads it."""
    return {name: read(stream) for name, read in READERS.items()}


def whole(reading: Reading) -> list[tuple[bytes, bytes, bytes]]:
    """Method, target and body of the requests that are complete."""
    return [(seen.method, seen.target, seen.body) for seen in reading.requests if seen.complete]


def kept(seen: Seen) -> list[tuple[bytes, bytes]]:
    """The fields that the gateway has to leave as they are."""
    return [(name, value) for name, value in seen.fields if name not in OWN]


@pytest.mark.parametrize("entry", [pytest.param(e, id=e.id) for e in load() if e.accepted])
def test_accepted_request_means_the_same_upstream(
    entry: Entry, gateway: Gateway, upstream: RecordingUpstream
) -> None:
    answer, streams = send(gateway, upstream, entry.data + MARKER)
    assert answer.startswith(b"HTTP/1.1 200 ")
    stream = b"".join(streams)
    for name, reading in readings(stream).items():
        if name in entry.differs and reading.refused:
            continue
        assert reading.refused is None, name
        first = reading.requests[0]
        assert first.complete
        assert first.body == entry.body
        assert first.method == entry.data.lstrip().split(b" ", 1)[0]
        for parser in set(READERS) - entry.differs:
            original = READERS[parser](entry.data).requests[0]
            assert kept(first) == kept(original)


@pytest.mark.parametrize("entry", [pytest.param(e, id=e.id) for e in load() if not e.accepted])
def test_refused_request_does_not_arrive(
    entry: Entry, gateway: Gateway, upstream: RecordingUpstream
) -> None:
    answer, streams = send(gateway, upstream, entry.data + MARKER)
    assert answer[:10] in (b"HTTP/1.1 4", b"HTTP/1.1 5")
    for stream in streams:
        assert all(whole(reading) == [] for reading in readings(stream).values())
    assert b"/marker" not in b"".join(streams)


_BYTES = [b"\r", b"\n", b"\r\n", b"\0", b" ", b"\t", b"\x0b", b":", b",", b";", b"0", b"5", b"\xff"]
_LINES = [b"Content-Length: 5\r\n", b"Content-Length: 0\r\n", b"Transfer-Encoding: chunked\r\n"]
_ENDS = [b"0\r\n\r\n", b"\r\n\r\n", b"X: ", b"Host: b.test\r\n", b"%"]
_WHOLE = [b"GET /in HTTP/1.1\r\nHost: a.test\r\n\r\n"]
_SPLICES = st.sampled_from([*_BYTES, *_LINES, *_ENDS, *_WHOLE])


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A request of the corpus with a few pieces put in, taken out or doubled."""
    data = draw(st.sampled_from([entry.data for entry in load()]))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(data)))
        end = min(len(data), at + draw(st.sampled_from([0, 0, 0, 1, 2, 8])))
        data = data[:at] + draw(st.one_of(_SPLICES, st.just(b""))) + data[end:]
    return data


@settings(
    max_examples=examples(400),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=mutated())
@example(data=b"POST /a HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\n0\r\n\r\n")
def test_mutated_requests_never_split_the_readers(
    data: bytes, gateway: Gateway, upstream: RecordingUpstream
) -> None:
    """Both parsers read the same requests upstream, and h11 reads these first in what the client sent."""
    _, streams = send(gateway, upstream, data + MARKER)
    arrived: list[tuple[bytes, bytes, bytes]] = []
    for stream in streams:
        by_name = readings(stream)
        assert whole(by_name["h11"]) == whole(by_name["httptools"]) or _unknown_method(stream)
        arrived += whole(by_name["h11"])
    sent = whole(READERS["h11"](data + MARKER))
    bodies = [(method, body) for method, _, body in sent]
    assert [(method, body) for method, _, body in arrived] == bodies[: len(arrived)]


def _unknown_method(stream: bytes) -> bool:
    """Methods are an open set (RFC 9110 section 9.1), llhttp knows a fixed list."""
    refused = READERS["httptools"](stream).refused or ""
    return refused in ("Invalid method encountered", "Expected space after method")


def test_the_comparison_is_not_empty() -> None:
    """A plain request is whole in the eyes of both parsers."""
    for reading in readings(MARKER).values():
        assert whole(reading) == [(b"GET", b"/marker", b"")]
