"""Which names lead to a file, and when it counts as changed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from frontdesk.control import watch
from frontdesk.control.watch import Watcher, fingerprint, links

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def mount(tmp_path: Path) -> Path:
    """A ConfigMap as Kubernetes mounts it."""
    (tmp_path / "..1").mkdir()
    (tmp_path / "..1" / "gateway.yaml").write_text("one")
    (tmp_path / "..data").symlink_to("..1")
    (tmp_path / "gateway.yaml").symlink_to("..data/gateway.yaml")
    return tmp_path


def test_links_of_a_configmap(mount: Path) -> None:
    found = links(str(mount / "gateway.yaml"))
    assert str(mount / "..data") in found
    assert str(mount / "..1") in found


def test_links_in_a_circle_end(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    assert len(links(str(tmp_path / "a"))) == 2


def test_fingerprint_of_what_is_not_there(tmp_path: Path) -> None:
    path = str(tmp_path / "gone")
    assert fingerprint([path]) == {path: None}


def test_fingerprint_of_a_folder_is_its_yaml_files(tmp_path: Path) -> None:
    before = fingerprint([str(tmp_path)])
    (tmp_path / "access.log").write_text("x")
    assert fingerprint([str(tmp_path)]) == before
    (tmp_path / "more.yaml").write_text("x")
    assert fingerprint([str(tmp_path)]) != before


def swap(mount: Path) -> None:
    (mount / "..2").mkdir()
    (mount / "..2" / "gateway.yaml").write_text("two")
    (mount / "..tmp").symlink_to("..2")
    (mount / "..tmp").rename(mount / "..data")


@pytest.mark.parametrize("inotify", [True, False])
def test_swap_is_noticed(mount: Path, inotify: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not inotify:
        monkeypatch.setattr(watch, "Inotify", _no_inotify)
        monkeypatch.setattr(watch, "POLL_ALONE", 0.05)

    async def follow() -> None:
        watcher = Watcher()
        watcher.watch([str(mount / "gateway.yaml")])
        waiting = asyncio.create_task(watcher.changed())
        await asyncio.sleep(0)
        swap(mount)
        await asyncio.wait_for(waiting, 30)
        watcher.mark()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(watcher.changed(), 0.3)

    asyncio.run(follow())


def test_change_while_it_was_being_read_is_not_lost(tmp_path: Path) -> None:
    """What `mark` saw counts, not what is there when the watched files are told afterwards."""
    file = tmp_path / "gateway.yaml"
    file.write_text("one")

    async def follow() -> None:
        watcher = Watcher()
        watcher.watch([str(file)])
        watcher.mark()
        file.write_text("two, written during the compilation")
        watcher.watch([str(file)])
        await asyncio.wait_for(watcher.changed(), 30)

    asyncio.run(follow())


def _no_inotify() -> None:
    raise OSError("no more instances")
