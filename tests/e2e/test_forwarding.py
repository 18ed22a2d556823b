"""Forwarding and identity fields: nobody states them but the gateway and the proxies it trusts."""

from __future__ import annotations

import pytest

from tests.e2e.edge import Edge
from tests.e2e.wire import hostile_requests
from tests.harness import Connection

SPOOF = "6.6.6.6"


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
