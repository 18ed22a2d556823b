"""A reader of stdout that does not read: records are lost and counted, and nothing else happens."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.harness import Gateway, eventually

CONFIG: dict[str, Any] = {
    "observe": {"access_log": {"to": "stdout"}},
    "routes": {"all": {"match": {"path": "/**"}, "respond": {"status": 200, "body": "one"}}},
}
LOST = "frontdesk_access_log_dropped_total"


@pytest.fixture
def unread_stdout(tmp_path: Path) -> Iterator[Path]:
    """A folder in which the gateway's stdout is a pipe that is open and never read."""
    pipe = tmp_path / "stdout.log"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    yield tmp_path
    os.close(reader)


def test_unread_stdout_stops_nothing(
    unread_stdout: Path, gateway_of: Callable[..., Gateway]
) -> None:
    gateway = gateway_of(CONFIG, folder=unread_stdout, watch=False)

    def one_more_is_lost() -> bool:
        assert gateway.get("/" + "x" * 2000).status == 200
        return gateway.metric(LOST) > 0

    eventually(one_more_is_lost, within=60)
    changed = {"routes": {"all": {"match": {"path": "/**"}, "respond": {"body": "two"}}}}
    done = gateway.reload(CONFIG | changed)
    assert done.returncode == 0, done.stderr
    assert gateway.get("/").body == b"two"
    assert gateway.status("/metrics") == 200
    assert gateway.stop() == 0, "drained and stopped by itself"


def test_a_full_disk_is_counted_and_told_once(gateway_of: Callable[..., Gateway]) -> None:
    config = CONFIG | {"observe": {"access_log": {"to": "/dev/full"}}}
    gateway = gateway_of(config, watch=False)
    for _ in range(3):
        before = gateway.metric(LOST)
        assert gateway.get("/").status == 200
        eventually(lambda lost=before: gateway.metric(LOST) > lost)
    assert gateway.stderr.count("records are lost and counted") == 1
