"""Malformed, lying and dying upstreams: the stated status, visible truncation, no poisoned pool."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.e2e.cases.model import Case, params
from tests.e2e.cases.upstream_heads import BROKEN_CHUNKS, MALFORMED
from tests.e2e.faults import CLEAN, POISON, assert_bad_gateway, assert_cut, start_faulty
from tests.harness import Connection, Gateway, RecordingUpstream, Reset, Stall, Truncate, ok


@pytest.fixture(scope="module")
def gateway(module_gateway: Callable[..., Gateway], shared_upstream: RecordingUpstream) -> Gateway:
    return start_faulty(module_gateway, shared_upstream)


def assert_not_poisoned(gateway: Gateway, fresh_upstream: RecordingUpstream) -> None:
    """The following exchanges are clean and none uses the connection that went wrong."""
    bad = fresh_upstream.requests[0].connection
    fresh_upstream.answer(CLEAN)
    for _ in range(3):
        assert gateway.get("/up/after").body == b"clean"
    assert all(r.connection != bad for r in fresh_upstream.requests if r.target == "/up/after")


@pytest.mark.parametrize("case", params(MALFORMED))
def test_malformed_head(case: Case, gateway: Gateway, fresh_upstream: RecordingUpstream) -> None:
    fresh_upstream.answer(case.data, POISON)
    with Connection(gateway.port) as client:
        assert_bad_gateway(client.request("POST", "/once/x", body=b"data"))
        assert client.request("GET", "/up/after").status == 200, "the client is not to blame"
    fresh_upstream.answer(CLEAN)
    bad = fresh_upstream.requests[0].connection
    assert all(r.connection != bad for r in fresh_upstream.requests[1:])


def test_space_before_the_colon_is_stripped_in_a_response(
    gateway: Gateway, fresh_upstream: RecordingUpstream
) -> None:
    """RFC 9112 section 5.1, the one thing that is repaired."""
    fresh_upstream.answer(b"HTTP/1.1 200 OK\r\nContent-Length : 2\r\nX-A\t: 1\r\n\r\nok")
    response = gateway.get("/up/x")
    assert (response.status, response.body, response.header("x-a")) == (200, b"ok", "1")


def test_lf_line_ends_by_option(gateway: Gateway, fresh_upstream: RecordingUpstream) -> None:
    fresh_upstream.answer(b"HTTP/1.1 200 OK\nContent-Length: 2\nX-A: 1\n\nok")
    response = gateway.get("/lenient/x")
    assert (response.status, response.body, response.header("x-a")) == (200, b"ok", "1")
    assert b"\n" not in response.head.replace(b"\r\n", b""), "but never sent on"


@pytest.mark.parametrize("line", [b"HTTP/1.1 200", b"HTTP/1.1 200 ", b"HTTP/1.1 299 Odd \xe4"])
def test_unusual_status_lines_are_fine(
    line: bytes, gateway: Gateway, fresh_upstream: RecordingUpstream
) -> None:
    fresh_upstream.answer(line + b"\r\nContent-Length: 2\r\n\r\nok")
    response = gateway.get("/up/x")
    assert response.status == int(line[9:12])
    assert response.body == b"ok"


def test_connection_refused(gateway: Gateway) -> None:
    assert_bad_gateway(gateway.get("/dead/x"))
    assert_bad_gateway(gateway.get("/dead/x", method="POST", body=b"data"))


def test_refused_target_is_passed_over(gateway: Gateway, fresh_upstream: RecordingUpstream) -> None:
    """Nothing was sent, so another target is tried, whatever the method."""
    for method in ("GET", "POST"):
        assert [gateway.get("/half-dead/x", method=method).status for _ in range(4)] == [200] * 4


DYING: dict[str, Any] = {
    "closed-before-head": Truncate(),
    "closed-in-status-line": Truncate(b"HTTP/1.1 20"),
    "closed-in-fields": Truncate(b"HTTP/1.1 200 OK\r\nContent-Le"),
    "closed-after-interim": Truncate(b"HTTP/1.1 100 Continue\r\n\r\n"),
    "reset-before-head": Reset(),
    "reset-in-head": Reset(b"HTTP/1.1 200 OK\r\n"),
}


@pytest.mark.parametrize("name", DYING)
def test_dies_before_the_head_was_whole(
    name: str, gateway: Gateway, fresh_upstream: RecordingUpstream
) -> None:
    fresh_upstream.answer(DYING[name], CLEAN)
    with Connection(gateway.port) as client:
        assert_bad_gateway(client.request("POST", "/once/x", body=b"data"))
        assert client.request("GET", "/once/x").body == b"clean"


CUT: dict[str, Any] = {
    "length-short-close": Truncate(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello"),
    "length-short-reset": [
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello",
        Stall(0.2),
        Reset(),
    ],
    "length-large-short": Truncate(
        b"HTTP/1.1 200 OK\r\nContent-Length: 900000\r\n\r\n" + b"x" * 800_000
    ),
    "chunked-reset": [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        Stall(0.2),
        Reset(),
    ],
    "until-close-reset": [b"HTTP/1.1 200 OK\r\n\r\nhello", Stall(0.2), Reset()],
    **{
        f"chunks-{name}": Truncate(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + data)
        for name, data in BROKEN_CHUNKS.items()
    },
}


@pytest.mark.parametrize("name", [name for name in CUT if name != "until-close-reset"])
def test_truncated_body_is_visible(
    name: str, gateway: Gateway, fresh_upstream: RecordingUpstream
) -> None:
    fresh_upstream.answer(CUT[name])
    assert_cut(gateway, "/up/x")
    assert_not_poisoned(gateway, fresh_upstream)


def test_truncated_body_without_framing_is_visible_as_a_reset(
    gateway: Gateway, fresh_upstream: RecordingUpstream
) -> None:
    """The gateway sends it chunked (then it is unfinished) or resets: never a clean end."""
    fresh_upstream.answer(CUT["until-close-reset"])
    with Connection(gateway.port) as client:
        client.send(b"GET /up/x HTTP/1.1\r\nHost: a.test\r\n\r\n")
        head = client.read_head()
        assert head is not None
        if b"chunked" in head.lower():
            assert not client.read_until_close().endswith(b"0\r\n\r\n")
            return
        with pytest.raises(ConnectionResetError):
            _drain(client)


def _drain(client: Connection) -> None:
    while client.sock.recv(65536):
        pass


EXTRA = {
    "after-length": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello" + POISON,
    "after-chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
    + POISON,
    "after-204": b"HTTP/1.1 204 No Content\r\n\r\n" + POISON,
    "after-204-with-length": b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello" + POISON,
    "after-304-with-body": b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\nhello" + POISON,
    "after-zero-length": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" + POISON,
    "garbage": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello\0",
}


@pytest.mark.parametrize("delay", [0.0, 0.2], ids=["at-once", "later"])
@pytest.mark.parametrize("name", EXTRA)
def test_bytes_behind_a_response_never_answer_the_next_request(
    name: str, delay: float, gateway: Gateway, fresh_upstream: RecordingUpstream
) -> None:
    data = EXTRA[name]
    cut = len(data) - len(POISON) if data.endswith(POISON) else len(data) - 1
    fresh_upstream.answer([data[:cut], Stall(delay), data[cut:]] if delay else data, CLEAN)
    assert gateway.get("/up/x").status in (200, 204, 304, 502)
    if delay:
        time.sleep(delay * 2)
    assert_not_poisoned(gateway, fresh_upstream)


@pytest.mark.parametrize("body", [b"", POISON], ids=["none", "with-body"])
def test_body_behind_a_head_response_never_answers_the_next_request(
    body: bytes, gateway: Gateway, fresh_upstream: RecordingUpstream
) -> None:
    fresh_upstream.answer(b"HTTP/1.1 200 OK\r\nContent-Length: 44\r\n\r\n" + body, CLEAN)
    with Connection(gateway.port) as client:
        assert client.request("HEAD", "/up/x").status == 200
        assert client.request("GET", "/up/x").body == b"clean"


def test_fields_of_a_response_cannot_be_split(
    gateway: Gateway, fresh_upstream: RecordingUpstream
) -> None:
    fresh_upstream.answer(ok(b"x", [("X-A", "1\r\nSet-Cookie: evil=1")]))
    response = gateway.get("/up/x")
    assert response.all("set-cookie") == ["evil=1"], "the upstream's own lines are its own affair"
    fresh_upstream.answer(ok(b"x", [("X-A", "1\nSet-Cookie: evil=1")]))
    assert gateway.get("/up/x").status == 502
