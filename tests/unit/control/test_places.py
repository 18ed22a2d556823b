"""Run and state dirs: private, short enough, one gateway each."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from frontdesk.control import places
from frontdesk.control.places import PlaceError, places_for


def test_defaults_differ_by_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/7")
    monkeypatch.setenv("XDG_STATE_HOME", "/state")
    one, two = places_for(Path("/etc/one.yaml")), places_for(Path("/etc/two.yaml"))
    assert one.run.parent == Path("/run/user/7/frontdesk")
    assert one.state.parent == Path("/state/frontdesk")
    assert one.run != two.run
    assert one == places_for(Path("/etc/../etc/one.yaml"))


def test_made_private(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    places.make_private(folder)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert folder.parent.stat().st_mode & 0o777 == 0o700
    places.make_private(folder)


def test_writable_by_others(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    with pytest.raises(PlaceError, match="writable by others"):
        places.make_private(tmp_path)


def test_file_in_its_place(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("")
    with pytest.raises(PlaceError, match="cannot be created"):
        places.make_private(tmp_path / "x" / "y")


def test_own_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to("real")
    places.make_private(tmp_path / "link")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to give a link to somebody else")
def test_foreign_link_and_foreign_folder(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to("real")
    os.chown(tmp_path / "link", 1234, 1234, follow_symlinks=False)
    with pytest.raises(PlaceError, match="a link that belongs to uid 1234"):
        places.make_private(tmp_path / "link")
    os.chown(tmp_path / "real", 1234, 1234)
    with pytest.raises(PlaceError, match="belongs to uid 1234"):
        places.make_private(tmp_path / "real")


def test_too_long_for_sockets() -> None:
    with pytest.raises(PlaceError, match="--run-dir"):
        places.check_run_dir(Path("/tmp") / ("x" * 100))


def test_one_holder(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    held = places.hold(lock)
    with pytest.raises(PlaceError, match=f"pid {os.getpid()}"):
        places.hold(lock)
    os.close(held)
    os.close(places.hold(lock))
