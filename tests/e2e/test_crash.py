"""Processes that die: traffic goes on, and others take their place."""

from __future__ import annotations

import os
import signal
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.harness import Connection, Load, Stall, eventually, ok, raw
from tests.harness.configs import answering, forwarding
from tests.harness.raw import build

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.harness import Gateway, RecordingUpstream


def new_worker(gateway: Gateway, old: int) -> int:
    pids = eventually(lambda: [p for p in gateway.worker_pids() if p != old], what="a new worker")
    return pids[0]


def test_worker_is_replaced_on_the_same_sockets(gateway_of: Callable[..., Gateway]) -> None:
    gateway = gateway_of(answering("one"))
    victim = gateway.worker_pids()[0]
    os.kill(victim, signal.SIGKILL)
    killed = time.monotonic()
    # The socket goes on listening without anybody behind it, so this waits and does not fail.
    assert gateway.get("/").body == b"one"
    print(f"first answer {1000 * (time.monotonic() - killed):.0f} ms after the worker was killed")
    assert new_worker(gateway, victim) != victim
    eventually(lambda: gateway.status("/readyz") == 200)
    worker = gateway.status_json()["workers"][0]
    assert worker["restarts"] == 1
    assert gateway.metric("frontdesk_worker_restarts_total") == 1
    assert "worker 0 ended, starting another" in gateway.stderr


def _is_stopped(pid: int) -> bool:
    states = [task.read_text() for task in Path(f"/proc/{pid}/task").glob("*/stat")]
    return all(state.rpartition(")")[2].split()[0] == "T" for state in states)


def test_connections_that_wait_in_the_backlog_are_served(
    gateway_of: Callable[..., Gateway],
) -> None:
    """Clients that connect while there is no worker get their answer from the next one."""
    gateway = gateway_of(answering("one"))
    victim = gateway.worker_pids()[0]
    os.kill(victim, signal.SIGSTOP)
    # Threads stop one by one, and one that still runs would accept.
    eventually(lambda: _is_stopped(victim), what="every thread of the worker stopped")
    waiting = []
    try:
        for _ in range(20):
            connection = Connection(gateway.port)
            connection.send(build("GET", "/"))
            waiting.append(connection)
    finally:
        os.kill(victim, signal.SIGKILL)
    # Nobody accepted these while the worker was stopped; they are still in the socket's queue.
    for connection in waiting:
        assert connection.response().body == b"one"
        connection.close()


def test_worker_of_several_dies_under_load(gateway_of: Callable[..., Gateway]) -> None:
    """Only what the dead worker had in its hands may be lost; after it nothing is."""
    gateway = gateway_of(answering("one"), workers=2)
    with Load(gateway.port, keep_alive=False) as load:
        victim = gateway.worker_pids()[0]
        os.kill(victim, signal.SIGKILL)
        eventually(lambda: len(gateway.worker_pids()) == 2 and victim not in gateway.worker_pids())
        eventually(lambda: gateway.status("/readyz") == 200)
    lost = len(load.failures)
    assert lost <= 4, load.failures
    with Load(gateway.port, keep_alive=False) as after:
        before = after.done
        eventually(lambda: after.done > before + 200)
    assert after.failures == []


def test_replaced_worker_runs_the_newest_configuration(
    gateway_of: Callable[..., Gateway],
) -> None:
    gateway = gateway_of(answering("one"))
    assert gateway.reload(answering("two")).returncode == 0
    os.kill(gateway.worker_pids()[0], signal.SIGKILL)
    assert gateway.get("/").body == b"two"


def test_control_dies_under_load(
    gateway_of: Callable[..., Gateway], upstream: RecordingUpstream
) -> None:
    gateway = gateway_of(forwarding(upstream.url))
    workers = gateway.worker_pids()
    with Load(gateway.port) as load:
        for _ in range(3):
            victim = gateway.control_pid()
            os.kill(victim, signal.SIGKILL)
            eventually(lambda v=victim: gateway.control_pid() != v)
            # Probes wait in the status socket meanwhile; not one is refused.
            assert gateway.status("/readyz") == 200
    assert load.failures == []
    assert load.reopened == 0
    assert gateway.worker_pids() == workers
    assert gateway.reload(answering("two")).returncode == 0
    assert gateway.get("/").body == b"two"


