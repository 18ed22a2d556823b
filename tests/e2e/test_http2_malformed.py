"""Requests of HTTP/2 that are no requests, or two: refused, and nothing of them arrives upstream."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import pytest

from tests.e2e.known import cases
from tests.e2e.wire import BYSTANDER, bystander, config, hostile_requests
from tests.harness import Gateway, RecordedRequest, RecordingUpstream, eventually
from tests.harness.http2 import (
    Certificates,
    Code,
    Http2Client,
    Http2Response,
)

METHOD, SCHEME, AUTHORITY, PATH = (
    (":method", "GET"),
    (":scheme", "http"),
    (":authority", "a.test"),
    (":path", "/x"),
)
BASE = [METHOD, SCHEME, AUTHORITY, PATH]
Head = list[tuple[str, str]]


def but(*changed: tuple[str, str]) -> Head:
    """The valid head with pseudo fields changed, in their places."""
    return [(name, dict(changed).get(name, value)) for name, value in BASE]


def without(name: str) -> Head:
    return [field for field in BASE if field[0] != name]


HEADS: dict[str, Head] = {
    # Pseudo fields (RFC 9113 section 8.3)
    "no-method": without(":method"),
    "no-scheme": without(":scheme"),
    "no-path": without(":path"),
    "no-authority-and-no-host": without(":authority"),
    "empty-path": but((":path", "")),
    "empty-method": but((":method", "")),
    "empty-authority": but((":authority", "")),
    "method-twice": [METHOD, *BASE],
    "path-twice": [*BASE, (":path", "/y")],
    "authority-twice": [*BASE, (":authority", "b.test")],
    "scheme-twice": [*BASE, (":scheme", "https")],
    "unknown-pseudo-field": [*BASE, (":evil", "1")],
    "status-in-a-request": [*BASE, (":status", "200")],
    "protocol-without-connect": [*BASE, (":protocol", "websocket")],
    "pseudo-field-after-a-field": [METHOD, SCHEME, PATH, ("x-a", "1"), AUTHORITY],
    "method-with-space": but((":method", "GET /evil HTTP/1.1\r\nX:")),
    "method-with-blank": but((":method", "GE T")),
    "method-with-tab": but((":method", "GET\t")),
    "method-with-8-bit": but((":method", "G\xc9T")),
    # Paths
    "path-without-slash": but((":path", "x")),
    "path-is-a-star": but((":path", "*")),
    "path-is-a-query": but((":path", "?x")),
    "path-is-absolute": but((":path", "http://b.test/x")),
    "path-is-absolute-to-the-same": but((":path", "http://a.test/x")),
    "path-is-an-authority": but((":path", "a.test:80")),
    "path-with-fragment": but((":path", "/x#y")),
    "path-with-fragment-after-query": but((":path", "/x?y#z")),
    "path-with-space": but((":path", "/x y")),
    "path-with-leading-space": but((":path", " /x")),
    "path-with-trailing-space": but((":path", "/x ")),
    "path-with-a-request-line": but((":path", "/x HTTP/1.1\r\nX: y\r\n\r\nGET /z")),
    "path-with-crlf": but((":path", "/x\r\nX: y")),
    "path-with-lf": but((":path", "/x\ny")),
    "path-with-nul": but((":path", "/x\0")),
    "path-with-tab": but((":path", "/x\ty")),
    "path-with-8-bit": but((":path", "/x\xff")),
    "path-with-encoded-slash": but((":path", "/x%2fy")),
    "path-with-encoded-nul": but((":path", "/x%00")),
    "path-with-backslash": but((":path", "/x\\..\\y")),
    "path-with-broken-escape": but((":path", "/x%2")),
    "path-with-dot-dot-semicolon": but((":path", "/x/..;/y")),
    # Authority
    "authority-with-userinfo": but((":authority", "u:p@a.test")),
    "authority-with-user": but((":authority", "b.test@a.test")),
    "authority-with-slash": but((":authority", "a.test/y")),
    "authority-with-space": but((":authority", "a.test b.test")),
    "authority-with-crlf": but((":authority", "a.test\r\nX-Evil: 1")),
    "authority-with-comma": but((":authority", "a.test,b.test")),
    "authority-with-query": but((":authority", "a.test?x")),
    "authority-with-large-port": but((":authority", "a.test:65536")),
    "authority-with-bad-port": but((":authority", "a.test:8o")),
    "authority-with-percent": but((":authority", "a%2etest")),
    "authority-with-open-bracket": but((":authority", "[::1")),
    "host-differs": [*BASE, ("host", "b.test")],
    "host-differs-in-port": [*BASE, ("host", "a.test:81")],
    "host-twice": [*BASE, ("host", "a.test"), ("host", "b.test")],
    "host-twice-without-authority": [METHOD, SCHEME, PATH, ("host", "a"), ("host", "a")],
    "host-is-empty": [*BASE, ("host", "")],
    # Field names (section 8.2.1)
    "upper-case-name": [*BASE, ("X-Upper", "1")],
    "one-upper-case-letter": [*BASE, ("x-uppeR", "1")],
    "empty-name": [*BASE, ("", "1")],
    "name-with-crlf": [*BASE, ("x\r\ny", "1")],
    "name-with-lf": [*BASE, ("x\n", "1")],
    "name-with-colon": [*BASE, ("x:y", "1")],
    "name-with-space": [*BASE, ("x ", "1")],
    "name-with-nul": [*BASE, ("x\0", "1")],
    "name-with-8-bit": [*BASE, ("x\xe9", "1")],
    "name-with-delete": [*BASE, ("x\x7f", "1")],
    "name-with-a-whole-field": [*BASE, ("x: y\r\ntransfer-encoding", "chunked")],
    # Field values
    "value-with-crlf": [*BASE, ("x", "a\r\nevil: 1")],
    "value-with-cr": [*BASE, ("x", "a\rb")],
    "value-with-lf": [*BASE, ("x", "a\nb")],
    "value-with-nul": [*BASE, ("x", "a\0b")],
    "value-that-ends-a-head": [*BASE, ("x", "a\r\n\r\nGET /evil HTTP/1.1\r\nHost: a\r\n\r\n")],
    "value-with-leading-space": [*BASE, ("x", " a")],
    "value-with-trailing-space": [*BASE, ("x", "a ")],
    "value-with-leading-tab": [*BASE, ("x", "\ta")],
    "value-with-trailing-tab": [*BASE, ("x", "a\t")],
    "value-with-control": [*BASE, ("x", "a\x01b")],
    "cookie-with-crlf": [*BASE, ("cookie", "a=1\r\nx: y")],
    "cookie-crumb-with-leading-space": [*BASE, ("cookie", " a=1")],
    # Fields of a connection (section 8.2.2)
    "connection": [*BASE, ("connection", "x-a"), ("x-a", "1")],
    "connection-close": [*BASE, ("connection", "close")],
    "keep-alive": [*BASE, ("keep-alive", "timeout=5")],
    "proxy-connection": [*BASE, ("proxy-connection", "keep-alive")],
    "transfer-encoding": [*BASE, ("transfer-encoding", "chunked")],
    "transfer-encoding-identity": [*BASE, ("transfer-encoding", "identity")],
    "upgrade": [*BASE, ("upgrade", "websocket")],
    "te-gzip": [*BASE, ("te", "gzip")],
    "te-trailers-and-more": [*BASE, ("te", "trailers, deflate")],
    "te-twice": [*BASE, ("te", "trailers"), ("te", "gzip")],
    # Content-Length that cannot be, or not without a body
    "length-without-body": [*BASE, ("content-length", "5")],
    "length-signed": [*BASE, ("content-length", "+0")],
    "length-negative": [*BASE, ("content-length", "-1")],
    "length-hexadecimal": [*BASE, ("content-length", "0x0")],
    "length-list": [*BASE, ("content-length", "0, 0")],
    "length-twice": [*BASE, ("content-length", "0"), ("content-length", "0")],
    "length-too-large": [*BASE, ("content-length", "99999999999999999999")],
    "length-empty": [*BASE, ("content-length", "")],
    # Methods that are not served
    "connect": [(":method", "CONNECT"), (":authority", "a.test:443")],
    "connect-with-path": but((":method", "CONNECT")),
    "trace": but((":method", "TRACE")),
    # Sizes
    "101-fields": [*BASE, *[(f"x-{n}", "1") for n in range(101)]],
    "101-cookies": [*BASE, *[("cookie", "a=1")] * 101],
    "long-list": [*BASE, *[(f"x-{n}", "y" * 1000) for n in range(20)]],
    "long-field": [*BASE, ("x", "y" * 20_000)],
    "long-name": [*BASE, ("x" * 20_000, "y")],
    "long-path": but((":path", "/" + "x" * 9_000)),
}
KNOWN = {
    "path-with-fragment": "the HTTP/2 library drops a fragment of :path before the gateway sees it",
    "path-with-fragment-after-query": "as path-with-fragment",
}
"""What is not refused as it should be, and why."""
STATUSES = {
    "101-fields": 431,
    "101-cookies": 431,
    "long-list": 431,
    "long-field": 431,
    "long-path": 414,
    "connect": 405,
    "trace": 405,
    "path-with-fragment": 400,
    "no-authority-and-no-host": 400,
    "host-differs": 400,
}
"""Where not only a refusal is wanted, but this one."""


@pytest.fixture(scope="module")
def gateway(module_gateway: Callable[..., Gateway], shared_upstream: RecordingUpstream) -> Gateway:
    return module_gateway(config(shared_upstream))


def refused(client: Http2Client, stream: int) -> Http2Response:
    """The outcome of a stream, which must not be a success."""
    response = client.response(stream)
    if response.status:
        assert response.status in (400, 405, 413, 414, 431, 501), response
        assert response.complete
        assert b"127.0.0.1" not in response.body
    elif client.goaway is None:
        assert response.reset in (Code.PROTOCOL_ERROR, Code.REFUSED_STREAM), response
    else:
        assert client.goaway[1] in (
            Code.PROTOCOL_ERROR,
            Code.COMPRESSION_ERROR,
            Code.ENHANCE_YOUR_CALM,
        )
    return response


@pytest.mark.parametrize("name", cases(HEADS, KNOWN))
def test_refused_head(name: str, gateway: Gateway, shared_upstream: RecordingUpstream) -> None:
    with bystander(gateway, shared_upstream), Http2Client(gateway.port) as client:
        response = refused(client, client.raw_head(HEADS[name]))
        if client.goaway is None:
            after = client.request(path=BYSTANDER)
            assert (after.status, after.complete) == (200, True), "other streams are unharmed"
    assert hostile_requests(shared_upstream) == []
    assert response.status == STATUSES.get(name, response.status)


ACCEPTED: dict[str, tuple[Head, dict[str, list[str]]]] = {
    "host-only": ([METHOD, SCHEME, PATH, ("host", "b.test")], {"host": ["b.test"]}),
    "host-equal": ([*BASE, ("host", "a.test")], {"host": ["a.test"]}),
    "host-equal-but-for-case": ([*BASE, ("host", "A.TEST")], {"host": ["a.test"]}),
    "crumbs": (
        [*BASE, ("cookie", "a=1"), ("x-a", "2"), ("cookie", "b=2"), ("cookie", "c=3; d=4")],
        {"cookie": ["a=1; b=2; c=3; d=4"], "x-a": ["2"]},
    ),
    "eighty-crumbs": ([*BASE, *[("cookie", "a=1")] * 80], {"cookie": ["; ".join(["a=1"] * 80)]}),
    "te-trailers": ([*BASE, ("te", "trailers")], {}),
    "8-bit-value": ([*BASE, ("x-a", "\xe4")], {"x-a": ["\xe4"]}),
    "empty-value": ([*BASE, ("x-a", "")], {"x-a": [""]}),
    "own-method": (but((":method", "PURGE")), {}),
    "underscore": ([*BASE, ("x_real_ip", "6.6.6.6")], {"x_real_ip": []}),
    "identity": ([*BASE, ("x-consumer-id", "root")], {"x-consumer-id": []}),
    "forwarded": ([*BASE, ("x-forwarded-for", "6.6.6.6")], {"x-forwarded-for": ["127.0.0.1"]}),
    "scheme-of-another": (but((":scheme", "https")), {"x-forwarded-proto": ["http"]}),
    "length-zero": ([*BASE, ("content-length", "0")], {}),
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_accepted_head(name: str, gateway: Gateway, shared_upstream: RecordingUpstream) -> None:
    head, wanted = ACCEPTED[name]
    shared_upstream.clear()
    with Http2Client(gateway.port) as client:
        assert client.response(client.raw_head(head)).status == 200
    (arrived,) = hostile_requests(shared_upstream)
    assert {field: arrived.all(field) for field in wanted} == wanted
    assert arrived.head.count(b"\r\nhost: ") + arrived.head.count(b"\r\nHost: ") == 1


@pytest.mark.parametrize(
    ("length", "sent", "trailers"),
    [
        (10, 5, False),
        (5, 10, False),
        (0, 1, False),
        (10, 5, True),
        (5, 4, True),
    ],
)
@pytest.mark.parametrize("pieces", [1, 2])
def test_length_that_disagrees_with_the_data(
    gateway: Gateway,
    shared_upstream: RecordingUpstream,
    length: int,
    sent: int,
    trailers: bool,
    pieces: int,
) -> None:
    """RFC 9113 section 8.1.1. What may already be on its way is cut before its end."""
    with bystander(gateway, shared_upstream), Http2Client(gateway.port) as client:
        head = [*but((":method", "POST")), ("content-length", str(length))]
        stream = client.raw_head(head, end=False)
        with contextlib.suppress(BrokenPipeError):
            if pieces == 2:
                client.send_data(stream, b"a" * (sent - 1))
                client.settle()
                sent = 1
            client.send_data(stream, b"a" * sent, end=not trailers)
            if trailers:
                client.send_head(stream, [("x-a", "1")], end=True)
        response = client.response(stream)
        assert not 200 <= response.status < 300
    for arrived in hostile_requests(shared_upstream):
        assert_cut(shared_upstream, arrived)


def assert_cut(upstream: RecordingUpstream, arrived: RecordedRequest) -> None:
    """What has arrived of a request has visibly no end."""
    connection = upstream.connection_of(arrived)
    eventually(lambda: connection.ended != "open", what="the request is cut")
    assert not arrived.complete


TRAILERS: dict[str, Head] = {
    "pseudo-field": [(":path", "/evil")],
    "status": [(":status", "200")],
    "upper-case": [("X-Upper", "1")],
    "crlf": [("x-a", "1\r\nevil: 1")],
    "connection": [("connection", "close")],
    "transfer-encoding": [("transfer-encoding", "chunked")],
    "101": [(f"x-{n}", "1") for n in range(101)],
    "long": [("x", "y" * 40_000)],
}


KNOWN_TRAILERS = {
    "pseudo-field": "the HTTP/2 library ignores trailers of nothing but pseudo fields",
    "status": "as pseudo-field",
    "long": "the HTTP/2 library drops trailers over the limit; the request goes on without them",
}


@pytest.mark.parametrize("name", cases(TRAILERS, KNOWN_TRAILERS))
def test_trailers_that_are_none(
    name: str, gateway: Gateway, shared_upstream: RecordingUpstream
) -> None:
    with bystander(gateway, shared_upstream), Http2Client(gateway.port) as client:
        stream = client.raw_head(but((":method", "POST")), end=False)
        client.send_data(stream, b"hello")
        client.send_head(stream, TRAILERS[name], end=True)
        response = client.response(stream)
        assert not 200 <= response.status < 300
    for arrived in hostile_requests(shared_upstream):
        assert_cut(shared_upstream, arrived)
        assert b"evil" not in shared_upstream.connection_of(arrived).data


@pytest.fixture(scope="module")
def secure(
    module_gateway: Callable[..., Gateway],
    shared_upstream: RecordingUpstream,
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Gateway, Certificates]:
    certificates = Certificates(tmp_path_factory.mktemp("certificates"))
    listener = {"web": {"tls": certificates.listener()}}
    return module_gateway(config(shared_upstream, listeners=listener)), certificates


def test_smuggling_over_tls(
    secure: tuple[Gateway, Certificates], shared_upstream: RecordingUpstream
) -> None:
    """The same judgement behind ALPN; one connection takes them all, as each is the stream's fault."""
    gateway, certificates = secure
    shared_upstream.clear()
    for name in (
        "value-that-ends-a-head",
        "transfer-encoding",
        "path-with-a-request-line",
        "connect",
    ):
        with Http2Client(gateway.port, tls=certificates.client()) as client:
            refused(client, client.raw_head(HEADS[name]))
    assert hostile_requests(shared_upstream) == []
