"""Options of a listener that loosen or tighten what a request may look like."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.e2e.wire import hostile_requests
from tests.harness import Connection, Gateway, RecordingUpstream, Response, free_port


@dataclass(frozen=True)
class Doors:
    """One gateway: a strict listener, one that takes LF, one that keeps empty segments."""

    gateway: Gateway
    upstream: RecordingUpstream
    lenient: int
    slashes: int

    def send(self, port: int, data: bytes) -> Response:
        """Send bytes to a listener; its answer. What arrived is in `upstream`."""
        self.upstream.clear()
        with Connection(port) as client:
            client.send(data)
            return client.response()


@pytest.fixture(scope="module")
def doors(module_gateway: Callable[..., Gateway], shared_upstream: RecordingUpstream) -> Doors:
    lenient, slashes = free_port(), free_port()
    gateway = module_gateway(
        {
            "listeners": {
                "web": {},
                "lenient": {"address": f"127.0.0.1:{lenient}", "lf_line_ends": True},
                "slashes": {"address": f"127.0.0.1:{slashes}", "merge_slashes": False},
            },
            "services": {"up": {"url": shared_upstream.url}},
            "routes": {"all": {"match": {"path": "/**"}, "service": "up"}},
        }
    )
    return Doors(gateway, shared_upstream, lenient, slashes)


LF_HEADS = {
    "everywhere": b"POST /x HTTP/1.1\nHost: a.test\nContent-Length: 5\nX-A: 1\n\nhello",
    "request-line": b"POST /x HTTP/1.1\nHost: a.test\r\nContent-Length: 5\r\nX-A: 1\r\n\r\nhello",
    "one-field": b"POST /x HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\nX-A: 1\n\r\nhello",
    "last-line": b"POST /x HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\nX-A: 1\r\n\nhello",
}


@pytest.mark.parametrize("name", LF_HEADS)
def test_lf_line_ends_are_taken_by_option_and_never_sent_on(name: str, doors: Doors) -> None:
    assert doors.send(doors.gateway.port, LF_HEADS[name]).status == 400
    assert hostile_requests(doors.upstream) == []
    assert doors.send(doors.lenient, LF_HEADS[name]).status == 200
    (arrived,) = hostile_requests(doors.upstream)
    assert (arrived.body, arrived.header("x-a")) == (b"hello", "1")
    assert b"\n" not in arrived.head.replace(b"\r\n", b"")


STILL_REFUSED = {
    "bare-cr": b"GET /x HTTP/1.1\nHost: a.test\nX-A: a\rb\n\n",
    "cr-cr-lf": b"GET /x HTTP/1.1\r\r\nHost: a.test\n\n",
    "fold": b"GET /x HTTP/1.1\nHost: a.test\nX-A: 1\n 2\n\n",
    "chunk-size-lf": b"POST /x HTTP/1.1\nHost: a.test\nTransfer-Encoding: chunked\n\n5\nhello\r\n0\r\n\r\n",
    "chunk-data-lf": b"POST /x HTTP/1.1\nHost: a.test\nTransfer-Encoding: chunked\n\n5\r\nhello\n0\r\n\r\n",
    "te-and-length": b"POST /x HTTP/1.1\nHost: a.test\nTransfer-Encoding: chunked\nContent-Length: 5\n\n",
    "two-hosts": b"GET /x HTTP/1.1\nHost: a.test\nHost: b.test\n\n",
}


@pytest.mark.parametrize("name", STILL_REFUSED)
def test_lf_line_ends_loosen_nothing_else(name: str, doors: Doors) -> None:
    assert doors.send(doors.lenient, STILL_REFUSED[name]).status == 400
    assert not any(request.complete for request in hostile_requests(doors.upstream))


@pytest.mark.parametrize("path", ["/a//b", "//a", "/a//", "/a///b//"])
def test_empty_segments_are_kept_by_option(path: str, doors: Doors) -> None:
    data = f"GET {path} HTTP/1.1\r\nHost: a.test\r\n\r\n".encode()
    assert doors.send(doors.slashes, data).status == 200
    assert hostile_requests(doors.upstream)[0].target == path


def test_dropped_underscore_fields_are_counted(doors: Doors) -> None:
    def dropped() -> float:
        return doors.gateway.metric("frontdesk_fields_dropped_total")

    before = dropped()
    data = b"GET /x HTTP/1.1\r\nHost: a.test\r\nX_A: 1\r\nX_B: 2\r\nX-C: 3\r\n\r\n"
    assert doors.send(doors.gateway.port, data).status == 200
    assert dropped() == before + 2
