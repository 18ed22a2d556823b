"""Reloading a running gateway: every way to ask for it, and not one failed request."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from tests.harness import Connection, Load, Stall, eventually, free_port, ok, request
from tests.harness.configs import answering, forwarding

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.harness import Gateway, RecordingUpstream


def body_is(gateway: Gateway, text: str) -> bool:
    return gateway.get("/").body == text.encode()


def test_by_command(gateway_of: Callable[..., Gateway]) -> None:
    gateway = gateway_of(answering("one"), watch=False)
    done = gateway.reload(answering("two"))
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"applied: {gateway.status_json()['hash']}")
    assert gateway.get("/").body == b"two"


def test_by_command_without_a_change(gateway_of: Callable[..., Gateway]) -> None:
    gateway = gateway_of(answering("one"), watch=False)
    before = gateway.status_json()["hash"]
    done = gateway.reload()
    assert done.returncode == 0
    assert done.stdout.startswith(f"unchanged: {before}")


def test_by_signal(gateway_of: Callable[..., Gateway], tmp_path: Path) -> None:
    gateway = gateway_of(answering("one"), watch=False)
    gateway.write(answering("two"))
    gateway.kill(signal.SIGHUP)
    eventually(lambda: body_is(gateway, "two"))
    assert gateway.running


def test_by_file_replaced(gateway_of: Callable[..., Gateway]) -> None:
    gateway = gateway_of(answering("one"))
    gateway.write(answering("two"))
    eventually(lambda: body_is(gateway, "two"))
    assert gateway.status_json()["last_reload"]["cause"] == "file change"


def test_by_file_written_in_place(gateway_of: Callable[..., Gateway]) -> None:
    gateway = gateway_of(answering("one"))
    gateway.file.write_text(gateway.render(answering("two")))
    eventually(lambda: body_is(gateway, "two"))


def test_by_file_that_was_away_for_a_moment(gateway_of: Callable[..., Gateway]) -> None:
    gateway = gateway_of(answering("one"))
    gateway.file.unlink()
    eventually(lambda: gateway.metric("frontdesk_config_last_reload_successful") == 0)
    assert gateway.get("/").body == b"one"
    gateway.write(answering("two"))
    eventually(lambda: body_is(gateway, "two"))
    # Traffic sees the new configuration a moment before its success is on record.
    eventually(lambda: gateway.metric("frontdesk_config_last_reload_successful") == 1)


def test_by_file_referred_to(gateway_of: Callable[..., Gateway]) -> None:
    gateway = gateway_of(answering("one"))
    text = gateway.folder / "text.txt"
    text.write_text("from a file")
    assert gateway.reload(answering("${file:text.txt}")).returncode == 0
    assert gateway.get("/").body == b"from a file"
    text.write_text("changed")
    eventually(lambda: body_is(gateway, "changed"))


def test_by_configmap_swap(gateway_of: Callable[..., Gateway], tmp_path: Path) -> None:
    """Kubernetes mounts `gateway.yaml -> ..data/gateway.yaml` and swaps the link `..data`."""
    gateway = gateway_of(answering("one"), wait_ready=False, folder=_mount(tmp_path))
    first, second = gateway.folder / "..1", gateway.folder / "..2"
    for folder, text in ((first, "one"), (second, "two")):
        folder.mkdir()
        (folder / "gateway.yaml").write_text(gateway.render(answering(text)))
    (gateway.folder / "..data").symlink_to("..1")
    gateway.file.unlink()
    gateway.file.symlink_to("..data/gateway.yaml")
    gateway.wait_ready()
    eventually(lambda: body_is(gateway, "one"))
    (gateway.folder / "..data_tmp").symlink_to("..2")
    (gateway.folder / "..data_tmp").rename(gateway.folder / "..data")
    eventually(lambda: body_is(gateway, "two"))


def _mount(tmp_path: Path) -> Path:
    return tmp_path / "mount"


def test_folder_of_files(gateway_of: Callable[..., Gateway]) -> None:
    """A folder is one configuration; a file that appears in it is a change."""
    gateway = gateway_of(answering("one"), wait_ready=False)
    gateway.stop()
    parts = gateway.folder / "parts"
    parts.mkdir()
    gateway.file.rename(parts / "10-base.yaml")
    gateway.file = parts
    gateway.start()
    gateway.wait_ready()
    more = 'version: 1\nroutes:\n  more: {match: {path: /more}, respond: {body: "more"}}\n'
    (parts / "20-more.yaml").write_text(more)
    eventually(lambda: gateway.get("/more").body == b"more")
    assert gateway.get("/").body == b"one"


def test_under_load(gateway_of: Callable[..., Gateway], upstream: RecordingUpstream) -> None:
    """Twenty reloads while four clients send: nothing fails, and each reload is in force at once."""
    gateway = gateway_of(forwarding(upstream.url))
    with Load(gateway.port) as load:
        for number in range(20):
            marked = forwarding(upstream.url)
            marked["routes"]["mark"] = {
                "match": {"path": "/mark"},
                "respond": {"body": f"{number}"},
            }
            assert gateway.reload(marked).returncode == 0
            assert gateway.get("/mark").body == f"{number}".encode()
    assert load.failures == []
    assert load.done > 0
    assert load.reopened == 0, "a reload closes no connection"


def test_under_load_without_keep_alive(gateway_of: Callable[..., Gateway]) -> None:
    gateway = gateway_of(answering("0"), workers=2, watch=False)
    with Load(gateway.port, keep_alive=False) as load:
        for number in range(1, 11):
            assert gateway.reload(answering(str(number))).returncode == 0
    assert load.failures == []
    assert load.bodies.keys() <= {str(number).encode() for number in range(11)}


def test_listener_comes_and_goes_under_load(gateway_of: Callable[..., Gateway]) -> None:
    gateway = gateway_of(answering("one"), workers=2, threads=2, watch=False)
    extra = free_port()
    more = answering("two", listeners={"web": {}, "extra": {"address": f"127.0.0.1:{extra}"}})
    with Load(gateway.port, keep_alive=False) as load:
        for _ in range(4):
            assert gateway.reload(more).returncode == 0
            for _ in range(8):
                assert request(extra).body == b"two"
            assert gateway.reload(answering("one")).returncode == 0
            with pytest.raises(ConnectionRefusedError):
                request(extra)
    assert load.failures == []


def test_listener_moves_to_another_port(gateway_of: Callable[..., Gateway]) -> None:
    gateway = gateway_of(answering("one"), watch=False)
    old, new = gateway.port, free_port()
    moved = answering("two", listeners={"web": {"address": f"127.0.0.1:{new}"}})
    done = gateway.reload(moved)
    assert done.returncode == 0, done.stderr
    assert request(new).body == b"two"
    with pytest.raises(ConnectionRefusedError):
        request(old)


def test_listener_is_renamed_on_its_port(gateway_of: Callable[..., Gateway]) -> None:
    gateway = gateway_of(answering("one"), threads=2, watch=False)
    address = {"address": f"127.0.0.1:{gateway.port}"}
    with Load(gateway.port, keep_alive=False) as load:
        assert gateway.reload(answering("two", listeners={"main": address})).returncode == 0
        for _ in range(8):
            assert gateway.get("/").body == b"two"
    assert load.failures == []


def test_status_page_moves(gateway_of: Callable[..., Gateway]) -> None:
    gateway = gateway_of(answering("one"))
    old, new = gateway.status_port, free_port()
    moved = answering("two", observe={"metrics": {"address": f"127.0.0.1:{new}"}})
    assert gateway.reload(moved).returncode == 0
    gateway.status_port = new
    assert gateway.status("/readyz") == 200
    with pytest.raises(ConnectionRefusedError):
        request(old)


def test_number_of_workers_is_kept_until_the_next_start(
    gateway_of: Callable[..., Gateway],
) -> None:
    gateway = gateway_of(answering("one"), watch=False)
    done = gateway.reload(answering("two", process={"workers": 2, "threads": 1}))
    assert done.returncode == 0
    assert "process.workers: 2 takes effect at the next start; 1 now" in done.stderr
    assert len(gateway.worker_pids()) == 1
    assert gateway.get("/").body == b"two"


def test_counts(gateway_of: Callable[..., Gateway]) -> None:
    gateway = gateway_of(answering("one"), watch=False)
    gateway.reload(answering("two"))
    gateway.reload()
    gateway.reload("version: 2\n")

    def count(result: str) -> float:
        return gateway.metric("frontdesk_config_reloads_total", result=result)

    assert (count("applied"), count("unchanged"), count("refused")) == (1, 1, 1)
    assert gateway.metric("frontdesk_config_last_reload_successful") == 0
    assert gateway.metric("frontdesk_config_last_applied_timestamp_seconds") > 1_700_000_000


def test_removed_target_is_let_go_while_a_long_request_lasts(
    gateway_of: Callable[..., Gateway], upstream: RecordingUpstream
) -> None:
    """The request keeps its configuration, but not that one's idle connections."""
    gateway = gateway_of(forwarding(upstream.url), watch=False)
    with Connection(gateway.port) as busy, Connection(gateway.port) as other:
        upstream.answer(lambda r: Stall() if r.target == "/long" else ok())
        busy.send(b"GET /long HTTP/1.1\r\nHost: a.test\r\n\r\n")
        eventually(lambda: upstream.requests)
        long = upstream.connection_of(upstream.last)
        assert other.request("GET", "/idle").status == 200
        idle = upstream.connection_of(upstream.last)
        assert gateway.reload(answering("gone")).returncode == 0
        eventually(lambda: idle.ended != "open", within=8, what="the idle connection closed")
        assert long.ended == "open"


