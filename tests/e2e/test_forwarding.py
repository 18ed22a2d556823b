"""Forwarding and identity fields: nobody states them but the gateway and the proxies it trusts."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.e2e.wire import hostile_requests
from tests.harness import (
    Connection,
    Gateway,
    RecordedRequest,
    RecordingUpstream,
    eventually,
    free_port,
)

SPOOF = "6.6.6.6"


@dataclass(frozen=True)
class Edge:
    """One gateway with listeners of different trust in front of one recording upstream."""

    gateway: Gateway
    upstream: RecordingUpstream
    trusted: int
    proxied: int
    allowing: int
    refusing: int

    def send(self, *lines: str, port: int = 0, start: str = "GET /x HTTP/1.1") -> RecordedRequest:
        """One request with these field lines; what arrived upstream."""
        self.upstream.clear()
        data = "\r\n".join([start, "Host: A.test:8000", *lines, "", ""]).encode("latin-1")
        with Connection(port or self.gateway.port) as client:
            client.send(data)
            assert client.response().status == 200
        (arrived,) = hostile_requests(self.upstream)
        return arrived

    def logged_client(self, request: RecordedRequest) -> str:
        """The client address in the access record of a request."""
        wanted = request.header("x-request-id")

        def find() -> list[str]:
            records = self.gateway.log_lines() if self.gateway.access_log.exists() else []
            return [str(r["client"]) for r in records if r["request_id"] == wanted]

        return eventually(find, what=f"access record of {wanted}")[0]


@pytest.fixture(scope="module")
def edge(module_gateway: Callable[..., Gateway], shared_upstream: RecordingUpstream) -> Edge:
    trusted, proxied, allowing, refusing = (free_port() for _ in range(4))
    loopback = ["127.0.0.0/8", "10.0.0.0/8", "::1/128"]
    gateway = module_gateway(
        {
            "listeners": {
                "web": {},
                "trusted": {"address": f"127.0.0.1:{trusted}", "trusted_proxies": loopback},
                "proxied": {
                    "address": f"127.0.0.1:{proxied}",
                    "trusted_proxies": loopback,
                    "proxy_protocol": True,
                },
                "allowing": {"address": f"127.0.0.1:{allowing}", "underscores": "allow"},
                "refusing": {"address": f"127.0.0.1:{refusing}", "underscores": "refuse"},
            },
            "services": {"up": {"url": shared_upstream.url}},
            "routes": {
                "all": {"match": {"path": "/**"}, "service": "up"},
                "prefixed": {
                    "match": {"path": "/api/v1/**"},
                    "strip_prefix": "/api/v1",
                    "service": "up",
                },
            },
        }
    )
    return Edge(gateway, shared_upstream, trusted, proxied, allowing, refusing)


def test_plain_request_gets_the_forwarding_fields(edge: Edge) -> None:
    arrived = edge.send()
    assert arrived.all("x-forwarded-for") == ["127.0.0.1"]
    assert arrived.all("x-forwarded-proto") == ["http"]
    assert [value.lower() for value in arrived.all("x-forwarded-host")] == ["a.test:8000"]
    assert len(arrived.all("host")) == 1
    assert len(arrived.all("via")) == 1
    assert arrived.all("via")[0].startswith("1.1 ")


def test_stripped_prefix_is_told_to_the_upstream(edge: Edge) -> None:
    arrived = edge.send(start="GET /api/v1/users HTTP/1.1")
    assert arrived.target == "/users"
    assert arrived.all("x-forwarded-prefix") == ["/api/v1"]


FORWARDING = {
    "x-forwarded-for": f"X-Forwarded-For: {SPOOF}",
    "x-forwarded-for-list": f"X-Forwarded-For: {SPOOF}, 127.0.0.1",
    "x-forwarded-for-upper": f"X-FORWARDED-FOR: {SPOOF}",
    "x-forwarded-proto": f"X-Forwarded-Proto: {SPOOF}",
    "x-forwarded-host": f"X-Forwarded-Host: {SPOOF}",
    "x-forwarded-port": "X-Forwarded-Port: 6666",
    "x-forwarded-prefix": f"X-Forwarded-Prefix: /{SPOOF}",
    "forwarded": f"Forwarded: for={SPOOF};host={SPOOF};proto=https",
    "x-real-ip": f"X-Real-IP: {SPOOF}",
    "underscore-for": f"X_Forwarded_For: {SPOOF}",
    "underscore-half": f"X-Forwarded_For: {SPOOF}",
    "underscore-real-ip": f"X_Real_IP: {SPOOF}",
    "underscore-host": f"x_forwarded_host: {SPOOF}",
}

IDENTITY = [
    "X-Consumer-ID",
    "X-Consumer-Groups",
    "X-Consumer-Username",
    "x-consumer-custom-id",
    "X-CONSUMER-ANYTHING",
    "X-Authenticated-User",
    "X-Authenticated-Scope",
    "x-authenticated-userid",
    "X-Plan",
    "X-Credential-Identifier",
    "X-Consumer_ID",
    "X_Consumer_ID",
    "x_consumer-groups",
    "X_Plan",
    "X_Authenticated_User",
]


@pytest.mark.parametrize("name", FORWARDING)
@pytest.mark.parametrize("listener", ["web", "allowing"])
def test_spoofed_forwarding_field_does_not_arrive(edge: Edge, name: str, listener: str) -> None:
    port = edge.allowing if listener == "allowing" else edge.gateway.port
    arrived = edge.send(FORWARDING[name], port=port)
    assert SPOOF.encode() not in arrived.head
    assert b"6666" not in arrived.head
    assert edge.logged_client(arrived) == "127.0.0.1"


@pytest.mark.parametrize("name", IDENTITY)
@pytest.mark.parametrize("listener", ["web", "trusted", "allowing"])
def test_spoofed_identity_does_not_arrive_also_without_authentication(
    edge: Edge, name: str, listener: str
) -> None:
    """Not even from a trusted proxy: identity is the gateway's own statement."""
    port = {"web": edge.gateway.port, "trusted": edge.trusted, "allowing": edge.allowing}[listener]
    arrived = edge.send(f"{name}: root", f"X-Kept: {listener}", port=port)
    assert b"root" not in arrived.head
    assert arrived.header("x-kept") == listener


