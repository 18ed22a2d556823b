"""The last good configuration on disk: what workers start from when control is away.

The file is one line of JSON (the snapshot's circumstances, see `Meta`) and then the snapshot's bytes.
"""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Meta:
    """What a snapshot needs around it to be run.

    Attributes:
        hash: the snapshot's hash.
        schema_hash: shape of the snapshot; only an engine of the same shape takes it.
        listeners: `[host, port]` by listener name.
        workers: number of worker processes.
        threads: engine threads of each worker, None for one per core.
        status: `[host, port]` of the status listener, None where it is off.
        drain_ms: how long a stop waits for requests in flight.
        references: what the snapshot refers to and does not hold, see `snapshot.references`.
        applied_at: Unix time in seconds at which all workers had taken it.
    """

    hash: str
    schema_hash: str
    listeners: dict[str, tuple[str, int]]
    workers: int
    threads: int | None
    status: tuple[str, int] | None
    drain_ms: int
    references: list[str]
    applied_at: float = 0.0

    @classmethod
    def parse(cls, data: dict[str, Any]) -> Meta:
        """From decoded JSON.

        Raises:
            ValueError, KeyError, TypeError: it is not what `asdict` gives.
        """
        status = data["status"]
        return cls(
            hash=str(data["hash"]),
            schema_hash=str(data["schema_hash"]),
            listeners={str(n): (str(h), int(p)) for n, (h, p) in data["listeners"].items()},
            workers=int(data["workers"]),
            threads=None if data["threads"] is None else int(data["threads"]),
            status=None if status is None else (str(status[0]), int(status[1])),
            drain_ms=int(data["drain_ms"]),
            references=[str(reference) for reference in data.get("references", [])],
            applied_at=float(data.get("applied_at", 0.0)),
        )


class StoreError(Exception):
    """The file cannot be written, or is not a last good configuration."""


def save(path: Path, meta: Meta, snapshot: bytes) -> None:
    """Replace the file atomically: a crash leaves the old or the new one, never a part.

    Raises:
        StoreError: the disk is full, read-only, or not ours; the old file is untouched.
    """
    beside = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        fd = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(fd, "wb") as file:
            file.write(json.dumps(asdict(meta)).encode() + b"\n")
            file.write(snapshot)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise StoreError(f"{path}: {error.strerror}") from error


def load(path: Path) -> tuple[Meta, bytes] | None:
    """The last good configuration, None where there is none.

    Raises:
        StoreError: the file is there but unreadable or damaged.
    """
    # Imported here: OpenSSL is 3 MiB that the supervisor needs in an emergency only.
    from frontdesk.snapshot.hash import snapshot_hash

    try:
        with path.open("rb") as file:
            head, snapshot = file.readline(1 << 20), file.read()
        meta = Meta.parse(json.loads(head))
        if snapshot_hash(snapshot) != meta.hash:
            raise ValueError("the snapshot does not have the hash that was written with it")
        return meta, snapshot
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{path}: damaged: {error}") from error


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
