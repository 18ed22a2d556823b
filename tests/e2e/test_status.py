"""What a gateway tells of itself: the status page, `frontdesk status` and `frontdesk top`."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from tests.harness import Connection, raw
from tests.harness.configs import answering

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.harness import Gateway


@pytest.fixture(scope="module")
def gateway(module_gateway: Callable[..., Gateway]) -> Gateway:
    return module_gateway(answering("one"), workers=2)


def test_healthz_and_readyz(gateway: Gateway) -> None:
    health = gateway.status_response("/healthz")
    assert (health.status, json.loads(health.body)["status"]) == (200, "ok")
    ready = gateway.status_response("/readyz")
    assert ready.status == 200
    assert json.loads(ready.body)["hash"] == gateway.status_json()["hash"]


def test_metrics_are_well_formed_and_summed(gateway: Gateway) -> None:
    before = gateway.metric("frontdesk_requests_total")
    for _ in range(10):
        gateway.get("/")
    text = gateway.status_response("/metrics").body.decode()
    sample = re.compile(r'[a-z0-9_:]+(\{([a-z_]+="[^"]*",?)*\})? [0-9.e+-]+(Inf)?')
    series = [line for line in text.splitlines() if not line.startswith("#")]
    assert all(sample.fullmatch(line) for line in series)
    names = [line.rpartition(" ")[0] for line in series]
    assert len(names) == len(set(names)), "no series twice"
    types = [line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")]
    assert len(types) == len(set(types)), "no family twice"
    assert gateway.metric("frontdesk_requests_total") == before + 10
    assert gateway.metric("frontdesk_workers_up") == 2
    assert gateway.metric("frontdesk_build_info") >= 1


STATUS_PAGE = {
    "unknown-path": (b"GET /x HTTP/1.1\r\n\r\n", 404),
    "head": (b"HEAD /healthz HTTP/1.1\r\n\r\n", 200),
    "query": (b"GET /healthz?verbose HTTP/1.1\r\n\r\n", 200),
    "post": (b"POST /healthz HTTP/1.1\r\nContent-Length: 0\r\n\r\n", 405),
    "http-1.0": (b"GET /healthz HTTP/1.0\r\n\r\n", 200),
    "http-2": (b"PRI * HTTP/2.0\r\n\r\n", 400),
    "no-version": (b"GET /healthz\r\n\r\n", 400),
    "absolute": (b"GET http://x/healthz HTTP/1.1\r\n\r\n", 400),
    "bad-field": (b"GET /healthz HTTP/1.1\r\nbad field\r\n\r\n", 400),
    "nul": (b"GET /healthz HTTP/1.1\r\na: \0\r\n\r\n", 400),
    "too-large": (b"GET /healthz HTTP/1.1\r\na: " + b"x" * 9000 + b"\r\n\r\n", 431),
    "endless": (b"x" * 20000, 431),
}


@pytest.mark.parametrize(("sent", "status"), STATUS_PAGE.values(), ids=STATUS_PAGE.keys())
def test_status_page_is_strict(gateway: Gateway, sent: bytes, status: int) -> None:
    answer = raw(gateway.status_port, sent)
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    assert b"\r\nConnection: close\r\n" in answer


def test_status_page_under_many_open_connections(gateway: Gateway) -> None:
    """Idle connections beyond its bound give way, the oldest first."""
    idle = [Connection(gateway.status_port) for _ in range(100)]
    assert gateway.status("/healthz") == 200
    assert idle[0].is_closed()
    for connection in idle:
        connection.close()


def test_status_command(gateway: Gateway) -> None:
    status = gateway.status_json()
    assert status["ready"]
    assert status["supervisor_pid"] == gateway.pid
    assert status["control_pid"] == gateway.control_pid()
    assert sorted(worker["pid"] for worker in status["workers"]) == gateway.worker_pids()
    assert status["listeners"] == {"web": ["127.0.0.1", gateway.port]}
    shown = gateway.cli("status", "--run-dir", str(gateway.run_dir))
    assert shown.returncode == 0
    for text in ("ready", status["hash"], f"127.0.0.1:{gateway.port}", str(gateway.pid)):
        assert text in shown.stdout


def test_connections_are_counted(gateway: Gateway) -> None:
    def open_now() -> int:
        return sum(w["connections"]["open"] for w in gateway.status_json()["workers"])

    before = open_now()
    with Connection(gateway.port) as connection:
        connection.request()
        assert open_now() == before + 1


def test_top_once(gateway: Gateway) -> None:
    gateway.get("/")
    at = ("--run-dir", str(gateway.run_dir), "--interval", "0.2")
    shown = gateway.cli("top", "--once", *at)
    assert shown.returncode == 0, shown.stderr
    assert "all" in shown.stdout
    routes = json.loads(gateway.cli("top", "-o", "json", *at).stdout)
    assert {route["route"]: route["error_ratio"] for route in routes}["all"] == 0


@pytest.mark.parametrize("command", ["status", "reload", "top"])
def test_without_a_gateway(gateway: Gateway, command: str) -> None:
    done = gateway.cli(command, "--run-dir", str(gateway.folder / "nothing-here"))
    assert done.returncode == 1
    assert "no gateway answers" in done.stderr