@pytest.mark.parametrize("name", ["X_Plain", "_x", "X-Some_Field", "Host_"])
def test_underscores(edge: Edge, name: str) -> None:
    """Dropped by default; by option refused with 400, or let through."""
    assert b"odd" not in edge.send(f"{name}: odd").head
    assert edge.send(f"{name}: odd", port=edge.allowing).all(name) == ["odd"]
    edge.upstream.clear()
    with Connection(edge.refusing) as client:
        client.send(f"GET / HTTP/1.1\r\nHost: a.test\r\n{name}: odd\r\n\r\n".encode())
        assert client.response().status == 400
    assert hostile_requests(edge.upstream) == []


@pytest.mark.parametrize("name", ["Content_Length", "Transfer_Encoding", "transfer-encoding_"])
def test_aliases_of_framing_do_not_pass_even_where_underscores_may(edge: Edge, name: str) -> None:
    arrived = edge.send(f"{name}: odd", port=edge.allowing)
    assert bool(arrived.all(name)) is name.endswith("_"), "only an alias is taken out"


HOP_BY_HOP = [
    "Connection: keep-alive",
    "Keep-Alive: timeout=5",
    "Proxy-Connection: keep-alive",
    "Proxy-Authorization: Basic secret",
    "TE: trailers, deflate",
    "Upgrade: h2c",
    "HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA",
]


@pytest.mark.parametrize("line", HOP_BY_HOP)
def test_hop_by_hop_field_ends_here(edge: Edge, line: str) -> None:
    name, _, value = line.partition(": ")
    arrived = edge.send(line)
    assert value not in arrived.all(name)


def test_fields_named_in_connection_end_here(edge: Edge) -> None:
    arrived = edge.send(
        "Connection: close, X-Drop,  x-drop-too ,", "X-Drop: 1", "X-Drop-Too: 2", "X-Keep: 3"
    )
    assert not arrived.all("x-drop")
    assert not arrived.all("x-drop-too")
    assert arrived.all("x-keep") == ["3"]


