"""What the wire tests share: a plain configuration and the judgement "refused, nothing upstream"."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from tests.harness import Connection, Gateway, RecordedRequest, RecordingUpstream, Response

BYSTANDER = "/bystander"
CUT = "/cut-"
"""Start of the targets of requests that are meant to arrive in part: the upstream may notice one of these
only when the next test has begun, so each has a target of its own."""


def config(upstream: RecordingUpstream, **sections: Any) -> dict[str, Any]:
    """Every path to one service; `sections` are merged over it (one level deep)."""
    result: dict[str, Any] = {
        "services": {"up": {"url": upstream.url}},
        "routes": {"all": {"match": {"path": "/**"}, "service": "up"}},
    }
    for name, section in sections.items():
        result[name] = {**result.get(name, {}), **section}
    return result


def with_limits(upstream: RecordingUpstream, **limits: Any) -> dict[str, Any]:
    """The plain configuration with limits of the listener set."""
    return config(upstream, listeners={"web": {"limits": limits}})


def with_service(upstream: RecordingUpstream, **service: Any) -> dict[str, Any]:
    """The plain configuration with settings of the service."""
    return config(upstream, services={"up": {"url": upstream.url, **service}})


def hostile_requests(upstream: RecordingUpstream) -> list[RecordedRequest]:
    """What arrived upstream, without the bystander's requests and those under `CUT`."""
    return [r for r in upstream.requests if r.target != BYSTANDER and not r.target.startswith(CUT)]


@contextmanager
def bystander(gateway: Gateway, upstream: RecordingUpstream) -> Iterator[None]:
    """Another client's connection: open before the block, unharmed after it."""
    upstream.clear()
    with Connection(gateway.port) as other:
        assert other.request("GET", BYSTANDER).status == 200
        yield
        after = other.request("GET", BYSTANDER)
        assert (after.status, after.complete) == (200, True)


def send_all(connection: Connection, data: bytes | Iterable[bytes]) -> None:
    """Send; a peer that has answered and closed before the end is no error here."""
    with suppress(BrokenPipeError, ConnectionResetError):
        connection.send(data)


def assert_problem(response: Response, status: int | None = None) -> dict[str, Any]:
    """The answer is the gateway's own, well formed and free of internals (RFC 9457)."""
    assert response.complete
    assert response.header("content-type") == "application/problem+json"
    problem: dict[str, Any] = json.loads(response.body)
    assert {"type", "title", "status"} <= problem.keys()
    assert problem["status"] == response.status
    if status is not None:
        assert response.status == status
    assert b"127.0.0.1" not in response.head + response.body
    return problem


def exchange(gateway: Gateway, data: bytes, method: str = "GET") -> tuple[Response, bool]:
    """Send bytes on a fresh connection; the answer and whether the gateway closed after it."""
    with Connection(gateway.port) as connection:
        send_all(connection, data)
        response = connection.response(method)
        return response, connection.is_closed()


def assert_refused(
    gateway: Gateway, upstream: RecordingUpstream, data: bytes, statuses: frozenset[int]
) -> Response:
    """One of `statuses`, a closed connection, nothing upstream, and other connections unaffected."""
    with bystander(gateway, upstream):
        response, closed = exchange(gateway, data)
    assert response.status in statuses, response
    assert closed, "the connection must end, its framing cannot be trusted"
    assert hostile_requests(upstream) == []
    assert_problem(response)
    return response
