"""Where a gateway keeps its sockets (run dir) and its last good configuration (state dir)."""

from __future__ import annotations

import fcntl
import os
import stat
from dataclasses import dataclass
from pathlib import Path

# sun_path is 108 bytes with its NUL (unix(7)); the longest name in the folder is worker-NNN.sock.
_LONGEST_FOLDER = 107 - len("/worker-999.sock")


class PlaceError(Exception):
    """A folder cannot be used; the message says why and what to do."""


@dataclass(frozen=True)
class Places:
    """The folders of one running gateway."""

    run: Path
    state: Path

    @property
    def control_socket(self) -> Path:
        """Where `frontdesk reload`, `status` and `top` ask."""
        return self.run / "control.sock"

    def worker_socket(self, slot: int) -> Path:
        """Where the worker of a slot takes orders."""
        return self.run / f"worker-{slot}.sock"

    @property
    def lock(self) -> Path:
        """Held by the supervisor; its content is the supervisor's pid."""
        return self.run / "supervisor.lock"

    @property
    def last_good(self) -> Path:
        """The last configuration that all workers took."""
        return self.state / "last-good"


def places_for(file: Path, run: Path | None = None, state: Path | None = None) -> Places:
    """Folders for a configuration file: the given ones, or per-user defaults named by its path."""
    # Imported here: OpenSSL is 3 MiB, and the supervisor has no other use for it.
    from hashlib import sha256

    name = sha256(os.fsencode(os.path.abspath(file))).hexdigest()[:12]
    return Places(
        Path(os.path.abspath(run or run_base() / name)),
        Path(os.path.abspath(state or state_base() / name)),
    )


def run_base() -> Path:
    """Parent of the default run dirs."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    return Path(runtime) / "frontdesk" if runtime else Path(f"/tmp/frontdesk-{os.geteuid()}")


def state_base() -> Path:
    """Parent of the default state dirs."""
    home = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
    return Path(home) / "frontdesk"


def make_private(folder: Path) -> None:
    """Create a folder (0700) or judge an existing one: ours, a folder, not writable by others.

    A symbolic link to it must be ours or root's, as systemd makes them for `StateDirectory=`.

    Raises:
        PlaceError: somebody else could plant or replace files there, or it cannot be made.
    """
    try:
        if not folder.parent.exists():
            make_private(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)
        link, found = folder.lstat(), folder.stat()
    except OSError as error:
        raise PlaceError(f"{folder}: cannot be created: {error.strerror}") from error
    if not stat.S_ISDIR(found.st_mode):
        raise PlaceError(f"{folder}: is not a folder")
    if stat.S_ISLNK(link.st_mode) and link.st_uid not in (0, os.geteuid()):
        raise PlaceError(f"{folder}: is a link that belongs to uid {link.st_uid}")
    if found.st_uid != os.geteuid():
        raise PlaceError(f"{folder}: belongs to uid {found.st_uid}, not to uid {os.geteuid()}")
    if found.st_mode & 0o022:
        raise PlaceError(
            f"{folder}: is writable by others (mode {found.st_mode & 0o777:o}); chmod 700"
        )


def check_run_dir(folder: Path) -> None:
    """Refuse a path in which Unix sockets cannot be addressed."""
    length = len(os.fsencode(folder))
    if length > _LONGEST_FOLDER:
        raise PlaceError(
            f"{folder}: {length} bytes is too long for Unix sockets inside it"
            f" (at most {_LONGEST_FOLDER}); choose a shorter one with --run-dir"
        )


def hold(lock: Path) -> int:
    """Become the one supervisor of a run dir; the descriptor holds the lock until it is closed.

    Raises:
        PlaceError: another supervisor holds it; the message has its pid.
    """
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        other = os.read(descriptor, 32).decode("ascii", "replace").strip()
        os.close(descriptor)
        raise PlaceError(
            f"{lock.parent}: a gateway with this configuration runs already (pid {other});"
            " stop it, or give this one its own --run-dir and --state-dir"
        ) from error
    os.ftruncate(descriptor, 0)
    os.write(descriptor, f"{os.getpid()}\n".encode())
    return descriptor