def test_control_that_comes_back_applies_what_changed_meanwhile(
    gateway_of: Callable[..., Gateway],
) -> None:
    gateway = gateway_of(answering("one"))
    os.kill(gateway.control_pid(), signal.SIGKILL)
    gateway.write(answering("two"))
    eventually(lambda: gateway.get("/").body == b"two")
    assert gateway.status("/readyz") == 200


def test_control_that_comes_back_to_a_broken_file_keeps_what_runs(
    gateway_of: Callable[..., Gateway],
) -> None:
    gateway = gateway_of(answering("one"))
    before = gateway.status_json()["hash"]
    gateway.write("version: 2\n")
    os.kill(gateway.control_pid(), signal.SIGKILL)
    eventually(lambda: gateway.stderr.count('cause="control restart"') == 1)
    status = gateway.status_json()
    assert status["hash"] == before
    assert status["ready"]
    assert status["last_reload"]["result"] == "refused"
    assert gateway.get("/").body == b"one"
    # And a worker that dies now still gets what ran.
    os.kill(gateway.worker_pids()[0], signal.SIGKILL)
    assert gateway.get("/").body == b"one"


def test_worker_and_control_die_together(gateway_of: Callable[..., Gateway]) -> None:
    gateway = gateway_of(answering("one"))
    for pid in (gateway.control_pid(), *gateway.worker_pids()):
        os.kill(pid, signal.SIGKILL)
    assert gateway.get("/").body == b"one"
    eventually(lambda: gateway.status("/readyz") == 200)


def test_crash_loop_is_slowed_down_and_survived(gateway_of: Callable[..., Gateway]) -> None:
    gateway = gateway_of(answering("one"))
    for _ in range(4):
        victim = eventually(gateway.worker_pids)[0]
        os.kill(victim, signal.SIGKILL)
        eventually(lambda v=victim: v not in gateway.worker_pids())
    assert gateway.get("/").body == b"one"
    pauses = [
        float(line.rpartition("after_seconds=")[2])
        for line in gateway.stderr.splitlines()
        if "after_seconds=" in line
    ]
    assert pauses == [0.0, 0.1, 0.2, 0.4]


def test_nothing_is_left_when_the_supervisor_is_killed(
    gateway_of: Callable[..., Gateway],
) -> None:
    gateway = gateway_of(answering("one"), workers=2)
    assert len(gateway.processes()) == 3
    gateway.kill(signal.SIGKILL)
    gateway.wait()
    gateway.assert_nothing_left()
    gateway.start()
    assert gateway.get("/").body == b"one"


def test_request_in_flight_survives_the_death_of_control(
    gateway_of: Callable[..., Gateway], upstream: RecordingUpstream
) -> None:
    upstream.answer([Stall(1.0), ok(b"late")])
    gateway = gateway_of(forwarding(upstream.url))
    with Connection(gateway.port) as connection:
        connection.send(build("GET", "/slow"))
        eventually(lambda: upstream.requests)
        os.kill(gateway.control_pid(), signal.SIGKILL)
        assert connection.response().body == b"late"


def test_bytes_to_the_order_socket_do_no_harm(gateway_of: Callable[..., Gateway]) -> None:
    """Whoever may open the sockets of the run dir is the same user; nonsense must still not hurt."""
    gateway = gateway_of(answering("one"))
    for name in ("worker-0.sock", "control.sock"):
        for junk in (b"", b"\0" * 8, b"\xff" * 64, b"GET / HTTP/1.1\r\n\r\n", b'{"op": 1}\n'):
            with socket.socket(socket.AF_UNIX) as sock:
                sock.connect(str(gateway.run_dir / name))
                sock.sendall(junk)
    assert gateway.reload(answering("two")).returncode == 0
    assert gateway.get("/").body == b"two"
    assert raw(gateway.status_port, b"junk\r\n\r\n").startswith(b"HTTP/1.1 400 ")
