"""Retries: invisible where they are safe, never made where they are not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.e2e.faults import CLEAN, assert_bad_gateway, start_faulty
from tests.harness import Connection, Gateway, RecordedRequest, RecordingUpstream, Reset, eventually


@pytest.fixture(scope="module")
def gateway(module_gateway: Callable[..., Gateway], shared_upstream: RecordingUpstream) -> Gateway:
    return start_faulty(module_gateway, shared_upstream)


def test_connection_closed_while_idle_costs_no_request(
    gateway: Gateway, fresh_upstream: RecordingUpstream
) -> None:
    """Also for POST: the dead connection is seen before anything is sent."""
    with Connection(gateway.port) as client:
        for number in range(30):
            method, body = ("POST", b"data") if number % 2 else ("GET", b"")
            assert client.request(method, "/up/x", body=body).status == 200
            fresh_upstream.close_idle()
            eventually(lambda: all(c.ended != "open" for c in fresh_upstream.connections))
    assert len(fresh_upstream.requests) == 30, "none was sent twice"


def _answers_once_then_dies() -> Callable[[RecordedRequest], Any]:
    seen: set[int] = set()

    def answer(request: RecordedRequest) -> Any:
        """The first request of a connection is answered, the second one kills it."""
        if request.connection in seen:
            return Reset()
        seen.add(request.connection)
        return CLEAN

    return answer


def test_idempotent_request_is_retried_on_a_fresh_connection(
    gateway: Gateway, fresh_upstream: RecordingUpstream
) -> None:
    fresh_upstream.answer(_answers_once_then_dies())
    with Connection(gateway.port) as client:
        assert [client.request("GET", "/up/x").status for _ in range(10)] == [200] * 10


@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_request_that_is_not_idempotent_is_sent_once(
    method: str, gateway: Gateway, fresh_upstream: RecordingUpstream
) -> None:
    """RFC 9110 section 9.2.2: after the bytes were sent nobody knows whether it was done."""
    fresh_upstream.answer(Reset(), CLEAN)
    response = gateway.get("/up/x", method=method, body=b"pay")
    assert_bad_gateway(response)
    assert [r.method for r in fresh_upstream.requests] == [method]


def test_retries_end(gateway: Gateway, fresh_upstream: RecordingUpstream) -> None:
    fresh_upstream.answer(Reset())
    assert_bad_gateway(gateway.get("/up/x"))
    assert 1 <= len(fresh_upstream.requests) <= 3


def test_retry_of_a_request_whose_body_was_sent_is_whole_or_not_made(
    gateway: Gateway, fresh_upstream: RecordingUpstream
) -> None:
    fresh_upstream.answer(Reset(), CLEAN)
    response = gateway.get("/up/x", method="PUT", body=b"x" * 300_000)
    assert response.status in (200, 502)
    if response.status == 200:
        assert fresh_upstream.last.body == b"x" * 300_000
