"""The service manager's protocols: readiness, reloading, watchdog, sockets handed over."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from tests.harness import eventually, free_port, request
from tests.harness.configs import answering

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.harness import Gateway


class Manager:
    """A notify socket that collects what is sent to it."""

    def __init__(self, path: str) -> None:
        self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._sock.bind(path)
        self._sock.settimeout(0.05)
        self.messages: list[dict[str, str]] = []

    def read(self) -> list[dict[str, str]]:
        while True:
            try:
                text = self._sock.recv(4096).decode()
            except TimeoutError:
                return self.messages
            lines = [line.partition("=") for line in text.splitlines()]
            self.messages.append({key: value for key, _, value in lines})

    def heard(self, key: str) -> bool:
        return any(key in message for message in self.read())

    def close(self) -> None:
        self._sock.close()


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    running = Manager(str(tmp_path / "notify"))
    yield running
    running.close()


def test_ready_reload_stop(
    gateway_of: Callable[..., Gateway], manager: Manager, tmp_path: Path
) -> None:
    env = {"NOTIFY_SOCKET": str(tmp_path / "notify")}
    gateway = gateway_of(answering("one"), env=env, watch=False)
    eventually(lambda: manager.heard("READY"))
    assert not manager.heard("RELOADING")
    first = gateway.status_json()["hash"]
    assert any(first in message.get("STATUS", "") for message in manager.messages)

    manager.messages.clear()
    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    assert gateway.reload(answering("two")).returncode == 0
    eventually(lambda: manager.heard("READY"))
    reloading, *_, ready = manager.messages
    assert reloading["RELOADING"] == "1"
    assert before <= int(reloading["MONOTONIC_USEC"])
    assert gateway.status_json()["hash"] in ready["STATUS"]

    manager.messages.clear()
    gateway.reload("version: 2\n")
    eventually(lambda: manager.heard("READY"))
    assert "refused" in manager.messages[-1]["STATUS"]

    manager.messages.clear()
    gateway.stop()
    assert manager.heard("STOPPING")


def test_not_ready_with_a_broken_configuration(
    gateway_of: Callable[..., Gateway], manager: Manager, tmp_path: Path
) -> None:
    env = {"NOTIFY_SOCKET": str(tmp_path / "notify")}
    gateway = gateway_of("version: 2\n", env=env, wait_ready=False)
    assert gateway.wait() == 1
    assert not manager.heard("READY")


def test_abstract_socket(gateway_of: Callable[..., Gateway]) -> None:
    name = f"frontdesk-test-{os.getpid()}"
    manager = Manager(f"\0{name}")
    gateway_of(answering("one"), env={"NOTIFY_SOCKET": f"@{name}"})
    eventually(lambda: manager.heard("READY"))
    manager.close()


def test_watchdog(gateway_of: Callable[..., Gateway], manager: Manager, tmp_path: Path) -> None:
    env = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "200000"}
    gateway_of(answering("one"), env=env)
    manager.messages.clear()
    eventually(lambda: sum("WATCHDOG" in m for m in manager.read()) >= 3)


# Moves the inherited descriptors to 3, 4, … as the manager does, and becomes the gateway: the pid in
# LISTEN_PID must be that of the process which runs the gateway.
ACTIVATE = """
import os, sys
fds = [int(fd) for fd in sys.argv[1].split(",")]
moved = [os.dup(fd) for fd in fds]
for at, fd in enumerate(moved):
    os.dup2(fd, 3 + at)
    os.set_inheritable(3 + at, True)
os.environ |= {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": str(len(fds)), "LISTEN_FDNAMES": sys.argv[2]}
os.execv(sys.argv[3], sys.argv[3:])
"""


def activated(gateway: Gateway, names: str, *sockets: socket.socket) -> None:
    """Start a gateway with sockets handed over."""
    numbers = ",".join(str(sock.fileno()) for sock in sockets)
    command = [sys.executable, "-c", ACTIVATE, numbers, names, *gateway.command()]
    with gateway._stderr_file.open("ab") as err:
        gateway._process = subprocess.Popen(
            command, stderr=err, env=gateway._env, cwd=gateway.folder,
            pass_fds=[sock.fileno() for sock in sockets],
        )  # fmt: skip
    gateway.wait_ready()


@pytest.fixture
def stopped(gateway_of: Callable[..., Gateway]) -> Gateway:
    """A gateway that is written down but does not run."""
    gateway = gateway_of(answering("one"), wait_ready=False, threads=2)
    gateway.stop()
    return gateway


def test_sockets_by_address(stopped: Gateway) -> None:
    """Connections made before the gateway starts wait in the manager's socket and are answered."""
    with socket.create_server(("127.0.0.1", stopped.port)) as listening:
        with socket.create_connection(("127.0.0.1", stopped.port)) as early:
            early.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            activated(stopped, "frontdesk.socket", listening)
            early.settimeout(10)
            assert early.recv(4096).startswith(b"HTTP/1.1 200 ")
        for _ in range(10):
            assert stopped.get("/").body == b"one"


def test_sockets_by_name(stopped: Gateway) -> None:
    """A socket of the listener's name is used whatever the configured address is."""
    other = free_port()
    with socket.create_server(("127.0.0.1", other)) as listening:
        activated(stopped, "web", listening)
        assert request(other).body == b"one"
        with pytest.raises(ConnectionRefusedError):
            request(stopped.port)


def test_sockets_survive_a_restart(stopped: Gateway) -> None:
    """With the manager holding the socket no connection is refused between stop and start."""
    with socket.create_server(("127.0.0.1", stopped.port)) as listening:
        activated(stopped, "frontdesk.socket", listening)
        assert stopped.get("/").body == b"one"
        stopped.stop()
        with socket.create_connection(("127.0.0.1", stopped.port)) as between:
            between.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            activated(stopped, "frontdesk.socket", listening)
            between.settimeout(10)
            assert between.recv(4096).startswith(b"HTTP/1.1 200 ")