def test_only_the_threads_that_serve_have_full_priority(gateway_of: Callable[..., Gateway]) -> None:
    gateway = gateway_of(answering("one"))
    worker = psutil.Process(gateway.worker_pids()[0])
    nice = {
        Path(f"/proc/{worker.pid}/task/{thread.id}/comm").read_text().strip(): os.getpriority(
            os.PRIO_PROCESS, thread.id
        )
        for thread in worker.threads()
        if thread.id != worker.pid
    }
    ours = os.getpriority(os.PRIO_PROCESS, 0)
    assert nice["engine-0"] == ours
    assert os.getpriority(os.PRIO_PROCESS, worker.pid) == max(10, ours)
    assert psutil.Process(gateway.control_pid()).nice() == max(10, ours)


def test_address_that_covers_another_takes_its_place(gateway_of: Callable[..., Gateway]) -> None:
    """Both ways, though the kernel would not let two strangers bind them."""
    gateway = gateway_of(answering("one"))
    port = free_port()
    for host in ("127.0.0.1", "0.0.0.0", "127.0.0.1"):
        listeners = {"web": {}, "two": {"address": f"{host}:{port}"}}
        done = gateway.reload(answering(host, listeners=listeners))
        assert done.returncode == 0, done.stderr
        assert request(port).body == host.encode()
