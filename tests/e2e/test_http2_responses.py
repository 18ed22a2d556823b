"""Responses of HTTP/2 that are none: 502 with the reason in the log, or a visible cut; never repaired."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.e2e.known import cases
from tests.harness import Connection, Gateway, eventually
from tests.harness.http2 import Http2Client, Http2Upstream, ServerStream, reply

Head = list[tuple[str, str]]
NOT_READ = pytest.mark.xfail(
    strict=True, reason="with content-length 0 nothing of the stream is read any more"
)
RESPONSES: dict[str, Head] = {
    "no-status": [("x-a", "1")],
    "status-of-two-digits": [(":status", "20")],
    "status-of-letters": [(":status", "abc")],
    "status-too-large": [(":status", "600")],
    "status-twice": [(":status", "200"), (":status", "404")],
    "switching-protocols": [(":status", "101")],
    "pseudo-field": [(":status", "200"), (":path", "/x")],
    "upper-case": [(":status", "200"), ("X-Upper", "1")],
    "value-with-crlf": [(":status", "200"), ("x-a", "1\r\nset-cookie: evil=1")],
    "value-with-nul": [(":status", "200"), ("x-a", "1\0")],
    "name-with-crlf": [(":status", "200"), ("x\r\nevil", "1")],
    "connection": [(":status", "200"), ("connection", "close")],
    "transfer-encoding": [(":status", "200"), ("transfer-encoding", "chunked")],
    "length-twice": [(":status", "200"), ("content-length", "0"), ("content-length", "5")],
    "length-signed": [(":status", "200"), ("content-length", "+5")],
    "length-of-letters": [(":status", "200"), ("content-length", "five")],
    "length-without-body": [(":status", "200"), ("content-length", "5")],
    "101-fields": [(":status", "200"), *[(f"x-{n}", "1") for n in range(101)]],
    "long-list": [(":status", "200"), *[(f"x-{n}", "y" * 1000) for n in range(40)]],
}


@pytest.fixture(scope="module")
def h2c() -> Iterator[Http2Upstream]:
    with Http2Upstream() as upstream:
        yield upstream


@pytest.fixture(scope="module")
def towards_h2c(module_gateway: Callable[..., Gateway], h2c: Http2Upstream) -> Gateway:
    service = {"url": h2c.url, "protocol": "h2c", "retries": {"attempts": 0}}
    return module_gateway(
        {
            "services": {"up": service},
            "routes": {"all": {"match": {"path": "/**"}, "service": "up"}},
        }
    )


KNOWN_RESPONSES = {
    "pseudo-field": "the HTTP/2 library ignores pseudo fields of requests in a response"
}


@pytest.mark.parametrize("name", cases(RESPONSES, KNOWN_RESPONSES))
def test_refused_response(name: str, towards_h2c: Gateway, h2c: Http2Upstream) -> None:
    h2c.answer(lambda stream: stream.peer.send_head(stream.id, RESPONSES[name], end=True))
    with Http2Client(towards_h2c.port) as client:
        response = client.request(headers=[("x-request-id", f"refused-{name}")])
        h2c.answer()
        assert response.status == 502
        assert response.header("set-cookie") is None
        assert client.request().status == 200

    def find() -> list[Any]:
        return [r for r in towards_h2c.log_lines(1) if r["request_id"] == f"refused-{name}"]

    (record,) = eventually(find, what="its record")
    assert record["fault"] not in (None, "upstream_reset"), "the log names what is wrong"


@pytest.mark.parametrize(("length", "sent"), [(10, 5), (5, 10), pytest.param(0, 5, marks=NOT_READ)])
def test_response_whose_length_lies(
    towards_h2c: Gateway, h2c: Http2Upstream, length: int, sent: int
) -> None:
    def lie(stream: ServerStream) -> None:
        stream.head(200, [("content-length", str(length))])
        stream.settle()
        stream.data(bytes(sent), end=True)

    h2c.answer(lie)
    with Http2Client(towards_h2c.port) as client:
        response = client.request()
        assert response.status == 502 or not response.complete
        assert len(response.body) <= length
        h2c.answer()
        assert client.request().status == 200
    h2c.answer(lie)
    with Connection(towards_h2c.port) as plain, contextlib.suppress(ConnectionError):
        answer = plain.request()
        assert answer.status == 502 or not answer.complete
    h2c.answer()


def test_response_trailers_that_are_too_long(towards_h2c: Gateway, h2c: Http2Upstream) -> None:
    """A response that has lost its trailers must not look whole: they may say how it went."""
    h2c.answer(reply(trailers=[("x", "y" * 40_000), ("grpc-status", "13")], length=False))
    with Http2Client(towards_h2c.port) as client:
        response = client.request()
        h2c.answer()
    assert not response.complete or dict(response.trailers).get("grpc-status") == "13"
