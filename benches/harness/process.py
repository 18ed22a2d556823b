"""Starting, watching and stopping the processes of a run."""

from __future__ import annotations

import http.client
import os
import socket
import ssl
import subprocess
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

import psutil

from .cores import pinned

if TYPE_CHECKING:
    from pathlib import Path

START_SECONDS = 60.0
STOP_SECONDS = 10.0


class StartError(RuntimeError):
    """A process ended or did not answer in time; the message has the end of its log."""


@dataclass
class Started:
    """A process with its children, listening on `port` of 127.0.0.1."""

    name: str
    port: int
    process: subprocess.Popen[bytes]
    log: Path
    seconds_to_serve: float = field(default=0.0)

    def tree(self) -> list[psutil.Process]:
        """The process and all its descendants."""
        root = psutil.Process(self.process.pid)
        return [root, *root.children(recursive=True)]

    def pids(self) -> list[int]:
        """The ids of `tree`."""
        return [process.pid for process in self.tree()]

    def stop(self) -> None:
        """Asks the process to end, then ends what is left of the tree."""
        try:
            tree = self.tree()
        except psutil.NoSuchProcess:
            return
        self.process.terminate()
        _gone, alive = psutil.wait_procs(tree, timeout=STOP_SECONDS)
        for process in alive:
            process.kill()
        self.process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


@dataclass(frozen=True)
class Launch:
    """How to start one process."""

    name: str
    command: list[str]
    port: int
    core: int
    folder: Path
    probe: str
    secure: bool = False
    environment: dict[str, str] = field(default_factory=dict)

    def start(self) -> Started:
        """Starts the process and waits until `probe`, a path, is answered with 200.

        Raises:
            StartError: it ended or did not answer within a minute.
        """
        log = self.folder / f"{self.name}.log"
        with log.open("wb") as sink:
            begin = time.monotonic()
            process = subprocess.Popen(
                pinned(self.core, self.command),
                cwd=self.folder,
                env={**os.environ, **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
            )
        started = Started(self.name, self.port, process, log)
        try:
            self._await_answer(started, begin)
        except BaseException:
            started.stop()
            raise
        started.seconds_to_serve = time.monotonic() - begin
        return started

    def _await_answer(self, started: Started, begin: float) -> None:
        while (status := status_of(self.port, self.probe, secure=self.secure)) != 200:
            if started.process.poll() is not None or time.monotonic() - begin > START_SECONDS:
                tail = started.log.read_text(errors="replace")[-2000:]
                raise StartError(
                    f"{self.name} answers {self.probe} with {status or 'nothing'}, not with 200;"
                    f" exit code {started.process.poll()}; its log ends:\n{tail}"
                )
            time.sleep(0.005)


def status_of(port: int, path: str, *, secure: bool = False) -> int | None:
    """The status of a GET, or None when nothing answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    if secure:
        # The certificate is one that was made for this run.
        trusting = ssl._create_unverified_context()  # noqa: SLF001
        connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=2, context=trusting)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def free_ports(count: int) -> list[int]:
    """Distinct free TCP ports of 127.0.0.1."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [sock.getsockname()[1] for sock in sockets]
    for sock in sockets:
        sock.close()
    return ports
