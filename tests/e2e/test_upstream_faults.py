"""Malformed, lying, slow and dying upstreams: the stated status, visible truncation, no poisoned pool."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.e2e.cases.model import Case, params
from tests.e2e.cases.upstream_heads import BROKEN_CHUNKS, MALFORMED
from tests.e2e.wire import assert_problem
from tests.harness import (
    Connection,
    Gateway,
    RecordedRequest,
    RecordingUpstream,
    Reset,
    Response,
    Stall,
    Truncate,
    eventually,
    free_port,
    ok,
)

CLEAN = ok(b"clean")
POISON = ok(b"poison")


@pytest.fixture(scope="module")
def gateway(module_gateway: Callable[..., Gateway], shared_upstream: RecordingUpstream) -> Gateway:
    up = shared_upstream.url
    dead = f"http://127.0.0.1:{free_port()}"
    quick = {"connect": "500ms", "first_byte": "400ms", "idle": "400ms"}
    return module_gateway(
        {
            "services": {
                "up": {"url": up, "timeouts": {"connect": "1s", "first_byte": "10s"}},
                "once": {"url": up, "retries": {"attempts": 0}},
                "quick": {"url": up, "timeouts": quick, "retries": {"attempts": 0}},
                "total": {"url": up, "timeouts": {"total": "600ms"}, "retries": {"attempts": 0}},
                "dead": {"url": dead},
                "half-dead": {"targets": [dead, up]},
                "lenient": {"url": up, "lf_line_ends": True},
            },
            "routes": {
                name: {"match": {"path": f"/{name}/**"}, "service": name, "max_body": "off"}
                for name in ("up", "once", "quick", "total", "dead", "half-dead", "lenient")
            },
        }
    )


@pytest.fixture
def service(shared_upstream: RecordingUpstream) -> Iterator[RecordingUpstream]:
    """The module's upstream with nothing recorded and no connection open from before."""
    shared_upstream.close_idle()
    eventually(lambda: all(c.ended != "open" for c in shared_upstream.connections))
    shared_upstream.clear()
    yield shared_upstream
    shared_upstream.answer(ok())


def assert_bad_gateway(response: Response, status: int = 502) -> None:
    """The gateway's own answer with the reason for machines (RFC 9209) and no internal address."""
    assert_problem(response, status)
    reason = response.header("proxy-status") or ""
    assert "error=" in reason
    assert "127.0.0.1" not in reason


def assert_not_poisoned(gateway: Gateway, service: RecordingUpstream) -> None:
    """The following exchanges are clean and none uses the connection that went wrong."""
    bad = service.requests[0].connection
    service.answer(CLEAN)
    for _ in range(3):
        assert gateway.get("/up/after").body == b"clean"
    assert all(r.connection != bad for r in service.requests if r.target == "/up/after")


@pytest.mark.parametrize("case", params(MALFORMED))
def test_malformed_head(case: Case, gateway: Gateway, service: RecordingUpstream) -> None:
    service.answer(case.data, POISON)
    with Connection(gateway.port) as client:
        assert_bad_gateway(client.request("POST", "/once/x", body=b"data"))
        assert client.request("GET", "/up/after").status == 200, "the client is not to blame"
    service.answer(CLEAN)
    bad = service.requests[0].connection
    assert all(r.connection != bad for r in service.requests[1:])


def test_space_before_the_colon_is_stripped_in_a_response(
    gateway: Gateway, service: RecordingUpstream
) -> None:
    """RFC 9112 section 5.1, the one thing that is repaired."""
    service.answer(b"HTTP/1.1 200 OK\r\nContent-Length : 2\r\nX-A\t: 1\r\n\r\nok")
    response = gateway.get("/up/x")
    assert (response.status, response.body, response.header("x-a")) == (200, b"ok", "1")


