"""Trailers: those that may, pass; those that could change a meaning never do (RFC 9110 section 6.5.1)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.e2e.messages import chunked_ok, post
from tests.harness import Connection, Gateway, RecordingUpstream, ok


@pytest.fixture(scope="module")
def gateway(module_gateway: Callable[..., Gateway], shared_upstream: RecordingUpstream) -> Gateway:
    return module_gateway(
        {
            "services": {"up": {"url": shared_upstream.url}},
            "routes": {"all": {"match": {"path": "/**"}, "service": "up", "max_body": "off"}},
        }
    )


@pytest.fixture
def service(shared_upstream: RecordingUpstream) -> Iterator[RecordingUpstream]:
    """The module's upstream with nothing recorded; its script is put back afterwards."""
    shared_upstream.clear()
    yield shared_upstream
    shared_upstream.answer(ok())


TRAILERS = [
    ("X-Checksum", "abc", True),
    ("Server-Timing", "db;dur=1", True),
    ("Content-Length", "5", False),
    ("Transfer-Encoding", "chunked", False),
    ("Host", "b.test", False),
    ("Authorization", "Bearer x", False),
    ("X-Consumer-ID", "root", False),
    ("X_Consumer_ID", "root", False),
    ("X-Forwarded-For", "6.6.6.6", False),
    ("X-Real-IP", "6.6.6.6", False),
    ("Connection", "close", False),
    ("Content-Encoding", "gzip", False),
    ("Cookie", "a=b", False),
    ("Via", "1.1 x", False),
]


REQUEST_ONLY = {"Host", "Authorization", "Cookie", "Via", "X-Forwarded-For", "X-Real-IP"}
IN_RESPONSES = [trailer for trailer in TRAILERS if trailer[0] not in REQUEST_ONLY]


@pytest.mark.parametrize(("name", "value", "passes"), TRAILERS, ids=[t[0] for t in TRAILERS])
def test_request_trailer(
    name: str, value: str, passes: bool, gateway: Gateway, service: RecordingUpstream
) -> None:
    """RFC 9110 section 6.5.1: never framing, routing, authentication or identity."""
    data = post(b"hello", chunked=True)[:-2] + f"{name}: {value}\r\n\r\n".encode()
    with Connection(gateway.port) as client:
        client.send(data)
        assert client.response().status == 200
        assert client.request().status == 200
    body = service.data.partition(b"\r\n\r\n")[2].partition(b"GET / ")[0]
    assert (f"{name.lower()}: {value}".encode() in body.lower()) is passes
    assert [r.complete for r in service.requests] == [True, True]


@pytest.mark.parametrize(
    ("name", "value", "passes"), IN_RESPONSES, ids=[t[0] for t in IN_RESPONSES]
)
def test_response_trailer(
    name: str, value: str, passes: bool, gateway: Gateway, service: RecordingUpstream
) -> None:
    answer = chunked_ok(b"hello")[:-2] + f"{name}: {value}\r\n\r\n".encode()
    service.answer(answer, ok(b"next"))
    with Connection(gateway.port) as client:
        response = client.request(headers=[("TE", "trailers"), ("Connection", "TE")])
        assert response.body == b"hello"
        names = [trailer.lower() for trailer, _ in response.trailers]
        assert (name.lower() in names) is passes
        assert client.request().body == b"next"
