"""HTTP/1 and HTTP/2 on either side: one exchange means the same over every pair of protocols."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial

import pytest

from tests.e2e.messages import body_of
from tests.e2e.roads import (
    PAIRS,
    Abort,
    Call,
    Close,
    Data,
    End,
    Head,
    Reply,
    Road,
    Roads,
    Step,
    start_roads,
    whole,
)
from tests.harness import Gateway, eventually
from tests.harness.http2 import Certificates, Code

MIB = 1024 * 1024
BIG = 3 * MIB + 1


@pytest.fixture(scope="module")
def roads(
    module_gateway: Callable[..., Gateway], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Roads]:
    certificates = Certificates(tmp_path_factory.mktemp("certificates"))
    with ExitStack() as stack:
        yield start_roads(module_gateway, certificates, stack)


@pytest.fixture(params=PAIRS, ids=lambda pair: f"{pair[0]}-to-{pair[1]}")
def road(request: pytest.FixtureRequest, roads: Roads) -> Iterator[Road]:
    client, name = request.param
    up = roads.behind[name]
    up.clear()
    up.answer(whole())
    yield Road(roads.gateway, client, name, up)
    up.answer(whole())


def assert_bad_gateway(reply: Reply, status: int = 502) -> None:
    assert (reply.status, reply.complete) == (status, True)
    assert "error=" in (reply.header("proxy-status") or "")
    assert b"127.0.0.1" not in reply.body


def assert_visibly_cut(reply: Reply) -> None:
    """Not taken for a whole response by anybody: no proper end."""
    assert reply.status in (0, 200)
    assert not reply.complete


@pytest.mark.parametrize("method", ["GET", "DELETE", "OPTIONS", "POST"])
def test_without_a_body(road: Road, method: str) -> None:
    reply = road.ask(method)
    assert (reply.status, reply.body, reply.complete) == (200, b"ok", True)
    arrived = road.only()
    assert (arrived.method, arrived.target) == (method, road.path())
    assert arrived.authority == "a.test"
    assert arrived.body == b""
    assert arrived.all("transfer-encoding") == []


@pytest.mark.parametrize("length", [True, False], ids=["length", "stream"])
@pytest.mark.parametrize("size", [0, 1, 16_384, 65_536, BIG])
def test_request_body(road: Road, size: int, length: bool) -> None:
    body = body_of(size)
    assert road.ask("POST", body=body, length=length).status == 200
    arrived = road.only()
    assert arrived.complete
    assert arrived.body == body
    if size:
        assert arrived.all("content-length") == ([str(size)] if length else [])


@pytest.mark.parametrize("length", [True, False], ids=["length", "stream"])
@pytest.mark.parametrize("size", [0, 1, 16_384, 65_536, BIG])
def test_response_body(road: Road, size: int, length: bool) -> None:
    body = body_of(size)
    data: list[Step] = [Data(body)] if size else []
    road.up.answer([Head(length=size if length else None), *data, End()])
    reply = road.ask()
    assert reply.complete
    assert reply.body == body
    if length:
        assert reply.header("content-length") == str(size)


TRAILERS = [
    ("x-checksum", "abc"),
    ("content-length", "5"),
    ("authorization", "Bearer x"),
    ("x-consumer-id", "root"),
    ("x-forwarded-for", "6.6.6.6"),
]


def test_request_trailers(road: Road) -> None:
    """RFC 9110 section 6.5.1: never framing, routing, authentication or identity."""
    assert road.ask("POST", body=b"hello", trailers=TRAILERS, length=False).status == 200
    arrived = road.only()
    assert (arrived.body, arrived.complete) == (b"hello", True)
    assert arrived.trailers == [("x-checksum", "abc")]


def test_response_trailers(road: Road) -> None:
    road.up.answer([Head(), Data(b"hello"), End([*TRAILERS[:2], ("server-timing", "db;dur=1")])])
    reply = road.ask()
    assert (reply.body, reply.complete) == (b"hello", True)
    assert reply.trailers == [("x-checksum", "abc"), ("server-timing", "db;dur=1")]


def test_trailers_without_a_body(road: Road) -> None:
    road.up.answer([Head(), End([("grpc-status", "5")])])
    reply = road.ask()
    assert (reply.body, reply.complete) == (b"", True)
    assert reply.trailers == [("grpc-status", "5")]


def test_early_hints(road: Road) -> None:
    hints = Head(103, [("link", "</a.css>; rel=preload")])
    road.up.answer([hints, hints, *whole()])
    reply = road.ask()
    assert (reply.status, reply.body) == (200, b"ok")
    assert [status for status, _ in reply.interim] == [103, 103]
    assert ("link", "</a.css>; rel=preload") in reply.interim[0][1]


def test_too_many_interim_responses(road: Road) -> None:
    road.up.answer([*[Head(103)] * 17, *whole()])
    reply = road.ask(kind="-once")
    assert reply.status in (0, 502)
    assert len(reply.interim) <= 16


def test_client_that_waits_to_be_told_to_go_on(road: Road) -> None:
    with road.asker() as one:
        one.begin("POST", road.path(), [("expect", "100-continue")], body="5")
        # The body is sent only now, when the interim response can have come.
        eventually(road.up.arrived, what="the head upstream")
        one.send(b"hello")
        reply = one.finish()
    assert [status for status, _ in reply.interim] == [100]
    assert reply.status == 200
    assert road.only().body == b"hello"


def test_head(road: Road) -> None:
    road.up.answer([Head(length=5000, ends=True)])
    reply = road.ask("HEAD")
    assert (reply.status, reply.body, reply.complete) == (200, b"", True)
    assert reply.header("content-length") == "5000"
    assert road.ask("HEAD").status == 200


@pytest.mark.parametrize("status", [204, 304])
def test_response_without_content(road: Road, status: int) -> None:
    road.up.answer([Head(status, [("etag", '"x"')], ends=True)], whole(b"next"))
    with road.asker() as one:
        one.begin("GET", road.path())
        reply = one.finish()
        assert (reply.status, reply.body, reply.complete) == (status, b"", True)
        assert reply.header("etag") == '"x"'
        assert reply.header("transfer-encoding") is None
        one.begin("GET", road.path())
        assert one.finish().body == b"next"


def test_answer_before_the_end_of_the_request(road: Road) -> None:
    """The upstream has read a part, or nothing, and knows enough."""
    road.up.answer(whole(b"too much", status=413))
    with road.asker() as one:
        one.begin("POST", road.path("-early"), body=str(50 * MIB))
        one.send(bytes(10_000))
        reply = one.finish()
    assert (reply.status, reply.body, reply.complete) == (413, b"too much", True)
    road.up.answer(whole())
    assert road.ask().status == 200


def test_client_that_gives_up_while_it_sends(road: Road) -> None:
    with road.asker() as one:
        one.begin("POST", road.path(), body=str(MIB))
        one.send(bytes(10_000))
        eventually(road.up.arrived, what="the head upstream")
        one.give_up()
        eventually(road.up.let_go, what="the upstream is told")
    assert not road.only().complete


def test_client_that_gives_up_while_it_waits(road: Road) -> None:
    stop = threading.Event()
    road.up.answer([Call(lambda: stop.wait(20)), *whole()])
    try:
        with road.asker() as one:
            one.begin("GET", road.path())
            eventually(road.up.arrived, what="the request upstream")
            one.give_up()
            assert road.record()["fault"] == "client_closed"
            if road.name != "http1":
                eventually(road.up.let_go, what="the upstream is told")
    finally:
        stop.set()
    assert road.ask().status == 200


def test_client_that_gives_up_while_it_reads(road: Road) -> None:
    def endless() -> Iterator[Step]:
        yield Head()
        while True:
            yield Data(bytes(16_384))

    road.up.answer(endless())
    with road.asker() as one:
        one.begin("GET", road.path())
        one.until(bytes(1000))
        one.give_up()
        eventually(road.up.let_go, what="the upstream is told")
    road.up.answer(whole())
    assert road.ask().status == 200


def test_upstream_that_resets_before_its_answer(road: Road) -> None:
    road.up.answer([Abort()])
    assert_bad_gateway(road.ask("POST", body=b"hello", kind="-once"))
    record = road.record()
    assert (record["status"], record["fault"]) == (502, "upstream_reset")


def test_upstream_that_closes_before_its_answer(road: Road) -> None:
    road.up.answer([Close()])
    assert_bad_gateway(road.ask("POST", body=b"hello", kind="-once"))
    assert len(road.up.arrived()) == 1, "it is not sent twice"


@pytest.mark.parametrize("end", [Abort(), Close()], ids=["reset", "close"])
@pytest.mark.parametrize("length", [100_000, None], ids=["length", "stream"])
def test_upstream_that_breaks_off_its_answer(road: Road, end: Step, length: int | None) -> None:
    road.up.answer([Head(length=length), Data(bytes(10_000)), end])
    assert_visibly_cut(road.ask(kind="-once"))
    road.up.answer(whole())
    assert road.ask().status == 200


def test_each_event_arrives_before_the_next_is_made(road: Road) -> None:
    seen = threading.Semaphore(0)

    def events() -> Iterator[Step]:
        yield Head(fields=[("content-type", "text/event-stream")])
        for number in range(20):
            yield Data(b"data: %d\n\n" % number)
            assert seen.acquire(timeout=15), "the event was held back"
        yield End()

    road.up.answer(events())
    with road.asker() as one:
        one.begin("GET", road.path(), [("accept", "text/event-stream")])
        for number in range(20):
            one.until(b"data: %d\n\n" % number)
            seen.release()
        assert one.finish().complete


def test_request_pieces_arrive_one_by_one(road: Road) -> None:
    road.up.answer(whole())
    with road.asker() as one:
        one.begin("POST", road.path(), body="stream")
        for number in range(10):
            one.send(b"piece-%d;" % number)
            if road.name != "http1":
                wanted = b"piece-%d;" % number
                eventually(partial(_has_body, road, wanted), what=f"piece {number}")
        one.end()
        assert one.finish().status == 200
    assert road.only().body == b"".join(b"piece-%d;" % number for number in range(10))


def _has_body(road: Road, piece: bytes) -> bool:
    return piece in road.only().body


def test_no_answer_in_time(road: Road) -> None:
    stop = threading.Event()
    road.up.answer([Call(lambda: stop.wait(20)), *whole()])
    try:
        assert_bad_gateway(road.ask(kind="-quick"), 504)
        assert road.record()["fault"] == "upstream_timeout"
        assert_bad_gateway(road.ask(kind="-total"), 504)
        assert road.record()["fault"] == "upstream_total_timeout"
    finally:
        stop.set()


@pytest.mark.parametrize("kind", ["-quick", "-total"])
def test_body_that_stops(road: Road, kind: str) -> None:
    stop = threading.Event()
    road.up.answer(
        [Head(length=10), Data(b"half"), Call(lambda: stop.wait(20)), Data(b"half"), End()]
    )
    try:
        reply = road.ask(kind=kind)
        assert_visibly_cut(reply)
    finally:
        stop.set()


@pytest.mark.parametrize("length", [True, False], ids=["length", "stream"])
def test_body_over_the_limit(road: Road, length: bool) -> None:
    reply = road.ask("POST", "-small", body=bytes(5_000), length=length)
    assert (reply.status, reply.complete) == (413, True)
    if length:
        assert road.up.arrived() == []
    else:
        assert all(not arrived.complete for arrived in road.up.arrived())


def test_body_at_the_limit(road: Road) -> None:
    assert road.ask("POST", "-small", body=bytes(1024), length=False).status == 200


def test_repeated_fields_keep_their_order(road: Road) -> None:
    road.up.answer(whole(fields=[("set-cookie", "a=1"), ("x-b", "2"), ("set-cookie", "c=3")]))
    reply = road.ask(fields=[("x-a", "1"), ("x-b", "2"), ("x-a", "3, 4"), ("cookie", "a=1; b=2")])
    arrived = road.only()
    assert arrived.all("x-a") == ["1", "3, 4"]
    assert arrived.all("cookie") == ["a=1; b=2"]
    assert [value for name, value in reply.fields if name == "set-cookie"] == ["a=1", "c=3"]


def test_fields_of_the_connection_stay_there(road: Road) -> None:
    """RFC 9110 section 7.6.1; what an upstream of HTTP/1 says of its connection is not for others."""
    fields = [("keep-alive", "timeout=5")] if road.name == "http1" else []
    road.up.answer(whole(fields=fields))
    reply = road.ask()
    assert reply.header("keep-alive") is None
    arrived = road.only()
    for name in ("connection", "keep-alive", "upgrade", "http2-settings", "proxy-connection"):
        assert arrived.all(name) in ([], ["TE"], ["te"]), name


@pytest.mark.parametrize("code", [Code.CANCEL, Code.NO_ERROR, Code.PROTOCOL_ERROR, 0xDEAD])
def test_any_code_of_a_reset_means_502(road: Road, code: int) -> None:
    if road.name == "http1":
        pytest.skip("HTTP/1 has no codes")
    road.up.answer([Abort(code)])
    assert_bad_gateway(road.ask("POST", body=b"x", kind="-once"))
    assert road.record()["fault"] == "upstream_reset"
