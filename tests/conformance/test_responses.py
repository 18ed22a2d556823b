"""Mutated upstream responses: the client gets a sound answer or a visible cut, and the next is clean."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import h11
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conformance.corpus import examples
from tests.harness import Connection, Gateway, RecordedRequest, RecordingUpstream, Truncate, ok

CLEAN = ok(b"clean")
SEEDS = [
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: 1\r\n\r\nhello",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n0\r\nX-T: 1\r\n\r\n",
    b"HTTP/1.1 204 No Content\r\nX-A: 1\r\n\r\n",
    b'HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\nETag: "a"\r\n\r\n',
    b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    b"HTTP/1.0 200 OK\r\n\r\nuntil the end",
    b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
]


@pytest.fixture(scope="module")
def upstream() -> Iterator[RecordingUpstream]:
    with RecordingUpstream() as running:
        yield running


@pytest.fixture(scope="module")
def gateway(upstream: RecordingUpstream) -> Iterator[Gateway]:
    timeouts = {"first_byte": "150ms", "idle": "150ms"}
    config = {
        "services": {"up": {"url": upstream.url, "timeouts": timeouts, "retries": {"attempts": 0}}},
        "routes": {"all": {"match": {"path": "/**"}, "service": "up"}},
    }
    with Gateway(config) as running:
        yield running


@dataclass(frozen=True)
class Answer:
    """What a strict client made of the bytes it got."""

    status: int
    body: bytes
    whole: bool


def read_as_client(stream: bytes, method: str) -> Answer:
    """Read with h11; a malformed answer of the gateway raises h11.RemoteProtocolError."""
    if not stream:
        return Answer(0, b"", whole=False)
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method=method, target="/", headers=[("Host", "a")]))
    client.send(h11.EndOfMessage())
    client.receive_data(stream)
    status, body = 0, b""
    while True:
        event = client.next_event()
        if event is h11.NEED_DATA:
            return Answer(status, body, whole=False)
        if isinstance(event, h11.Response):
            status = event.status_code
        elif isinstance(event, h11.Data):
            body += bytes(event.data)
        elif isinstance(event, h11.EndOfMessage):
            assert client.trailing_data[0] == b"", "bytes behind the answer"
            return Answer(status, body, whole=True)


_SPLICES = st.sampled_from(
    [b"\r", b"\n", b"\r\n", b"\0", b" ", b":", b",", b";", b"0", b"9", b"\xff", CLEAN, b"HTTP/1.1 "]
)
_FIELDS = st.sampled_from([b"Content-Length: 3\r\n", b"Transfer-Encoding: chunked\r\n", b"X: "])


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A valid response with a few pieces put in or taken out."""
    data = draw(st.sampled_from(SEEDS))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(data)))
        end = min(len(data), at + draw(st.sampled_from([0, 0, 1, 2, 8])))
        data = data[:at] + draw(st.one_of(_SPLICES, _FIELDS, st.just(b""))) + data[end:]
    return data


@settings(
    max_examples=examples(250),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=mutated(), method=st.sampled_from(["GET", "GET", "HEAD", "POST"]), hold=st.booleans())
def test_client_sees_sound_answers_and_the_next_one_is_clean(
    data: bytes, method: str, hold: bool, gateway: Gateway, upstream: RecordingUpstream
) -> None:
    def script(request: RecordedRequest) -> bytes | Truncate:
        """The mutated answer for the target `/bad`, a clean one for any other."""
        if request.target == "/bad":
            return data if hold else Truncate(data)
        return CLEAN

    upstream.answer(script)
    upstream.clear()
    with Connection(gateway.port) as client:
        client.send(f"{method} /bad HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
        answer = read_as_client(client.read_until_close(), method)
    if answer.whole and answer.status not in (502, 504):
        assert str(answer.status).encode() in data
        assert answer.body in data.replace(b"\r\n", b"") or answer.body in data
    with Connection(gateway.port) as client:
        for _ in range(2):
            assert client.request(target="/good").body == b"clean"
    upstream.close_idle()
