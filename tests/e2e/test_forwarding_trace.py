"""Via, X-Request-ID and the trace: what links one request over several hops."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from tests.e2e.edge import Edge
from tests.e2e.wire import hostile_requests
from tests.harness import Connection, Gateway, RecordingUpstream, free_port, ok


def test_via_names_this_gateway_and_detects_the_loop(edge: Edge) -> None:
    """RFC 9110 section 7.6.3: a request that was here before is answered 508."""
    own = edge.send().all("via")[0]
    edge.upstream.clear()
    for chain in (own, f"1.0 other, {own}", f"{own}, 1.1 other"):
        assert edge.gateway.get("/x", headers=[("Via", chain)]).status == 508
    assert hostile_requests(edge.upstream) == []


def test_via_of_others_is_kept_and_extended(edge: Edge) -> None:
    arrived = edge.send("Via: 1.0 fred, 1.1 p.example.net")
    chain = ", ".join(arrived.all("via"))
    assert chain.startswith("1.0 fred, 1.1 p.example.net, 1.1 ")


def test_gateway_in_front_of_itself_stops(
    gateway_of: Callable[..., Gateway], upstream: RecordingUpstream
) -> None:
    looped = free_port()
    gateway = gateway_of(
        {
            "listeners": {"web": {"address": f"127.0.0.1:{looped}"}},
            "services": {"self": {"url": f"http://127.0.0.1:{looped}"}},
            "routes": {"all": {"match": {"path": "/**"}, "service": "self"}},
        }
    )
    with Connection(looped) as client:
        assert client.request().status == 508
    assert len(gateway.log_lines(at_least=2)) == 2


GOOD_IDS = ["a", "A1_b.c:d-e", "x" * 128, "01890a5d-ac96-774b-bcce-b302099a8057"]
BAD_IDS = ["", "x" * 129, "a b", "a;b", 'a"b', "a/b", "<a>", "\xe4", "a,b", "{}", "a\tb"]


@pytest.mark.parametrize("value", GOOD_IDS)
def test_good_request_id_is_taken_over_and_returned(edge: Edge, value: str) -> None:
    edge.upstream.clear()
    response = edge.gateway.get("/x", headers=[("X-Request-ID", value)])
    assert edge.upstream.last.all("x-request-id") == [value]
    assert response.all("x-request-id") == [value]


@pytest.mark.parametrize("value", BAD_IDS)
def test_bad_request_id_is_replaced(edge: Edge, value: str) -> None:
    edge.upstream.clear()
    response = edge.gateway.get("/x", headers=[("X-Request-ID", value)])
    (fresh,) = edge.upstream.last.all("x-request-id")
    assert fresh != value
    assert re.fullmatch(r"[A-Za-z0-9_.:-]{1,128}", fresh)
    assert response.all("x-request-id") == [fresh]


def test_request_ids_that_the_gateway_makes_differ(edge: Edge) -> None:
    made = {edge.send().header("x-request-id") for _ in range(50)}
    assert len(made) == 50


def test_two_request_ids_are_not_both_sent_on(edge: Edge) -> None:
    assert len(edge.send("X-Request-ID: a", "X-Request-ID: b").all("x-request-id")) == 1


TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"
BAD_PARENTS = {
    "version-ff": f"ff-{TRACE}-b7ad6b7169203331-01",
    "upper-case": PARENT.upper(),
    "zero-trace": f"00-{'0' * 32}-b7ad6b7169203331-01",
    "zero-span": f"00-{TRACE}-{'0' * 16}-01",
    "short": f"00-{TRACE}-b7ad6b7169203331",
    "long-for-version-00": f"{PARENT}-extra",
    "not-hex": f"00-{'g' * 32}-b7ad6b7169203331-01",
    "empty": "",
}


def test_trace_context_is_continued(edge: Edge) -> None:
    """W3C Trace Context: same trace id, tracestate untouched."""
    arrived = edge.send(f"traceparent: {PARENT}", "tracestate: vendor=1,other=2")
    (parent,) = arrived.all("traceparent")
    assert re.fullmatch(rf"00-{TRACE}-[0-9a-f]{{16}}-0[01]", parent)
    assert arrived.all("tracestate") == ["vendor=1,other=2"]


@pytest.mark.parametrize("name", BAD_PARENTS)
def test_invalid_trace_context_starts_a_new_trace(edge: Edge, name: str) -> None:
    arrived = edge.send(f"traceparent: {BAD_PARENTS[name]}", "tracestate: vendor=1")
    (parent,) = arrived.all("traceparent")
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]", parent)
    assert TRACE not in parent
    assert not arrived.all("tracestate"), "belongs to the trace that was not taken over"


def test_without_a_trace_one_is_started(edge: Edge) -> None:
    (parent,) = edge.send().all("traceparent")
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]", parent)
    assert "0" * 32 not in parent


def test_request_id_that_the_upstream_echoes_is_not_doubled(edge: Edge) -> None:
    edge.upstream.answer(ok(headers=[("X-Request-ID", "the upstream's")]))
    try:
        assert edge.send("X-Request-ID: mine").all("x-request-id") == ["mine"]
    finally:
        edge.upstream.answer(ok())