def test_lf_line_ends_by_option(gateway: Gateway, service: RecordingUpstream) -> None:
    service.answer(b"HTTP/1.1 200 OK\nContent-Length: 2\nX-A: 1\n\nok")
    response = gateway.get("/lenient/x")
    assert (response.status, response.body, response.header("x-a")) == (200, b"ok", "1")
    assert b"\n" not in response.head.replace(b"\r\n", b""), "but never sent on"


@pytest.mark.parametrize("line", [b"HTTP/1.1 200", b"HTTP/1.1 200 ", b"HTTP/1.1 299 Odd \xe4"])
def test_unusual_status_lines_are_fine(
    line: bytes, gateway: Gateway, service: RecordingUpstream
) -> None:
    service.answer(line + b"\r\nContent-Length: 2\r\n\r\nok")
    response = gateway.get("/up/x")
    assert response.status == int(line[9:12])
    assert response.body == b"ok"


def test_connection_refused(gateway: Gateway) -> None:
    assert_bad_gateway(gateway.get("/dead/x"))
    assert_bad_gateway(gateway.get("/dead/x", method="POST", body=b"data"))


def test_refused_target_is_passed_over(gateway: Gateway, service: RecordingUpstream) -> None:
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
    name: str, gateway: Gateway, service: RecordingUpstream
) -> None:
    service.answer(DYING[name], CLEAN)
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


def assert_cut(gateway: Gateway, target: str, start: bytes = b"") -> None:
    """The client can tell that the body is not whole: 502, or a reset, short or unfinished body."""
    with Connection(gateway.port, timeout=15) as client:
        client.send(b"GET " + target.encode() + b" HTTP/1.1\r\nHost: a.test\r\n\r\n" + start)
        try:
            response = client.response()
        except ConnectionError:
            return
        if response.status in (502, 504):
            assert_problem(response)
            return
        assert response.status == 200
        framed = response.header("content-length") is not None or response.chunked
        assert framed, "without framing only a reset shows the cut"
        assert not response.complete
        assert client.is_closed()


@pytest.mark.parametrize("name", [name for name in CUT if name != "until-close-reset"])
def test_truncated_body_is_visible(name: str, gateway: Gateway, service: RecordingUpstream) -> None:
    service.answer(CUT[name])
    assert_cut(gateway, "/up/x")
    assert_not_poisoned(gateway, service)


def test_truncated_body_without_framing_is_visible_as_a_reset(
    gateway: Gateway, service: RecordingUpstream
) -> None:
    """The gateway sends it chunked (then it is unfinished) or resets: never a clean end."""
    service.answer(CUT["until-close-reset"])
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
    name: str, delay: float, gateway: Gateway, service: RecordingUpstream
) -> None:
    data = EXTRA[name]
    cut = len(data) - len(POISON) if data.endswith(POISON) else len(data) - 1
    service.answer([data[:cut], Stall(delay), data[cut:]] if delay else data, CLEAN)
    assert gateway.get("/up/x").status in (200, 204, 304, 502)
    if delay:
        time.sleep(delay * 2)
    assert_not_poisoned(gateway, service)


@pytest.mark.parametrize("body", [b"", POISON], ids=["none", "with-body"])
def test_body_behind_a_head_response_never_answers_the_next_request(
    body: bytes, gateway: Gateway, service: RecordingUpstream
) -> None:
    service.answer(b"HTTP/1.1 200 OK\r\nContent-Length: 44\r\n\r\n" + body, CLEAN)
    with Connection(gateway.port) as client:
        assert client.request("HEAD", "/up/x").status == 200
        assert client.request("GET", "/up/x").body == b"clean"


def test_slow_head_is_a_gateway_timeout(gateway: Gateway, service: RecordingUpstream) -> None:
    service.answer(Stall(), CLEAN)
    with Connection(gateway.port) as client:
        assert_bad_gateway(client.request("GET", "/quick/x"), 504)
        assert client.request("GET", "/quick/x").body == b"clean"
    first = service.requests[0]
    assert service.requests[1].connection != first.connection


