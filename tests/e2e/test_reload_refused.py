"""Configurations that are refused: nothing changes, and every place where a user looks says why."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING

import pytest

from tests.harness import Load, free_port
from tests.harness.configs import answering

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.harness import Gateway

REFUSED = {
    "empty": "",
    "not-yaml": "version: 1\nroutes: [\n",
    "not-utf8": "version: 1\n# \udcff\n",
    "tab": "version: 1\n\troutes: {}\n",
    "not-a-map": "- a\n- b\n",
    "version": "version: 2\n",
    "unknown-key": "version: 1\nruotes: {}\n",
    "unknown-service": "version: 1\nroutes: {a: {match: {path: /}, service: nobody}}\n",
    "duplicate-key": "version: 1\nversion: 1\n",
    "bad-pattern": "version: 1\nroutes: {a: {match: {path: nopath}, respond: {body: x}}}\n",
    "bad-duration": "version: 1\nprocess: {drain: soon}\n",
    "unset-variable": "version: 1\nroutes: {a: {match: {path: '${env:NOT_SET_ANYWHERE}'}}}\n",
    "two-documents": "version: 1\n---\nversion: 1\n",
    "log-in-no-folder": "version: 1\nobserve: {access_log: {to: /no/such/folder/x.log}}\n",
    "object-tag": "version: !!python/object/apply:os.system [true]\n",
}


@pytest.fixture(scope="module")
def gateway(module_gateway: Callable[..., Gateway]) -> Gateway:
    return module_gateway(answering("good"), watch=False)


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED.keys())
def test_traffic_is_untouched_and_the_reason_is_told(gateway: Gateway, text: str) -> None:
    gateway.file.write_bytes(gateway.render(answering("good")).encode())
    assert gateway.reload().returncode == 0
    before = gateway.status_json()["hash"]
    refused = gateway.metric("frontdesk_config_reloads_total", result="refused")
    with Load(gateway.port, clients=2) as load:
        gateway.file.write_bytes(text.encode("utf-8", "surrogateescape"))
        done = gateway.reload()
    assert done.returncode == 1
    assert str(gateway.file) in done.stderr
    assert "Traceback" not in gateway.stderr
    assert load.failures == []
    assert load.bodies.keys() == {b"good"}
    status = gateway.status_json()
    assert status["hash"] == before
    assert status["ready"]
    assert status["last_reload"]["result"] == "refused"
    assert status["last_reload"]["errors"]
    assert gateway.metric("frontdesk_config_reloads_total", result="refused") > refused
    assert gateway.metric("frontdesk_config_last_reload_successful") == 0


def test_errors_name_file_line_and_column(gateway: Gateway) -> None:
    done = gateway.reload("version: 1\nruotes: {}\n")
    place = f"{gateway.file}:2:1: ruotes: "
    assert place in done.stderr
    assert place in gateway.stderr
    error = gateway.status_json()["last_reload"]["errors"][0]
    assert (error["line"], error["column"]) == (2, 1)
    shown = gateway.cli("status", "--run-dir", str(gateway.run_dir))
    assert place in shown.stdout
    machine = gateway.cli("reload", "--run-dir", str(gateway.run_dir), "-o", "json")
    assert json.loads(machine.stdout)["errors"][0]["line"] == 2


def test_address_in_use(gateway: Gateway) -> None:
    """Also by a socket of the same user with SO_REUSEPORT, which would share the port in silence."""
    for option in (socket.SO_REUSEADDR, socket.SO_REUSEPORT):
        with socket.socket() as other:
            other.setsockopt(socket.SOL_SOCKET, option, 1)
            other.bind(("127.0.0.1", 0))
            other.listen()
            port = other.getsockname()[1]
            taken = {"web": {}, "taken": {"address": f"127.0.0.1:{port}"}}
            done = gateway.reload(answering("bad", listeners=taken))
        assert done.returncode == 1
        assert (
            f"listener taken: cannot bind 127.0.0.1:{port}: Address already in use" in done.stderr
        )
        line, column = place_of(gateway, f"127.0.0.1:{port}")
        assert (
            f"gateway.yaml:{line}:{column}: listeners.taken.address: listener taken" in done.stderr
        )
        assert gateway.get("/").body == b"good"


def place_of(gateway: Gateway, value: str) -> tuple[int, int]:
    """Line and column of a value in the file, which is written once."""
    for number, line in enumerate(gateway.file.read_text().splitlines(), start=1):
        if value in line:
            return number, line.index(value) + 1
    raise AssertionError(f"{value} is not in the file")


def test_log_file_that_cannot_be_opened(gateway: Gateway) -> None:
    to = "/proc/nowhere/access.log"
    done = gateway.reload(answering("bad", observe={"access_log": {"to": to}}))
    assert done.returncode == 1
    line, column = place_of(gateway, to)
    assert (
        f"gateway.yaml:{line}:{column}: observe.access_log.to: the file {to} cannot" in done.stderr
    )
    assert gateway.get("/").body == b"good"


def test_every_address_that_cannot_be_bound_is_named(gateway: Gateway) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = f"127.0.0.1:{other.getsockname()[1]}"
        listeners = {"web": {}, "far": {"address": "192.0.2.1:80"}, "taken": {"address": taken}}
        done = gateway.reload(answering("bad", listeners=listeners))
    assert done.returncode == 1
    assert "listeners.far.address: listener far" in done.stderr
    assert "listeners.taken.address: listener taken" in done.stderr


def test_one_bad_listener_leaves_no_other_bound(gateway: Gateway) -> None:
    """The good one of two new listeners is closed again when the other cannot be bound."""
    good = free_port()
    with socket.create_server(("127.0.0.1", 0)) as other:
        listeners = {
            "web": {},
            "good": {"address": f"127.0.0.1:{good}"},
            "taken": {"address": f"127.0.0.1:{other.getsockname()[1]}"},
        }
        assert gateway.reload(answering("bad", listeners=listeners)).returncode == 1
    with socket.create_server(("127.0.0.1", good)):
        pass


def test_status_address_in_use(gateway: Gateway) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"
        done = gateway.reload(answering("bad", observe={"metrics": {"address": address}}))
    assert done.returncode == 1
    line, column = place_of(gateway, address)
    assert (
        f"gateway.yaml:{line}:{column}: observe.metrics.address: listener status: cannot bind {address}"
        in done.stderr
    )
    assert gateway.status("/readyz") == 200
    assert gateway.get("/").body == b"good"


def test_address_of_no_interface(gateway: Gateway) -> None:
    listeners = {"web": {}, "far": {"address": "192.0.2.1:80"}}
    done = gateway.reload(answering("bad", listeners=listeners))
    assert done.returncode == 1
    assert "no interface of this machine has that address" in done.stderr