@pytest.mark.parametrize(
    "name",
    ["X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "Host", "Via", "X-Request-ID"],
)
def test_a_client_cannot_take_the_gateways_own_fields_away(edge: Edge, name: str) -> None:
    """Fields named in Connection are removed before the gateway adds its own, not after."""
    arrived = edge.send(f"Connection: {name}, close")
    assert len(arrived.all(name)) == 1


@dataclass(frozen=True)
class Hops:
    """X-Forwarded-For as sent by a trusted proxy, and the client it means."""

    sent: str
    client: str


HOPS = {
    "one": Hops("192.0.2.1", "192.0.2.1"),
    "rightmost-untrusted": Hops("6.6.6.6, 192.0.2.1", "192.0.2.1"),
    "trusted-in-between": Hops("192.0.2.1, 10.1.2.3, 127.0.0.9", "192.0.2.1"),
    "spoof-before-trusted": Hops("6.6.6.6, 192.0.2.1, 10.0.0.1", "192.0.2.1"),
    "ipv6": Hops("2001:db8::7", "2001:db8::7"),
    "all-trusted": Hops("10.0.0.1", "10.0.0.1"),
    "junk-stops-the-walk": Hops("192.0.2.1, not-an-address", "127.0.0.1"),
    "empty-element": Hops("192.0.2.1,", "192.0.2.1"),
}


@pytest.mark.parametrize("name", HOPS)
def test_client_address_behind_trusted_proxies(edge: Edge, name: str) -> None:
    hops = HOPS[name]
    arrived = edge.send(f"X-Forwarded-For: {hops.sent}", port=edge.trusted)
    assert edge.logged_client(arrived) == hops.client
    (chain,) = arrived.all("x-forwarded-for")
    assert chain.split(", ")[-1] == "127.0.0.1"


def test_several_forwarded_for_fields_are_one_list(edge: Edge) -> None:
    lines = ("X-Forwarded-For: 6.6.6.6", "X-Forwarded-For: 192.0.2.1")
    assert edge.logged_client(edge.send(*lines, port=edge.trusted)) == "192.0.2.1"


def test_trusted_proxy_states_scheme_and_host(edge: Edge) -> None:
    arrived = edge.send(
        "X-Forwarded-Proto: https", "X-Forwarded-Host: shop.example.com", port=edge.trusted
    )
    assert arrived.all("x-forwarded-proto") == ["https"]
    assert arrived.all("x-forwarded-host") == ["shop.example.com"]


V1 = {
    "tcp4": (b"PROXY TCP4 192.0.2.7 192.0.2.8 4321 80\r\n", "192.0.2.7"),
    "tcp6": (b"PROXY TCP6 2001:db8::7 2001:db8::8 4321 80\r\n", "2001:db8::7"),
    "unknown": (b"PROXY UNKNOWN\r\n", "127.0.0.1"),
    "unknown-with-rest": (b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n", "127.0.0.1"),
}
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def _v2(command: int, family: int, addresses: bytes) -> bytes:
    return SIGNATURE + struct.pack(">BBH", 0x20 | command, family, len(addresses)) + addresses


_IPV4 = bytes([192, 0, 2, 7, 192, 0, 2, 8]) + struct.pack(">HH", 4321, 80)
_IPV6 = bytes.fromhex("20010db8000000000000000000000007" * 2) + struct.pack(">HH", 4321, 80)
V2 = {
    "tcp4": (_v2(1, 0x11, _IPV4), "192.0.2.7"),
    "tcp4-with-tlv": (_v2(1, 0x11, _IPV4 + b"\x04\x00\x03abc"), "192.0.2.7"),
    "tcp6": (_v2(1, 0x21, _IPV6), "2001:db8::7"),
    "local": (_v2(0, 0x00, b""), "127.0.0.1"),
    "unspec": (_v2(1, 0x00, b""), "127.0.0.1"),
}


@pytest.mark.parametrize("split", [False, True], ids=["whole", "byte-by-byte"])
@pytest.mark.parametrize("name", [*(f"v1-{n}" for n in V1), *(f"v2-{n}" for n in V2)])
def test_proxy_protocol_states_the_client(edge: Edge, name: str, split: bool) -> None:
    version, _, key = name.partition("-")
    preamble, client_address = (V1 if version == "v1" else V2)[key]
    edge.upstream.clear()
    data = preamble + b"GET /x HTTP/1.1\r\nHost: a.test\r\n\r\n"
    with Connection(edge.proxied) as client:
        client.send([bytes([b]) for b in data] if split else data)
        assert client.response().status == 200
        client.send(b"GET /x HTTP/1.1\r\nHost: a.test\r\n\r\n")
        assert client.response().status == 200, "the preamble is read once a connection"
    first, second = hostile_requests(edge.upstream)
    assert edge.logged_client(first) == edge.logged_client(second) == client_address


BAD_PREAMBLES = {
    "none": b"",
    "lower-case": b"proxy TCP4 192.0.2.7 192.0.2.8 4321 80\r\n",
    "v1-no-crlf-in-107": b"PROXY TCP4 " + b"1" * 120,
    "v1-bad-address": b"PROXY TCP4 999.0.2.7 192.0.2.8 4321 80\r\n",
    "v1-family-mismatch": b"PROXY TCP4 2001:db8::7 2001:db8::8 4321 80\r\n",
    "v1-port-too-large": b"PROXY TCP4 192.0.2.7 192.0.2.8 70000 80\r\n",
    "v1-missing-port": b"PROXY TCP4 192.0.2.7 192.0.2.8 4321\r\n",
    "v1-lf": b"PROXY TCP4 192.0.2.7 192.0.2.8 4321 80\n",
    "v2-bad-version": SIGNATURE + struct.pack(">BBH", 0x31, 0x11, 12) + _IPV4,
    "v2-bad-command": SIGNATURE + struct.pack(">BBH", 0x2F, 0x11, 12) + _IPV4,
    "v2-too-short-for-family": _v2(1, 0x11, b"\x01\x02"),
}


@pytest.mark.parametrize("name", BAD_PREAMBLES)
def test_bad_proxy_preamble_ends_the_connection(edge: Edge, name: str) -> None:
    edge.upstream.clear()
    with Connection(edge.proxied) as client:
        client.send(BAD_PREAMBLES[name] + b"GET /x HTTP/1.1\r\nHost: a.test\r\n\r\n")
        answer = client.read_until_close()
    assert answer == b"" or answer.startswith(b"HTTP/1.1 400 ")
    assert hostile_requests(edge.upstream) == []


def test_proxy_line_on_an_ordinary_listener_is_a_bad_request(edge: Edge) -> None:
    edge.upstream.clear()
    with Connection(edge.gateway.port) as client:
        client.send(V1["tcp4"][0] + b"GET /x HTTP/1.1\r\nHost: a.test\r\n\r\n")
        assert client.response().status == 400
    assert hostile_requests(edge.upstream) == []


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


def test_ordinary_fields_pass_untouched_and_in_order(edge: Edge) -> None:
    """Also doubled ones, odd case, empty values, 8-bit values and credentials meant for the upstream."""
    lines = [
        "Accept: a/b",
        "X-Double: 1",
        "x-DOUBLE: 2",
        "Cookie: a=b; c=d",
        "Authorization: Bearer token",
        "X-Empty:",
        "X-Latin: \xe4\xff",
        "X-Spaced: a  b\tc",
        "!#$%&'*+-.^`|~: all token characters",
    ]
    arrived = edge.send(*lines)
    wanted = [(n, v.strip()) for n, _, v in (line.partition(":") for line in lines)]
    assert [pair for pair in arrived.headers if pair in wanted] == wanted


def test_response_fields_pass_but_for_hop_by_hop(edge: Edge) -> None:
    fields = [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("X-A", "1"), ("Server", "origin")]
    hop = [("Connection", "X-Hop"), ("X-Hop", "1"), ("Keep-Alive", "timeout=9"), ("X-B", "2")]
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields + hop)
    edge.upstream.answer(f"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n{lines}\r\nok".encode())
    try:
        response = edge.gateway.get("/x")
    finally:
        edge.upstream.answer(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    assert response.all("set-cookie") == ["a=1", "b=2"]
    assert (response.header("x-a"), response.header("x-b")) == ("1", "2")
    assert response.header("x-hop") is None
    assert response.header("keep-alive") is None
