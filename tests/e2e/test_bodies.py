"""Bodies and their framing, both ways: the same bytes come out, delimited so that the reader can trust it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.e2e.messages import body_of, chunked_ok, post
from tests.harness import Connection, Gateway, RecordingUpstream, Truncate, ok

SIZES = [0, 1, 2, 16_383, 16_384, 16_385, 65_535, 65_536, 65_537, 1_048_576, 5_000_001]


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


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
@pytest.mark.parametrize("size", SIZES)
def test_request_body(
    size: int, chunked: bool, gateway: Gateway, service: RecordingUpstream
) -> None:
    body = body_of(size)
    with Connection(gateway.port) as client:
        client.send(post(body, chunked))
        assert client.response().status == 200
    (arrived,) = service.requests
    assert arrived.complete
    assert arrived.body == body
    framing = (arrived.all("content-length"), arrived.all("transfer-encoding"))
    assert framing in (([str(size)], []), ([], ["chunked"]))


def _until_close(body: bytes) -> Truncate:
    return Truncate(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n" + body)


def _until_close_1_0(body: bytes) -> Truncate:
    return Truncate(b"HTTP/1.0 200 OK\r\n\r\n" + body)


FRAMINGS: dict[str, Callable[[bytes], bytes | Truncate]] = {
    "length": ok,
    "chunked": chunked_ok,
    "until-close": _until_close,
    "until-close-1.0": _until_close_1_0,
}


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("size", SIZES)
def test_response_body(
    size: int, framing: str, gateway: Gateway, service: RecordingUpstream
) -> None:
    body = body_of(size)
    service.answer(FRAMINGS[framing](body), ok(b"next"))
    with Connection(gateway.port) as client:
        response = client.request()
        assert response.complete
        assert response.body == body
        if framing in ("length", "chunked"):
            assert client.request().body == b"next", "the connection goes on"


@pytest.mark.parametrize("framing", FRAMINGS)
def test_http_1_0_client_gets_no_chunks(
    framing: str, gateway: Gateway, service: RecordingUpstream
) -> None:
    body = body_of(100_000)
    service.answer(FRAMINGS[framing](body))
    with Connection(gateway.port) as client:
        client.send(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        response = client.response()
        assert response.header("transfer-encoding") is None
        assert (response.body, response.complete) == (body, True)
        if response.header("content-length") is None:
            assert (response.header("connection") or "close").lower() == "close"
            assert client.is_closed()


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_head_response_has_fields_and_no_body(
    framing: str, gateway: Gateway, service: RecordingUpstream
) -> None:
    head = FRAMINGS[framing](body_of(5_000))
    assert isinstance(head, bytes)
    service.answer(head.partition(b"\r\n\r\n")[0] + b"\r\n\r\n", ok(b"next"))
    with Connection(gateway.port) as client:
        response = client.request("HEAD")
        assert response.status == 200
        if framing == "length":
            assert response.header("content-length") == "5000"
        assert client.request().body == b"next"


BODILESS = {
    "204": b"HTTP/1.1 204 No Content\r\nX-A: 1\r\n\r\n",
    "304": b'HTTP/1.1 304 Not Modified\r\nETag: "x"\r\n\r\n',
    "304-with-length": b"HTTP/1.1 304 Not Modified\r\nContent-Length: 500\r\n\r\n",
    "304-with-chunked": b"HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n",
    "200-empty": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    "205": b"HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n",
}


@pytest.mark.parametrize("name", BODILESS)
def test_response_without_a_body(name: str, gateway: Gateway, service: RecordingUpstream) -> None:
    """RFC 9112 section 6.3: the next response begins right behind the head."""
    service.answer(BODILESS[name], ok(b"next"))
    with Connection(gateway.port) as client:
        response = client.request()
        assert response.status == int(name[:3])
        assert response.body == b""
        if response.status == 204:
            assert response.header("content-length") is None
        assert client.request().body == b"next"
    assert len(service.connections) == 1, "the upstream connection was clean and is used again"
