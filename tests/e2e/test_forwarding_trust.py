"""Who the client is: trusted proxies, the PROXY protocol, and nobody else may say."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import pytest

from tests.e2e.edge import Edge
from tests.e2e.wire import hostile_requests
from tests.harness import Connection


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
