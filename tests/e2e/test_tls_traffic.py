"""Whole exchanges over TLS: the bytes and their order are those of plain connections."""

from __future__ import annotations

import hashlib
import os
import ssl
import threading
from collections.abc import Callable, Iterator

import pytest

from tests.e2e.messages import post
from tests.e2e.secure import both_versions, forwarding_tls
from tests.harness import (
    Authority,
    Connection,
    Gateway,
    Issued,
    RecordingUpstream,
    ok,
)

BIG = os.urandom(1 << 20) * 10
REQUEST = b"GET / HTTP/1.1\r\nHost: site.test\r\n\r\n"


@pytest.fixture(scope="module")
def gateway(
    module_gateway: Callable[..., Gateway], shared_upstream: RecordingUpstream, site: Issued
) -> Gateway:
    config = forwarding_tls(shared_upstream.url, site)
    config["routes"]["all"]["max_body"] = "off"
    return module_gateway(config)


@both_versions
def test_big_bodies_both_ways(
    gateway: Gateway,
    authority: Authority,
    fresh_upstream: RecordingUpstream,
    version: ssl.TLSVersion,
) -> None:
    fresh_upstream.answer(lambda request: ok(request.body))
    with Connection(gateway.port, tls=authority.client(version), timeout=30) as client:
        for chunked in (False, True):
            client.send(post(BIG, chunked))
            response = client.response()
            assert response.complete
            assert _digest(response.body) == _digest(BIG)
            assert _digest(fresh_upstream.last.body) == _digest(BIG)


@both_versions
def test_slow_reader_gets_every_byte(
    gateway: Gateway,
    authority: Authority,
    fresh_upstream: RecordingUpstream,
    version: ssl.TLSVersion,
) -> None:
    """The gateway holds the upstream back meanwhile: it cannot have taken everything."""
    sent = threading.Event()

    def parts() -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (8 * len(BIG))
        for _ in range(8):
            yield BIG
        sent.set()

    fresh_upstream.answer(lambda _: parts())
    with Connection(gateway.port, tls=authority.client(version), timeout=30) as client:
        client.send(REQUEST)
        assert b"200 OK" in (client.read_head() or b"")
        start = client.read_exactly(100_000)
        assert not sent.is_set()
        body = start + client.read_exactly(8 * len(BIG) - len(start))
        assert _digest(body) == _digest(BIG * 8)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@both_versions
def test_pipelined_requests_in_one_record(
    gateway: Gateway,
    authority: Authority,
    fresh_upstream: RecordingUpstream,
    version: ssl.TLSVersion,
) -> None:
    fresh_upstream.answer(lambda request: ok(request.target.encode() + b" " + request.body))
    with Connection(gateway.port, tls=authority.client(version)) as client:
        client.send(b"".join(post(b"body %d" % n, bool(n % 2), f"/{n}") for n in range(50)))
        answers = [client.response().body for _ in range(50)]
    assert answers == [b"/%d body %d" % (n, n) for n in range(50)]


def test_one_byte_a_record(
    gateway: Gateway, authority: Authority, fresh_upstream: RecordingUpstream
) -> None:
    fresh_upstream.answer(lambda request: ok(request.body))
    data = post(b"body", True)
    with Connection(gateway.port, tls=authority.client()) as client:
        client.send(data[at : at + 1] for at in range(len(data)))
        assert client.response().body == b"body"


def test_many_requests_on_one_connection(
    gateway: Gateway, authority: Authority, fresh_upstream: RecordingUpstream
) -> None:
    with Connection(gateway.port, tls=authority.client()) as client:
        for number in range(200):
            assert client.request(target=f"/{number}").status == 200
    assert len({request.connection for request in fresh_upstream.requests}) == 1


def test_upstream_is_told_that_it_was_https(
    gateway: Gateway, authority: Authority, fresh_upstream: RecordingUpstream
) -> None:
    headers = [("X-Forwarded-Proto", "http"), ("Forwarded", "proto=http")]
    assert gateway.get("/", tls=authority.client(), headers=headers).status == 200
    assert fresh_upstream.last.all("x-forwarded-proto") == ["https"]
    assert fresh_upstream.last.all("x-forwarded-port") == [str(gateway.port)]
    assert fresh_upstream.last.header("forwarded") is None
