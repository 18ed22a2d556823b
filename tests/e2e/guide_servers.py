"""Real servers for the guides: nginx from the system, granian and uvicorn from the test environment."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from tests.harness import eventually, free_port

EXAMPLES = Path(__file__).parents[2] / "examples"
BIN = Path(sys.executable).parent


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


@contextmanager
def running(command: list[str], port: int, folder: Path) -> Iterator[int]:
    """Run a server until the block ends; its port."""
    log = folder / f"server-{port}.log"
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=folder, stdout=out, stderr=out)
    try:

        def up() -> bool:
            assert process.poll() is None, f"{command[0]} ended\n{log.read_text(errors='replace')}"
            return _listens(port)

        eventually(up, within=30, what=f"{command[0]} listens")
        yield port
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def nginx(folder: Path) -> Iterator[int]:
    """The nginx of the guide on a free port; its files are in `folder/site`."""
    binary = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    assert binary is not None
    port = free_port()
    shutil.copytree(EXAMPLES / "nginx", folder, dirs_exist_ok=True)
    conf = folder / "nginx.conf"
    conf.write_text(conf.read_text().replace("127.0.0.1:9080", f"127.0.0.1:{port}"))
    command = [binary, "-p", str(folder), "-c", "nginx.conf", "-e", "stderr"]
    if os.geteuid() == 0:
        # Its worker would otherwise become a user who may not read the test's folder.
        command += ["-g", "user root;"]
    with running(command, port, folder):
        yield port


@contextmanager
def granian(folder: Path, application: str = "app:app") -> Iterator[int]:
    """The granian of the guide."""
    port = free_port()
    shutil.copytree(EXAMPLES / "asgi", folder, dirs_exist_ok=True)
    options = ["--interface", "asgi", "--port", str(port), "--url-path-prefix", "/granian"]
    with running([str(BIN / "granian"), *options, application], port, folder):
        yield port


@contextmanager
def uvicorn(folder: Path) -> Iterator[int]:
    """The uvicorn of the guide."""
    port = free_port()
    shutil.copytree(EXAMPLES / "asgi", folder, dirs_exist_ok=True)
    options = ["--port", str(port), "--root-path", "/uvicorn"]
    with running([str(BIN / "uvicorn"), *options, "app:app"], port, folder):
        yield port


def configuration(example: str, **ports: int) -> dict[str, Any]:
    """The gateway's configuration of an example, with its services on other ports."""
    text = (EXAMPLES / example / "gateway.yaml").read_text()
    config: dict[str, Any] = yaml.safe_load(text)
    for name, port in ports.items():
        config["services"][name]["url"] = f"http://127.0.0.1:{port}"
    return config
