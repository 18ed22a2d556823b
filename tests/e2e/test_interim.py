"""100 (Continue), 103 (Early Hints) and the other answers before the answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.harness import Connection, Gateway, RecordingUpstream, Response, ok


@pytest.fixture(scope="module")
def gateway(module_gateway: Callable[..., Gateway], shared_upstream: RecordingUpstream) -> Gateway:
    return module_gateway(
        {
            "services": {"up": {"url": shared_upstream.url}},
            "routes": {"all": {"match": {"path": "/**"}, "service": "up", "max_body": "off"}},
        }
    )


@pytest.fixture
def service(shared_upstream: RecordingUpstream) -> Iterator[RecordingUpstream]:
    """The module's upstream with nothing recorded; its script is put back afterwards."""
    shared_upstream.clear()
    yield shared_upstream
    shared_upstream.answer(ok())


def test_expect_continue_is_answered_before_the_body(
    gateway: Gateway, service: RecordingUpstream
) -> None:
    head = b"POST / HTTP/1.1\r\nHost: a.test\r\nExpect: 100-Continue\r\nContent-Length: 5\r\n\r\n"
    with Connection(gateway.port) as client:
        client.send(head)
        assert client.response(interim=True).status == 100
        client.send(b"hello")
        assert client.response(interim=True).status == 200
        assert client.request().status == 200
    assert service.requests[0].body == b"hello"


@pytest.mark.parametrize(
    ("start", "why"),
    [
        ("POST / HTTP/1.0\r\nContent-Length: 5", "no interim answers in HTTP/1.0"),
        ("POST / HTTP/1.1\r\nContent-Length: 5", "the body was there already"),
    ],
    ids=["http-1.0", "body-sent-along"],
)
def test_expect_continue_without_need(
    start: str, why: str, gateway: Gateway, service: RecordingUpstream
) -> None:
    with Connection(gateway.port) as client:
        client.send(f"{start}\r\nHost: a.test\r\nExpect: 100-continue\r\n\r\nhello".encode())
        answers = [client.response(interim=True)]
        if answers[0].status == 100 and "1.1" in start:
            answers.append(client.response(interim=True))
        assert answers[-1].status == 200, why
    assert service.last.body == b"hello"


def _interim(count: int) -> bytes:
    return b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n" * count


@pytest.mark.parametrize("count", [1, 3, 16])
def test_interim_answers_pass(count: int, gateway: Gateway, service: RecordingUpstream) -> None:
    service.answer(_interim(count) + ok(b"final"))
    with Connection(gateway.port) as client:
        client.send(b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
        seen: list[Response] = []
        while not seen or seen[-1].status < 200:
            seen.append(client.response(interim=True))
    assert [response.status for response in seen] == [103] * count + [200]
    assert seen[0].header("link") == "</a.css>; rel=preload"
    assert seen[-1].body == b"final"


def test_interim_answers_do_not_reach_an_http_1_0_client(
    gateway: Gateway, service: RecordingUpstream
) -> None:
    service.answer(_interim(2) + ok(b"final"))
    with Connection(gateway.port) as client:
        client.send(b"GET / HTTP/1.0\r\n\r\n")
        response = client.response(interim=True)
    assert (response.status, response.body) == (200, b"final")


def test_stray_continue_from_the_upstream_is_harmless(
    gateway: Gateway, service: RecordingUpstream
) -> None:
    service.answer(b"HTTP/1.1 100 Continue\r\n\r\n" + ok(b"final"), ok(b"next"))
    with Connection(gateway.port) as client:
        assert client.request("POST", body=b"x").body == b"final"
        assert client.request().body == b"next"
