"""Malformed requests: the stated status, the connection closed, nothing upstream, others unaffected."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest

from tests.e2e.cases import malformed
from tests.e2e.cases.model import Case, chunked, params, post
from tests.e2e.wire import (
    CUT,
    assert_refused,
    bystander,
    config,
    exchange,
    hostile_requests,
    send_all,
)
from tests.harness import Connection, Gateway, RecordingUpstream, eventually

_numbers = itertools.count()


@pytest.fixture(scope="module")
def gateway(module_gateway: Callable[..., Gateway], shared_upstream: RecordingUpstream) -> Gateway:
    return module_gateway(config(shared_upstream))


def with_own_target(data: bytes) -> tuple[bytes, str]:
    """The request with a target that no other test uses, and that target."""
    target = f"{CUT}{next(_numbers)}"
    return data.replace(b"/echo", target.encode(), 1), target


@pytest.mark.parametrize("case", params(malformed.REQUEST_LINE))
def test_request_line(case: Case, gateway: Gateway, shared_upstream: RecordingUpstream) -> None:
    assert_refused(gateway, shared_upstream, case.data, case.status)


@pytest.mark.parametrize("case", params(malformed.HOST))
def test_host(case: Case, gateway: Gateway, shared_upstream: RecordingUpstream) -> None:
    assert_refused(gateway, shared_upstream, case.data, case.status)


@pytest.mark.parametrize("case", params(malformed.FIELDS))
def test_fields(case: Case, gateway: Gateway, shared_upstream: RecordingUpstream) -> None:
    assert_refused(gateway, shared_upstream, case.data, case.status)


@pytest.mark.parametrize("case", params(malformed.CONTENT_LENGTH))
def test_content_length(case: Case, gateway: Gateway, shared_upstream: RecordingUpstream) -> None:
    assert_refused(gateway, shared_upstream, case.data, case.status)


@pytest.mark.parametrize("case", params(malformed.CHUNKS))
def test_chunks_in_one_write(
    case: Case, gateway: Gateway, shared_upstream: RecordingUpstream
) -> None:
    """Whatever of it was sent on, the upstream never sees the end of the request."""
    data, target = with_own_target(case.data)
    with bystander(gateway, shared_upstream):
        response, closed = exchange(gateway, data)
    assert response.status in case.status
    assert closed
    arrived = [request for request in shared_upstream.requests if request.target == target]
    assert not any(request.complete for request in arrived)
    assert len(arrived) <= 1


@pytest.mark.parametrize("case", params(malformed.CHUNKS))
def test_chunk_fault_while_the_body_streams(
    case: Case, gateway: Gateway, shared_upstream: RecordingUpstream
) -> None:
    """The upstream has part of the body already: it is cut off there, visibly."""
    data, target = with_own_target(case.data)
    head, _, faulty = data.partition(b"\r\n\r\n")
    with bystander(gateway, shared_upstream), Connection(gateway.port) as client:
        client.send(head + b"\r\n\r\n4\r\nhead\r\n")
        arrived = eventually(
            lambda: [r for r in shared_upstream.requests if r.target == target], what="the head"
        )[0]
        connection = shared_upstream.connection_of(arrived)
        eventually(lambda: b"head\r\n" in connection.data, what="the first chunk upstream")
        send_all(client, faulty)
        assert client.response().status in case.status
        assert client.is_closed()
    eventually(lambda: connection.ended != "open", what="the upstream connection cut")
    assert not arrived.complete
    assert not connection.data.endswith(b"0\r\n\r\n")


@pytest.mark.parametrize("size", [1, 3, 7])
def test_refused_alike_when_the_bytes_arrive_in_pieces(
    size: int, gateway: Gateway, shared_upstream: RecordingUpstream
) -> None:
    for case in malformed.FIELDS[:12]:
        shared_upstream.clear()
        with Connection(gateway.port) as client:
            pieces = [case.data[at : at + size] for at in range(0, len(case.data), size)]
            send_all(client, pieces)
            assert client.response().status in case.status, case.id
            assert client.is_closed()
        assert hostile_requests(shared_upstream) == []


@pytest.mark.parametrize("lines", [1, 2, 4])
def test_empty_lines_before_a_request_are_skipped(
    lines: int, gateway: Gateway, shared_upstream: RecordingUpstream
) -> None:
    """RFC 9112 section 2.2: at least one empty line before the request line is ignored."""
    shared_upstream.clear()
    with Connection(gateway.port) as client:
        client.send(b"\r\n" * lines + b"GET /echo HTTP/1.1\r\nHost: a.test\r\n\r\n")
        assert client.response().status == 200
    (arrived,) = hostile_requests(shared_upstream)
    assert arrived.head.startswith(b"GET /echo HTTP/1.1\r\n")


def test_half_a_request_and_a_closed_client_leave_nothing_upstream(
    gateway: Gateway, shared_upstream: RecordingUpstream
) -> None:
    with bystander(gateway, shared_upstream):
        for data in (b"G", b"GET /echo HTTP/1.1\r\n", b"GET /echo HTTP/1.1\r\nHost: a.test\r\n"):
            with Connection(gateway.port) as client:
                client.send(data)
    assert hostile_requests(shared_upstream) == []


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(chunked(b"4\r\nhead\r\n"), id="chunked"),
        pytest.param(post("Content-Length: 9", body=b"head"), id="length"),
    ],
)
def test_a_client_that_vanishes_inside_a_body_cuts_the_upstream_request(
    data: bytes, gateway: Gateway, shared_upstream: RecordingUpstream
) -> None:
    with bystander(gateway, shared_upstream):
        with Connection(gateway.port) as client:
            client.send(data)
            eventually(lambda: b"head" in shared_upstream.data, what="part of the body")
        (arrived,) = hostile_requests(shared_upstream)
        connection = shared_upstream.connection_of(arrived)
        eventually(lambda: connection.ended != "open", what="the upstream connection cut")
        assert not arrived.complete
