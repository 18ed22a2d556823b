"""Many clients at once over misbehaving pooled connections: nobody ever gets an answer meant for another."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator

import psutil
import pytest

from tests.e2e.cases import malformed
from tests.e2e.messages import as_chunks, post
from tests.e2e.wire import config, send_all
from tests.harness import (
    Connection,
    Gateway,
    RecordedRequest,
    RecordingUpstream,
    Reset,
    Truncate,
    eventually,
    ok,
)

CLIENTS = 12
ROUNDS = 60


def moody(request: RecordedRequest) -> bytes | Truncate | Reset:
    """Echoes the token of a request in one of many ways, some of which ruin the connection.

    Bytes that a target sends only after its answer was taken for whole cannot be told from an early
    answer to the next request once that is on its way (RFC 9112 section 9.2), so they are not among them.
    """
    token = request.body or request.target.encode()
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + as_chunks(token, 7)
    answers: list[bytes | Truncate | Reset] = [
        ok(token),
        chunked,
        ok(token, [("Connection", "close")]),
        Truncate(ok(token)),
        Truncate(b"HTTP/1.1 200 OK\r\n\r\n" + token),
        ok(token) + ok(b"poison"),
        ok(token)[:-2],
        Truncate(chunked[:-9]),
        Truncate(),
        Reset(),
        b"HTTP/1.1 103 Early Hints\r\n\r\n" + ok(token),
        b"nonsense\r\n\r\n",
    ]
    pick = random.Random(request.target + str(request.connection)).choice(answers)
    return Truncate(pick) if pick == ok(token)[:-2] else pick


@pytest.mark.parametrize("threads", [1, 2])
def test_every_whole_answer_is_the_askers_own(
    threads: int, gateway_of: Callable[..., Gateway]
) -> None:
    with RecordingUpstream(moody) as upstream:
        gateway = gateway_of(config(upstream), threads=threads)
        whole, wrong = 0, []
        lock = threading.Lock()

        def client(number: int) -> None:
            nonlocal whole
            for target, answer in _ask(gateway, number):
                with lock:
                    whole += answer is not None
                    if answer is not None and answer != target.encode():
                        wrong.append((target, answer))

        clients = [threading.Thread(target=client, args=(n,)) for n in range(CLIENTS)]
        for thread in clients:
            thread.start()
        for thread in clients:
            thread.join(100)
        assert wrong == []
        assert whole > CLIENTS * ROUNDS // 4, "most of the moods still give an answer"


def _ask(gateway: Gateway, number: int) -> Iterator[tuple[str, bytes | None]]:
    """Requests of one client, kept alive where possible: target, and the body of a whole 200."""
    connection = Connection(gateway.port)
    for turn in range(ROUNDS):
        target = f"/{number}-{turn}"
        data = post(target.encode(), bool(turn % 2), target)
        try:
            send_all(connection, data if turn % 3 else data.replace(b"POST", b"PUT", 1))
            response = connection.response()
        except ConnectionError:
            response = None
        usable = response is not None and response.status == 200 and response.complete
        yield target, response.body if response is not None and usable else None
        if response is None or not response.complete or connection.closed:
            connection.close()
            connection = Connection(gateway.port)
    connection.close()


def test_answer_before_the_upload_ended_does_not_leave_a_connection_to_reuse(
    gateway_of: Callable[..., Gateway],
) -> None:
    """The upstream answers from the head and stays open, the client goes on uploading."""
    with RecordingUpstream(lambda r: ok(r.target.encode()), early=True) as upstream:
        gateway = gateway_of(config(upstream))
        for turn in range(5):
            with Connection(gateway.port) as client:
                client.send(b"POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: 90000\r\n\r\n")
                assert client.response().body == b"/up"
                send_all(client, b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n" * (turn + 1))
            assert gateway.get("/after").body == b"/after"
        assert not [r for r in upstream.requests if r.target == "/smuggled"]


def test_faults_leave_no_descriptor_behind(
    gateway_of: Callable[..., Gateway], upstream: RecordingUpstream
) -> None:
    gateway = gateway_of(config(upstream))
    worker = psutil.Process(gateway.worker_pids()[0])
    assert gateway.get("/warm").status == 200
    before = worker.num_fds()
    upstream.answer(
        Reset(), Truncate(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx"), b"?\r\n\r\n"
    )
    for case in [*malformed.CHUNKS, *malformed.FIELDS, *malformed.CONTENT_LENGTH] * 3:
        with Connection(gateway.port) as client:
            send_all(client, case.data)
            client.response()
    for _ in range(60):
        with Connection(gateway.port) as client:
            client.send(b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf")
            client.reset()
    eventually(lambda: worker.num_fds() <= before + 2, within=20, what="descriptors given back")
