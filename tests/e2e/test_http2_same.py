"""The same request over HTTP/1 and over HTTP/2: the same answer, record, numbers and request upstream."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.e2e.wire import hostile_requests
from tests.harness import Connection, Gateway, RecordingUpstream, eventually, ok
from tests.harness.http2 import Http2Client

NOT_COMPARED = {"time", "request_id", "trace_id", "duration", "upstream_duration", "protocol"}
PER_REQUEST = {"x-request-id", "date", "traceparent", "via", "content-length", "connection"}


@dataclass(frozen=True)
class Case:
    """A request, and what is expected of it over both protocols."""

    path: str
    status: int = 200
    method: str = "GET"
    fields: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""


CASES = {
    "forwarded": Case("/up/x?a=1"),
    "posted": Case("/up/x", method="POST", body=b"hello"),
    "head": Case("/up/x", method="HEAD"),
    "agent-and-referer": Case(
        "/up/x", fields=[("user-agent", 'a"b'), ("referer", "https://r.test/x")]
    ),
    "secret-query": Case("/up/x?token=secret&b=1"),
    "accepted-id": Case("/up/x", fields=[("x-request-id", "given")]),
    "canonical-path": Case("/up/./a//b/%7euser"),
    "respond": Case("/respond"),
    "redirect": Case("/old/page?x=1", 308),
    "no-route": Case("/nowhere", 404),
    "wrong-method": Case("/respond", 405, method="DELETE"),
    "options-of-nothing": Case("/respond", 405, method="PURGE"),
    "trace": Case("/up/x", 405, method="TRACE"),
    "denied-by-address": Case("/up/x", 403, fields=[("x-forwarded-for", "198.51.100.1")]),
    "client-by-trusted-proxy": Case("/up/x", fields=[("x-forwarded-for", "203.0.113.9")]),
    "body-too-large": Case("/small/x", 413, method="POST", body=b"x" * 2_000),
    "encoded-slash": Case("/up/a%2fb", 400),
    "dot-dot-semicolon": Case("/up/..;/x", 400),
    "expectation": Case("/up/x", 417, fields=[("expect", "other")]),
    "target-too-long": Case("/" + "x" * 9_000, 414),
    "too-many-fields": Case("/up/x", 431, fields=[(f"x-{n}", "1") for n in range(120)]),
    "dead-target": Case("/dead/x", 502),
    "as-text": Case("/nowhere", 404, fields=[("accept", "text/plain")]),
    "as-html": Case("/nowhere", 404, fields=[("accept", "text/html")]),
}


@pytest.fixture(scope="module")
def gateway(module_gateway: Callable[..., Gateway], shared_upstream: RecordingUpstream) -> Gateway:
    shared_upstream.answer(ok(b"hello", [("X-Up", "1"), ("Set-Cookie", "a=1")]))
    return module_gateway(
        {
            "listeners": {"web": {"trusted_proxies": ["127.0.0.0/8"]}},
            "policies": {"ip_filter": {"deny": ["198.51.100.0/24"]}},
            "services": {
                "up": {"url": shared_upstream.url},
                "dead": {"url": "http://127.0.0.1:1"},
            },
            "routes": {
                "up": {"match": {"path": "/up/**"}, "service": "up"},
                "dead": {"match": {"path": "/dead/**"}, "service": "dead"},
                "small": {"match": {"path": "/small/**"}, "service": "up", "max_body": "1KiB"},
                "respond": {
                    "match": {"path": "/respond", "methods": ["GET"]},
                    "respond": {"status": 200, "body": "fixed"},
                },
                "old": {
                    "match": {"path": "/old/**"},
                    "redirect": {"to": "https://new.test{request.path}"},
                },
            },
        }
    )


@dataclass
class Seen:
    """Everything that one request left behind."""

    status: int
    fields: dict[str, list[str]]
    body: bytes
    record: dict[str, Any]
    arrived: list[tuple[str, str, dict[str, list[str]], bytes]]
    counted: dict[str, float]


def ask(gateway: Gateway, upstream: RecordingUpstream, case: Case, *, http2: bool) -> Seen:
    eventually(lambda: all(r["time"] for r in _records(gateway)))
    upstream.clear()
    before, known = _counts(gateway), len(_records(gateway))
    if http2:
        with Http2Client(gateway.port) as client:
            length = [("content-length", str(len(case.body)))] if case.body else []
            answer: Any = client.request(
                case.method, case.path, [*case.fields, *length], case.body, authority="a.test"
            )
    else:
        with Connection(gateway.port) as one:
            answer = one.request(case.method, case.path, case.fields, case.body, host="a.test")
    record = eventually(lambda: _records(gateway)[known:], what="the record")[0]
    after = _counts(gateway)
    return Seen(
        answer.status,
        _grouped(answer.headers, ignored=PER_REQUEST | {":status"}),
        answer.body,
        {name: value for name, value in record.items() if name not in NOT_COMPARED},
        [
            (r.method, r.target, _grouped(r.headers, ignored=PER_REQUEST), r.body)
            for r in hostile_requests(upstream)
        ],
        {
            name: after[name] - before.get(name, 0)
            for name in after
            if after[name] != before.get(name, 0)
        },
    )


def _records(gateway: Gateway) -> list[dict[str, Any]]:
    return gateway.log_lines() if gateway.access_log.exists() else []


def _grouped(fields: list[tuple[str, str]], ignored: set[str]) -> dict[str, list[str]]:
    grouped: dict[str, list[str]] = {}
    for name, value in fields:
        if name.lower() not in ignored:
            grouped.setdefault(name.lower(), []).append(value)
    return grouped


COUNTED = (
    "requests_total",
    "bytes_total",
    "answers_total",
    "malformed_requests_total",
    "retries_total",
)


def _counts(gateway: Gateway) -> dict[str, float]:
    samples = gateway.metrics().items()
    return {n: v for n, v in samples if n.partition("{")[0].endswith(COUNTED)}


def _body(seen: Seen) -> bytes:
    """The body without the id of the request."""
    return re.sub(rb"[0-9a-f]{32}", b"ID", seen.body)


@pytest.mark.parametrize("name", CASES)
def test_same(name: str, gateway: Gateway, shared_upstream: RecordingUpstream) -> None:
    case = CASES[name]
    one = ask(gateway, shared_upstream, case, http2=False)
    two = ask(gateway, shared_upstream, case, http2=True)
    assert two.status == case.status
    assert one.status == two.status
    assert _body(one) == _body(two)
    assert one.fields == two.fields
    assert one.record == two.record
    assert one.arrived == two.arrived
    assert one.counted == two.counted


def test_protocol_is_in_the_record(gateway: Gateway) -> None:
    with Http2Client(gateway.port) as client:
        client.request(headers=[("x-request-id", "protocol-2")])
    gateway.get(headers=[("X-Request-ID", "protocol-1")])

    def protocols() -> dict[str, str]:
        wanted = ("protocol-1", "protocol-2")
        return {
            r["request_id"]: r["protocol"] for r in _records(gateway) if r["request_id"] in wanted
        }

    expected = {"protocol-1": "HTTP/1.1", "protocol-2": "HTTP/2"}
    assert eventually(lambda: len(protocols()) == 2 and protocols()) == expected


def test_explain_says_what_http2_gets(gateway: Gateway, shared_upstream: RecordingUpstream) -> None:
    """`explain` asks the same parser, router and policies."""
    shared_upstream.clear()
    done = gateway.cli(
        "explain", str(gateway.file), "GET", "http://a.test/up/./x?y=1", "-o", "json"
    )
    told = json.loads(done.stdout)
    with Http2Client(gateway.port) as client:
        assert client.request(path="/up/./x?y=1", authority="a.test").status == 200
    (arrived,) = hostile_requests(shared_upstream)
    assert told["route"] == "up"
    assert arrived.target == "/up/x?y=1"
    assert arrived.target in json.dumps(told)