def test_half_a_head_then_silence_is_a_gateway_timeout(
    gateway: Gateway, service: RecordingUpstream
) -> None:
    service.answer(Stall(first=b"HTTP/1.1 200 OK\r\nContent-Le"))
    assert_bad_gateway(gateway.get("/quick/x"), 504)


def test_interim_answers_do_not_prolong_for_ever(
    gateway: Gateway, service: RecordingUpstream
) -> None:
    service.answer(Stall(first=b"HTTP/1.1 103 Early Hints\r\n\r\n"))
    with Connection(gateway.port) as client:
        assert client.request("GET", "/quick/x").status == 504


@pytest.mark.parametrize("framing", ["Content-Length: 10", "Transfer-Encoding: chunked"])
def test_stall_inside_a_body_is_cut(
    framing: str, gateway: Gateway, service: RecordingUpstream
) -> None:
    start = b"5\r\nhello\r\n" if "chunked" in framing else b"hello"
    service.answer(Stall(first=f"HTTP/1.1 200 OK\r\n{framing}\r\n\r\n".encode() + start))
    assert_cut(gateway, "/quick/x")


def test_total_timeout_ends_a_drip(gateway: Gateway, service: RecordingUpstream) -> None:
    """Each byte is progress, so only the total says that it is enough."""

    def drip(_: RecordedRequest) -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"
        while True:
            time.sleep(0.05)
            yield b"x"

    service.answer(drip)
    assert_cut(gateway, "/total/x")


def test_connection_closed_while_idle_costs_no_request(
    gateway: Gateway, service: RecordingUpstream
) -> None:
    """Also for POST: the dead connection is seen before anything is sent."""
    with Connection(gateway.port) as client:
        for number in range(30):
            method, body = ("POST", b"data") if number % 2 else ("GET", b"")
            assert client.request(method, "/up/x", body=body).status == 200
            service.close_idle()
            eventually(lambda: all(c.ended != "open" for c in service.connections))
    assert len(service.requests) == 30, "none was sent twice"


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
    gateway: Gateway, service: RecordingUpstream
) -> None:
    service.answer(_answers_once_then_dies())
    with Connection(gateway.port) as client:
        assert [client.request("GET", "/up/x").status for _ in range(10)] == [200] * 10


@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_request_that_is_not_idempotent_is_sent_once(
    method: str, gateway: Gateway, service: RecordingUpstream
) -> None:
    """RFC 9110 section 9.2.2: after the bytes were sent nobody knows whether it was done."""
    service.answer(Reset(), CLEAN)
    response = gateway.get("/up/x", method=method, body=b"pay")
    assert_bad_gateway(response)
    assert [r.method for r in service.requests] == [method]


def test_retries_end(gateway: Gateway, service: RecordingUpstream) -> None:
    service.answer(Reset())
    assert_bad_gateway(gateway.get("/up/x"))
    assert 1 <= len(service.requests) <= 3


def test_retry_of_a_request_whose_body_was_sent_is_whole_or_not_made(
    gateway: Gateway, service: RecordingUpstream
) -> None:
    service.answer(Reset(), CLEAN)
    response = gateway.get("/up/x", method="PUT", body=b"x" * 300_000)
    assert response.status in (200, 502)
    if response.status == 200:
        assert service.last.body == b"x" * 300_000


def test_fields_of_a_response_cannot_be_split(gateway: Gateway, service: RecordingUpstream) -> None:
    service.answer(ok(b"x", [("X-A", "1\r\nSet-Cookie: evil=1")]))
    response = gateway.get("/up/x")
    assert response.all("set-cookie") == ["evil=1"], "the upstream's own lines are its own affair"
    service.answer(ok(b"x", [("X-A", "1\nSet-Cookie: evil=1")]))
    assert gateway.get("/up/x").status == 502
