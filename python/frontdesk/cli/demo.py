"""`frontdesk demo`: the gateway in front of three small services."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from functools import partial
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from frontdesk.cli.output import fail, stdout
from frontdesk.control.options import RunOptions
from frontdesk.control.orphan import die_with_parent
from frontdesk.control.places import Places

if TYPE_CHECKING:
    from collections.abc import Iterator

SERVICES = {"users": 9001, "orders": 9002, "catalog": 9003}
"""The services and their usual ports; a port that is taken is replaced by a free one."""
STATUS_PORT = 8007
READY_WITHIN = 30.0

REQUESTS = (
    ("the users", "curl {url}/api/users"),
    (
        "a new user",
        'curl {url}/api/users -d \'{{"name": "Alan Turing", "email": "alan@example.com"}}\'',
    ),
    ("an order, and what the gateway tells the service", "curl {url}/api/orders/1001"),
    ("server-sent events, passed on as they come", "curl -N {url}/api/orders/1002/events"),
    ("a path rewritten", "curl {url}/shop/moth-tape"),
    ("a redirect", "curl -i {url}/v1/shop/moth-tape"),
    ("a method that the route does not allow", "curl -i -X DELETE {url}/api/orders/1001"),
    ("no route", "curl -i {url}/nowhere"),
    ("metrics", "curl {status}/metrics"),
)  # fmt: skip

Port = Annotated[int, typer.Option(min=1, max=65535, help="The port of the gateway.")]
Host = Annotated[str, typer.Option(help="The address of the gateway.")]


def demo(port: Port = 8000, host: Host = "127.0.0.1") -> None:
    """Run the gateway in front of three small services and print requests to try.

    Ctrl-C stops all of it.
    """
    if not _is_free(host, port):
        fail(f"{host}:{port} is in use; choose another with --port")
    ports = {
        name: usual if _is_free("127.0.0.1", usual) else _free_port()
        for name, usual in SERVICES.items()
    }
    status = STATUS_PORT if _is_free("127.0.0.1", STATUS_PORT) else _free_port()
    variables = {f"FRONTDESK_DEMO_{name.upper()}": str(value) for name, value in ports.items()}
    shown = f"[{host}]" if ":" in host else host
    variables |= {"FRONTDESK_DEMO_PORT": str(port), "FRONTDESK_DEMO_HOST": shown}
    variables["FRONTDESK_DEMO_STATUS"] = str(status)
    with _services(ports), _gateway(variables) as (gateway, file):
        _wait_until_ready(gateway, status)
        _explain(f"http://{shown}:{port}", f"http://127.0.0.1:{status}", file)
        raise typer.Exit(_wait(gateway))


@contextlib.contextmanager
def _services(ports: dict[str, int]) -> Iterator[None]:
    """The three services, stopped when the block ends."""
    running = []
    try:
        with as_file(files("frontdesk.demo")) as folder:
            for name, port in ports.items():
                running.append(_start([str(folder / f"{name}.py"), "--port", str(port)], {}))
            for port in ports.values():
                _wait_for_port(port)
            yield
    finally:
        for process in running:
            process.kill()
            process.wait()


@contextlib.contextmanager
def _gateway(variables: dict[str, str]) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """The gateway on a copy of the configuration that may be edited, with state that is thrown away."""
    folder = Path(tempfile.mkdtemp(prefix="frontdesk-demo-"))
    file = folder / "demo.yaml"
    file.write_text(
        files("frontdesk.demo").joinpath("demo.yaml").read_text(encoding="utf-8"), encoding="utf-8"
    )
    places = Places(folder / "run", folder / "state")
    options = RunOptions(str(file), places, last_good=False, watch=True)
    process = _start(["-P", "-m", "frontdesk.control.supervisor", *options.arguments()], variables)
    try:
        yield process, file
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _start(arguments: list[str], variables: dict[str, str]) -> subprocess.Popen[bytes]:
    """A Python child that does not outlive this process, however that ends.

    It has a session of its own: a terminal's Ctrl-C reaches this process alone, which passes it on in order.
    """
    return subprocess.Popen(  # noqa: S603 - our own interpreter on our own files
        [sys.executable, *arguments],
        env={**os.environ, **variables},
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=partial(die_with_parent, os.getpid()),  # noqa: PLW1509 - there is one thread
    )


def _wait_until_ready(gateway: subprocess.Popen[bytes], status: int) -> None:
    deadline = time.monotonic() + READY_WITHIN
    while not _says_ready(status):
        if gateway.poll() is not None or time.monotonic() > deadline:
            fail("the gateway did not start; the lines above say why")
        time.sleep(0.05)


def _says_ready(status: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", status), timeout=1) as sock:
            sock.sendall(b"GET /readyz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            return sock.recv(64).startswith(b"HTTP/1.1 200 ")
    except OSError:
        return False


def _explain(url: str, status: str, file: Path) -> None:
    console = stdout()
    console.print(f"\n[bold green]Frontdesk is running on {url}[/]  (Ctrl-C stops everything)\n")
    for what, command in REQUESTS:
        console.print(f"[dim]# {what}[/]")
        console.print(f"  {command.format(url=url, status=status)}", markup=False)
    console.print("\n[dim]# see inside, in another terminal; edit the file and watch it reload[/]")
    run_dir = file.parent / "run"
    for command in ("status", "top"):
        console.print(f"  frontdesk {command} --run-dir {run_dir}", markup=False)
    console.print(f"  $EDITOR {file}\n", markup=False)


def _wait(gateway: subprocess.Popen[bytes]) -> int:
    """Wait for the gateway's end; what we are told meanwhile is told to it."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT):
        signal.signal(number, lambda told, _: gateway.send_signal(told))
    return gateway.wait()


def _is_free(host: str, port: int) -> bool:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _wait_for_port(port: int) -> None:
    deadline = time.monotonic() + READY_WITHIN
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.02)
    fail(f"an example service does not listen on port {port}")
