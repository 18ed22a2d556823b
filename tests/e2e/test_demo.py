"""`frontdesk demo`: every line it prints works when pasted, and Ctrl-C leaves nothing."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from typing import TYPE_CHECKING

import psutil
import pytest

from tests.harness import eventually, free_port
from tests.harness.gateway import FRONTDESK

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Demo:
    """A running demo and what it has printed."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._output = folder / "output"
        with self._output.open("wb") as output:
            command = [str(FRONTDESK), "demo", "--port", str(self.port)]
            env = {**os.environ, "NO_COLOR": "1", "TMPDIR": str(folder)}
            self.process = subprocess.Popen(command, stdout=output, stderr=output, env=env)

    @property
    def printed(self) -> str:
        return self._output.read_text()

    def curl_lines(self) -> list[str]:
        eventually(lambda: "/metrics" in self.printed, within=30, what=f"ready: {self.printed}")
        return [line.strip() for line in self.printed.splitlines() if line.startswith("  curl ")]


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    running = Demo(tmp_path)
    yield running
    if running.process.poll() is None:
        running.process.kill()
        running.process.wait()


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_lines_work_when_pasted_and_ctrl_c_stops_all(demo: Demo) -> None:
    answers = {}
    for line in demo.curl_lines():
        done = subprocess.run(
            ["/bin/sh", "-c", line], capture_output=True, text=True, timeout=30, check=True
        )
        answers[line.replace(f"http://127.0.0.1:{demo.port}", "")] = done.stdout
    assert '"Ada Lovelace"' in answers["curl /api/users"]
    assert any('"Alan Turing"' in text for text in answers.values())
    assert '"X-Request-Id"' in answers["curl /api/orders/1001"]
    assert answers["curl -N /api/orders/1002/events"].count("data: ") == 4
    assert '"moth-tape"' in answers["curl /shop/moth-tape"]
    assert any("308 Permanent Redirect" in text for text in answers.values())
    assert any("405 Method Not Allowed" in text for text in answers.values())
    assert any("404 Not Found" in text for text in answers.values())
    assert any("frontdesk_requests_total" in text for text in answers.values())

    family = psutil.Process(demo.process.pid).children(recursive=True)
    assert len(family) == 6, "three services, supervisor, control, worker"
    demo.process.send_signal(signal.SIGINT)
    assert demo.process.wait(30) == 0
    _, alive = psutil.wait_procs(family, timeout=5)
    assert alive == []
    assert "Traceback" not in demo.printed


def test_killed_demo_leaves_nothing(demo: Demo) -> None:
    demo.curl_lines()
    family = psutil.Process(demo.process.pid).children(recursive=True)
    demo.process.kill()
    demo.process.wait()
    _, alive = psutil.wait_procs(family, timeout=5)
    assert alive == []


def test_port_in_use(tmp_path: Path, demo: Demo) -> None:
    demo.curl_lines()
    second = subprocess.run(
        [str(FRONTDESK), "demo", "--port", str(demo.port)],
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert second.returncode == 1
    assert "is in use; choose another with --port" in second.stderr
