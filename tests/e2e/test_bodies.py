"""Bodies and their framing, both ways: the same bytes come out, delimited so that the reader can trust it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import pytest

from tests.harness import (
    Connection,
    Gateway,
    RecordedRequest,
    RecordingUpstream,
    Response,
    Truncate,
    eventually,
    ok,
)

SIZES = [0, 1, 2, 16_383, 16_384, 16_385, 65_535, 65_536, 65_537, 1_048_576, 5_000_001]
CHUNK = 40_000


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


def body_of(size: int) -> bytes:
    """Bytes without a pattern, the same on every run."""
    return random.Random(size).randbytes(size)


def as_chunks(body: bytes, size: int = CHUNK) -> bytes:
    """The chunked coding of a body."""
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def post(body: bytes, chunked: bool, path: str = "/x") -> bytes:
    """A POST of `body` in one of the two framings."""
    framing = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(body)}"
    head = f"POST {path} HTTP/1.1\r\nHost: a.test\r\n{framing}\r\n\r\n".encode()
    return head + (as_chunks(body) if chunked else body)


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


def _length(body: bytes) -> bytes:
    return ok(body)


def _chunked(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + as_chunks(body)


def _until_close(body: bytes) -> Truncate:
    return Truncate(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n" + body)


def _until_close_1_0(body: bytes) -> Truncate:
    return Truncate(b"HTTP/1.0 200 OK\r\n\r\n" + body)


FRAMINGS: dict[str, Callable[[bytes], bytes | Truncate]] = {
    "length": _length,
    "chunked": _chunked,
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


@pytest.mark.parametrize(("name", "value", "passes"), TRAILERS, ids=[t[0] for t in TRAILERS])
def test_response_trailer(
    name: str, value: str, passes: bool, gateway: Gateway, service: RecordingUpstream
) -> None:
    if name in ("Host", "Authorization", "Cookie", "Via", "X-Forwarded-For", "X-Real-IP"):
        pytest.skip("a request field; in a response it means nothing")
    answer = _chunked(b"hello")[:-2] + f"{name}: {value}\r\n\r\n".encode()
    service.answer(answer, ok(b"next"))
    with Connection(gateway.port) as client:
        response = client.request(headers=[("TE", "trailers"), ("Connection", "TE")])
        assert response.body == b"hello"
        names = [trailer.lower() for trailer, _ in response.trailers]
        assert (name.lower() in names) is passes
        assert client.request().body == b"next"


def test_expect_continue_is_answered_before_the_body(
    gateway: Gateway, service: RecordingUpstream
) -> None:
    head = b"POST / HTTP/1.1\r\nHost: a.test\r\nExpect: 100-Continue\r\nContent-Length: 5\r\n\r\n"
    with Connection(gateway.port) as client:
        client.send(head)
        assert client.response(interim=True).status == 100
        client.send(b"hello")
        assert client.response(interim=True).status == 200
        assert client.request().status == 200
    assert service.requests[0].body == b"hello"


@pytest.mark.parametrize(
    ("start", "why"),
    [
        ("POST / HTTP/1.0\r\nContent-Length: 5", "no interim answers in HTTP/1.0"),
        ("POST / HTTP/1.1\r\nContent-Length: 5", "the body was there already"),
    ],
    ids=["http-1.0", "body-sent-along"],
)
def test_expect_continue_without_need(
    start: str, why: str, gateway: Gateway, service: RecordingUpstream
) -> None:
    with Connection(gateway.port) as client:
        client.send(f"{start}\r\nHost: a.test\r\nExpect: 100-continue\r\n\r\nhello".encode())
        answers = [client.response(interim=True)]
        if answers[0].status == 100 and "1.1" in start:
            answers.append(client.response(interim=True))
        assert answers[-1].status == 200, why
    assert service.last.body == b"hello"


def _interim(count: int) -> bytes:
    return b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n" * count


@pytest.mark.parametrize("count", [1, 3, 16])
def test_interim_answers_pass(count: int, gateway: Gateway, service: RecordingUpstream) -> None:
    service.answer(_interim(count) + ok(b"final"))
    with Connection(gateway.port) as client:
        client.send(b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
        seen: list[Response] = []
        while not seen or seen[-1].status < 200:
            seen.append(client.response(interim=True))
    assert [response.status for response in seen] == [103] * count + [200]
    assert seen[0].header("link") == "</a.css>; rel=preload"
    assert seen[-1].body == b"final"


def test_interim_answers_do_not_reach_an_http_1_0_client(
    gateway: Gateway, service: RecordingUpstream
) -> None:
    service.answer(_interim(2) + ok(b"final"))
    with Connection(gateway.port) as client:
        client.send(b"GET / HTTP/1.0\r\n\r\n")
        response = client.response(interim=True)
    assert (response.status, response.body) == (200, b"final")


def test_stray_continue_from_the_upstream_is_harmless(
    gateway: Gateway, service: RecordingUpstream
) -> None:
    service.answer(b"HTTP/1.1 100 Continue\r\n\r\n" + ok(b"final"), ok(b"next"))
    with Connection(gateway.port) as client:
        assert client.request("POST", body=b"x").body == b"final"
        assert client.request().body == b"next"


def test_pipelined_requests_are_answered_in_order(
    gateway: Gateway, service: RecordingUpstream
) -> None:
    service.answer(lambda request: ok(request.target.encode() + b" " + request.body))
    with Connection(gateway.port) as client:
        pieces = [post(b"body %d" % n, bool(n % 2), f"/{n}") for n in range(20)]
        client.send(b"".join(pieces))
        answers = [client.response().body for _ in range(20)]
    assert answers == [b"/%d body %d" % (n, n) for n in range(20)]
    assert [request.target for request in service.requests] == [f"/{n}" for n in range(20)]


def test_pipelined_requests_behind_connection_close_are_not_answered(
    gateway: Gateway, service: RecordingUpstream
) -> None:
    with Connection(gateway.port) as client:
        client.send(
            b"GET /first HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n"
            b"GET /second HTTP/1.1\r\nHost: a.test\r\n\r\n"
        )
        response = client.response()
        assert response.header("connection") == "close"
        assert client.read_until_close() == b""
    assert [request.target for request in service.requests] == ["/first"]


def test_connections_are_kept_on_both_sides(gateway: Gateway, service: RecordingUpstream) -> None:
    before = len(service.connections)
    with Connection(gateway.port) as client:
        for _ in range(50):
            assert client.request().header("connection") != "close"
    assert len(service.connections) <= before + 1
    assert len(service.requests) == 50


def test_upstream_that_says_close_is_not_used_again(
    gateway: Gateway, service: RecordingUpstream
) -> None:
    service.answer(ok(b"one", [("Connection", "close")]), ok(b"two"))
    with Connection(gateway.port) as client:
        first = client.request()
        assert first.body == b"one"
        assert first.header("connection") != "close", "that was between gateway and upstream"
        assert client.request().body == b"two"
    one, two = service.requests
    assert one.connection != two.connection


def test_http_1_0_upstream_is_not_used_again_without_keep_alive(
    gateway: Gateway, service: RecordingUpstream
) -> None:
    service.answer(b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\none", ok(b"two"))
    with Connection(gateway.port) as client:
        assert [client.request().body for _ in range(2)] == [b"one", b"two"]
    one, two = service.requests
    assert one.connection != two.connection


def test_content_of_the_request_line_upstream(gateway: Gateway, service: RecordingUpstream) -> None:
    """An HTTP/1.0 request is forwarded as HTTP/1.1, this gateway's own version (RFC 9110 §2.5)."""
    with Connection(gateway.port) as client:
        client.send(b"GET /old HTTP/1.0\r\n\r\n")
        assert client.response().status == 200

    def arrived() -> RecordedRequest | None:
        return service.requests[0] if service.requests else None

    assert eventually(arrived).head.startswith(b"GET /old HTTP/1.1\r\n")  # type: ignore[union-attr]
