"""Starting: fresh, with a broken configuration, from what was good before, twice, and under limits."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
from typing import TYPE_CHECKING

import psutil
import pytest

from tests.harness import eventually
from tests.harness.configs import answering

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.harness import Gateway

BROKEN = "version: 1\nruotes: {}\n"


def test_fresh_start_serves_the_new_configuration_first(
    gateway_of: Callable[..., Gateway],
) -> None:
    """Also when there is a last good one: the very first answer is by the file as it is now."""
    gateway = gateway_of(answering("one"))
    gateway.stop()
    gateway.write(answering("two"))
    gateway.start()
    assert gateway.get("/").body == b"two"


def test_broken_without_a_last_good_one(gateway_of: Callable[..., Gateway]) -> None:
    gateway = gateway_of(BROKEN, wait_ready=False)
    assert gateway.wait() == 1
    assert f"{gateway.file}:2:1: ruotes: " in gateway.stderr
    assert "Traceback" not in gateway.stderr
    gateway.assert_nothing_left()


def test_broken_with_a_last_good_one(gateway_of: Callable[..., Gateway]) -> None:
    gateway = gateway_of(answering("good"))
    good = gateway.status_json()["hash"]
    gateway.stop()
    gateway.write(BROKEN)
    gateway.start()
    assert gateway.get("/").body == b"good"
    assert f"{gateway.file}:2:1: ruotes: " in gateway.stderr
    eventually(lambda: "SERVING THE PREVIOUS ONE" in gateway.stderr)
    status = gateway.status_json()
    assert (status["hash"], status["last_reload"]["result"]) == (good, "refused")
    assert gateway.metric("frontdesk_config_last_reload_successful") == 0
    gateway.write(answering("repaired"))
    eventually(lambda: gateway.get("/").body == b"repaired")


def test_broken_with_a_last_good_one_that_is_not_wanted(
    gateway_of: Callable[..., Gateway],
) -> None:
    gateway = gateway_of(answering("good"), args=("--no-last-good",))
    gateway.stop()
    gateway.write(BROKEN)
    gateway._wait_ready = False
    gateway.start()
    assert gateway.wait() == 1


@pytest.mark.parametrize("damage", ["cut", "other-schema", "nonsense"])
def test_last_good_one_that_cannot_be_used(gateway_of: Callable[..., Gateway], damage: str) -> None:
    gateway = gateway_of(answering("good"))
    gateway.stop()
    path = gateway.state_dir / "last-good"
    head, _, snapshot = path.read_bytes().partition(b"\n")
    if damage == "cut":
        path.write_bytes(head + b"\n" + snapshot[:-1])
    elif damage == "nonsense":
        path.write_bytes(b"\x00\xff")
    else:
        meta = json.loads(head)
        meta["schema_hash"] = "0" * 16
        path.write_bytes(json.dumps(meta).encode() + b"\n" + snapshot)
    gateway.write(BROKEN)
    gateway._wait_ready = False
    gateway.start()
    assert gateway.wait() == 1
    said = {"cut": "damaged", "nonsense": "damaged", "other-schema": "0000000000000000"}
    assert said[damage] in gateway.stderr


def test_control_that_hangs_at_the_start(gateway_of: Callable[..., Gateway]) -> None:
    """After ten seconds without a verdict the last good configuration is served, then the new one."""
    gateway = gateway_of(answering("good"))
    gateway.stop()
    # So many that control is still compiling when it is stopped.
    unused = {f"r{n}": {"match": {"path": f"/r{n}"}, "respond": {}} for n in range(10_000)}
    new = answering("new")
    gateway.write({"routes": {**new["routes"], **unused}})
    gateway._wait_ready = False
    gateway.start()
    control = gateway.control_pid()
    os.kill(control, signal.SIGSTOP)
    try:
        eventually(lambda: body(gateway) == b"good", within=30)
        assert "control gives no verdict" in gateway.stderr
    finally:
        os.kill(control, signal.SIGCONT)
    eventually(lambda: body(gateway) == b"new", within=30)
    gateway.wait_ready()


def body(gateway: Gateway) -> bytes:
    try:
        return gateway.get("/").body
    except OSError:
        return b""


def test_bad_address_at_the_start(gateway_of: Callable[..., Gateway]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        taken = answering("x", listeners={"web": {"address": f"127.0.0.1:{port}"}})
        gateway = gateway_of(taken, wait_ready=False)
        assert gateway.wait() == 1
    assert f"listener web: cannot bind 127.0.0.1:{port}: Address already in use" in gateway.stderr


def test_missing_file(gateway_of: Callable[..., Gateway]) -> None:
    gateway = gateway_of(answering("x"), wait_ready=False, args=())
    gateway.stop()
    gateway.file.unlink()
    gateway.start()
    assert gateway.wait() == 1
    assert str(gateway.file) in gateway.stderr
    assert "Traceback" not in gateway.stderr


def test_second_one_is_refused(gateway_of: Callable[..., Gateway]) -> None:
    gateway = gateway_of(answering("one"))
    second = gateway.cli("run", *gateway.command()[2:])
    assert second.returncode == 1
    assert f"runs already (pid {gateway.pid})" in second.stderr
    assert gateway.get("/").body == b"one"


def test_run_dir_that_others_can_write(gateway_of: Callable[..., Gateway], tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    gateway = gateway_of(answering("one"), wait_ready=False)
    gateway.stop()
    gateway.run_dir = shared
    gateway.start()
    assert gateway.wait() == 1
    assert "is writable by others" in gateway.stderr


def test_run_dir_too_long_for_sockets(gateway_of: Callable[..., Gateway], tmp_path: Path) -> None:
    gateway = gateway_of(answering("one"), wait_ready=False)
    gateway.stop()
    gateway.run_dir = tmp_path / ("x" * 100)
    gateway.start()
    assert gateway.wait() == 1
    assert "too long for Unix sockets" in gateway.stderr


def test_state_that_cannot_be_written_only_warns(
    gateway_of: Callable[..., Gateway], tmp_path: Path
) -> None:
    gateway = gateway_of(answering("one"), wait_ready=False)
    gateway.stop()
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    gateway.state_dir = blocked
    gateway.start()
    gateway.wait_ready()
    assert gateway.get("/").body == b"one"
    assert "no last good configuration will be kept" in gateway.stderr
    # With no snapshot on disk a replaced worker gets its configuration from control.
    os.kill(gateway.worker_pids()[0], signal.SIGKILL)
    assert gateway.get("/").body == b"one"


def test_folders_and_sockets_are_private(gateway_of: Callable[..., Gateway]) -> None:
    gateway = gateway_of(answering("one"))

    def mode(path: Path) -> int:
        return stat.S_IMODE(path.stat().st_mode)

    assert mode(gateway.run_dir) == 0o700
    assert mode(gateway.state_dir) == 0o700
    assert mode(gateway.run_dir / "control.sock") & 0o077 == 0
    assert mode(gateway.run_dir / "worker-0.sock") == 0o600
    last_good = gateway.state_dir / "last-good"
    eventually(last_good.exists, what="the last good configuration")
    assert mode(last_good) == 0o600


def test_working_directory_is_not_imported_from(gateway_of: Callable[..., Gateway]) -> None:
    """A `json.py` beside the configuration must not become part of the gateway."""
    gateway = gateway_of(answering("one"), wait_ready=False)
    gateway.stop()
    (gateway.folder / "json.py").write_text("raise SystemExit('imported from the cwd')")
    gateway.start()
    gateway.wait_ready()
    assert gateway.get("/").body == b"one"


def test_one_process_per_worker_and_threads_as_asked(
    gateway_of: Callable[..., Gateway],
) -> None:
    gateway = gateway_of(answering("one"), workers=3, threads=2)
    status = gateway.status_json()
    assert [w["threads"] for w in status["workers"]] == [2, 2, 2]
    assert len(gateway.worker_pids()) == 3


def test_memory_is_reported(gateway_of: Callable[..., Gateway]) -> None:
    """The goal is 150 MiB for the whole install; this prints what it is and asserts no more than sanity."""
    gateway = gateway_of(answering("one"))
    gateway.get("/")
    total = 0
    for process in (psutil.Process(gateway.pid), *gateway.processes()):
        pss = process.memory_full_info().pss
        total += pss
        print(f"{process.cmdline()[4]}: {pss / 2**20:.1f} MiB")
    print(f"all: {total / 2**20:.1f} MiB")
    assert total < 300 * 2**20


def test_log_file_is_reopened(gateway_of: Callable[..., Gateway]) -> None:
    gateway = gateway_of(answering("one"))
    gateway.get("/before")
    gateway.log_lines(at_least=1)
    moved = gateway.access_log.with_suffix(".1")
    gateway.access_log.rename(moved)
    gateway.kill(signal.SIGUSR1)
    eventually(gateway.access_log.exists, what="the log file is made anew")
    gateway.get("/after")
    assert gateway.log_lines(at_least=1)[0]["path"] == "/after"
    assert len(moved.read_text().splitlines()) == 1
