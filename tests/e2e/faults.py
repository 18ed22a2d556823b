"""One gateway in front of an upstream that misbehaves, and the judgements of what a client may see of it."""

from __future__ import annotations

from collections.abc import Callable

from tests.e2e.wire import assert_problem
from tests.harness import Connection, Gateway, RecordingUpstream, Response, free_port, ok

CLEAN = ok(b"clean")
POISON = ok(b"poison")


def start_faulty(start: Callable[..., Gateway], upstream: RecordingUpstream) -> Gateway:
    """Routes `/NAME/**` to services that differ in timeouts and retries, started by `start`."""
    up = upstream.url
    dead = f"http://127.0.0.1:{free_port()}"
    quick = {"connect": "500ms", "first_byte": "400ms", "idle": "400ms"}
    return start(
        {
            "services": {
                "up": {"url": up, "timeouts": {"connect": "1s", "first_byte": "10s"}},
                "once": {"url": up, "retries": {"attempts": 0}},
                "quick": {"url": up, "timeouts": quick, "retries": {"attempts": 0}},
                "total": {"url": up, "timeouts": {"total": "600ms"}, "retries": {"attempts": 0}},
                "dead": {"url": dead},
                "half-dead": {"targets": [dead, up]},
                "lenient": {"url": up, "lf_line_ends": True},
            },
            "routes": {
                name: {"match": {"path": f"/{name}/**"}, "service": name, "max_body": "off"}
                for name in ("up", "once", "quick", "total", "dead", "half-dead", "lenient")
            },
        }
    )


def assert_bad_gateway(response: Response, status: int = 502) -> None:
    """The gateway's own answer with the reason for machines (RFC 9209) and no internal address."""
    assert_problem(response, status)
    reason = response.header("proxy-status") or ""
    assert "error=" in reason
    assert "127.0.0.1" not in reason


def assert_cut(gateway: Gateway, target: str, start: bytes = b"") -> None:
    """The client can tell that the body is not whole: 502, or a reset, short or unfinished body."""
    with Connection(gateway.port, timeout=15) as client:
        client.send(b"GET " + target.encode() + b" HTTP/1.1\r\nHost: a.test\r\n\r\n" + start)
        try:
            response = client.response()
        except ConnectionError:
            return
        if response.status in (502, 504):
            assert_problem(response)
            return
        assert response.status == 200
        framed = response.header("content-length") is not None or response.chunked
        assert framed, "without framing only a reset shows the cut"
        assert not response.complete
        assert client.is_closed()
