"""The smuggling corpus: two readers never disagree, because what is ambiguous never reaches the second."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.e2e.cases import smuggling
from tests.e2e.cases.model import Case, chunked, params
from tests.e2e.wire import BYSTANDER, assert_refused, hostile_requests, send_all
from tests.harness import Connection, Gateway, RecordingUpstream

NEXT = b"GET /next HTTP/1.1\r\nHost: a.test\r\n\r\n"


@pytest.fixture(scope="module")
def gateway(module_gateway: Callable[..., Gateway], shared_upstream: RecordingUpstream) -> Gateway:
    return module_gateway(
        {
            "services": {"up": {"url": shared_upstream.url}},
            "routes": {
                "all": {
                    "match": [{"path": p} for p in ("/echo", "/next", BYSTANDER)],
                    "service": "up",
                },
                "none": {"match": {"path": "/none/**", "methods": ["PUT"]}, "service": "up"},
                "moved": {"match": {"path": "/moved"}, "redirect": {"to": "https://b.test/"}},
                "fixed": {"match": {"path": "/fixed"}, "respond": {"status": 403, "body": "no"}},
                "small": {"match": {"path": "/small"}, "service": "up", "max_body": "8KiB"},
                "filtered": {
                    "match": {"path": "/filtered"},
                    "service": "up",
                    "policies": {"ip_filter": {"deny": ["127.0.0.0/8"]}},
                },
            },
        }
    )


@pytest.mark.parametrize("case", params(smuggling.REFUSED))
def test_ambiguous_framing_is_refused(
    case: Case, gateway: Gateway, shared_upstream: RecordingUpstream
) -> None:
    assert_refused(gateway, shared_upstream, case.data, case.status)
    assert b"smuggled" not in shared_upstream.data


@pytest.mark.parametrize("case", params(smuggling.HARMLESS))
def test_unusual_but_clear_framing_is_forwarded_plainly(
    case: Case, gateway: Gateway, shared_upstream: RecordingUpstream
) -> None:
    """One request arrives with exactly the meant body, and the next one begins right behind it."""
    shared_upstream.clear()
    with Connection(gateway.port) as client:
        client.send(case.data + NEXT)
        assert client.response().status == 200
        assert client.response().status == 200
    first, second = shared_upstream.requests
    assert first.body == case.extra["body"]
    assert first.complete
    assert second.target == "/next"
    lengths, codings = first.all("content-length"), first.all("transfer-encoding")
    assert (lengths, codings) in (([str(len(first.body))], []), ([], ["chunked"]))


def test_chunk_extensions_are_not_sent_on(
    gateway: Gateway, shared_upstream: RecordingUpstream
) -> None:
    shared_upstream.clear()
    data = chunked(b"5;secret=1\r\nhello\r\n0;secret=2\r\n\r\n")
    with Connection(gateway.port) as client:
        client.send(data)
        assert client.response().status == 200
    assert shared_upstream.last.body == b"hello"
    assert b"secret" not in shared_upstream.data


EARLY = {
    "no-method": ("/none/x", 405),
    "redirect": ("/moved", 308),
    "respond": ("/fixed", 403),
    "policy": ("/filtered", 403),
}


def _length(body: bytes, path: str) -> bytes:
    return (
        f"POST {path} HTTP/1.1\r\nHost: a.test\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        + body
    )


def _coded(body: bytes, path: str) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    return head + b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)


@pytest.mark.parametrize("framing", [_length, _coded])
@pytest.mark.parametrize("padding", [0, 200_000, 8_000_000], ids=["small", "medium", "large"])
@pytest.mark.parametrize("early", EARLY)
def test_the_rest_of_a_body_is_never_the_next_request(
    early: str,
    padding: int,
    framing: Callable[[bytes, str], bytes],
    gateway: Gateway,
    shared_upstream: RecordingUpstream,
) -> None:
    """An answer before the body was read: the body is drained or the connection closed."""
    path, status = EARLY[early]
    shared_upstream.clear()
    body = smuggling.PREFIX * 3 + b"x" * padding
    with Connection(gateway.port) as client:
        send_all(client, framing(body, path) + NEXT)
        assert client.response().status in (status, 413 if padding > 1024 * 1024 else status)
        rest = client.read_until_close() if not _answers_next(client) else b""
    assert rest == b""
    assert b"smuggled" not in shared_upstream.data
    assert all(request.target == "/next" for request in hostile_requests(shared_upstream))


def _answers_next(client: Connection) -> bool:
    """Whether the connection went on, with the answer to the request that really was the next."""
    try:
        return client.response().status == 200
    except ConnectionError:
        return False


def test_body_over_the_limit_with_a_length_is_refused_before_the_upstream_hears_of_it(
    gateway: Gateway, shared_upstream: RecordingUpstream
) -> None:
    shared_upstream.clear()
    with Connection(gateway.port) as client:
        send_all(client, _length(b"x" * 8193, "/small") + NEXT)
        assert client.response().status == 413
        _answers_next(client)
    assert all(request.target == "/next" for request in hostile_requests(shared_upstream))


def test_chunked_body_over_the_limit_is_cut_never_completed(
    gateway: Gateway, shared_upstream: RecordingUpstream
) -> None:
    shared_upstream.clear()
    with Connection(gateway.port) as client:
        chunks = b"400\r\n" + b"x" * 1024 + b"\r\n"
        head = b"POST /small HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n"
        send_all(client, head + chunks * 9 + b"0\r\n\r\n" + NEXT)
        assert client.response().status == 413
        _answers_next(client)
    for request in hostile_requests(shared_upstream):
        assert request.target == "/next" or not request.complete


def test_expectation_refused_early_does_not_leave_a_body_to_be_parsed(
    gateway: Gateway, shared_upstream: RecordingUpstream
) -> None:
    """The client was told the final status instead of 100; what it sends now is body or a closed door."""
    shared_upstream.clear()
    body = smuggling.PREFIX
    head = (
        b"POST /fixed HTTP/1.1\r\nHost: a.test\r\nExpect: 100-continue\r\n"
        b"Content-Length: %d\r\n\r\n" % len(body)
    )
    with Connection(gateway.port) as client:
        client.send(head)
        assert client.response(interim=True).status == 403
        send_all(client, body + NEXT)
        _answers_next(client)
    assert b"smuggled" not in shared_upstream.data
