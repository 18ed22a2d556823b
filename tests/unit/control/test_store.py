"""The last good configuration: whole or not there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from frontdesk.control import store
from frontdesk.control.store import Meta, StoreError
from frontdesk.snapshot.hash import snapshot_hash

SNAPSHOT = b'{"listeners":[]}\nwith a second line'


def meta(snapshot: bytes = SNAPSHOT) -> Meta:
    return Meta(
        hash=snapshot_hash(snapshot),
        schema_hash="0123456789abcdef",
        listeners={"web": ("::1", 8000)},
        workers=2,
        threads=None,
        status=("127.0.0.1", 8007),
        drain_ms=30_000,
        references=["file:/etc/site.pem"],
        applied_at=1.5,
    )


def test_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "last-good"
    store.save(path, meta(), SNAPSHOT)
    assert store.load(path) == (meta(), SNAPSHOT)
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_nothing_there(tmp_path: Path) -> None:
    assert store.load(tmp_path / "last-good") is None


def test_replaced_in_one_step(tmp_path: Path) -> None:
    """Who has the old one open reads the old one to its end."""
    path = tmp_path / "last-good"
    store.save(path, meta(), SNAPSHOT)
    with path.open("rb") as old:
        store.save(path, meta(b"other"), b"other")
        assert old.read().endswith(SNAPSHOT)
    found = store.load(path)
    assert found is not None
    assert found[1] == b"other"


@pytest.mark.parametrize("cut", range(0, 200, 7))
def test_any_cut_is_noticed(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "last-good"
    store.save(path, meta(), SNAPSHOT)
    whole = path.read_bytes()
    path.write_bytes(whole[: min(cut, len(whole) - 1)])
    with pytest.raises(StoreError, match="damaged"):
        store.load(path)


def test_full_disk_keeps_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "last-good"
    store.save(path, meta(), SNAPSHOT)
    with pytest.raises(StoreError, match="No such file"):
        store.save(tmp_path / "gone" / "last-good", meta(), SNAPSHOT)
    assert store.load(path) == (meta(), SNAPSHOT)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_write_error_is_told(tmp_path: Path) -> None:
    path = tmp_path / "last-good"
    (tmp_path / f"last-good.{os.getpid()}.tmp").symlink_to("/dev/full")
    with pytest.raises(StoreError, match="No space left"):
        store.save(path, meta(), SNAPSHOT)
    assert store.load(path) is None
