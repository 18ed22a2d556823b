"""Notices that a configuration has changed on disk.

What counts is a fingerprint of the watched files (inode, size, time of modification, mode); inotify only says
when to look. So a missed event costs a delay and never a change, and polling needs no second code path.
"""

from __future__ import annotations

import asyncio
import contextlib
import os

from frontdesk.control.inotify import Inotify

QUIET = 0.1
"""Seconds without an event after which a change is taken as finished (editors write in steps)."""
LONGEST_BURST = 1.0
POLL_BESIDE_INOTIFY = 2.0
POLL_ALONE = 0.5
_MAX_LINKS = 40

Fingerprint = dict[str, object]


class Watcher:
    """Watches files and folders; which ones may change with each configuration."""

    def __init__(self) -> None:
        self._paths: list[str] = []
        self._interesting: set[str] = set()
        self._seen: Fingerprint = {}
        self._event = asyncio.Event()
        self._poll = POLL_ALONE
        self._inotify: Inotify | None = None
        with contextlib.suppress(OSError):
            self._inotify = Inotify()
            asyncio.get_running_loop().add_reader(self._inotify.fd, self._readable)

    def watch(self, paths: list[str]) -> None:
        """Watch these from now on; files watched before keep the fingerprint they have."""
        self._paths = [os.path.abspath(path) for path in paths]
        current = fingerprint(self._paths)
        self._seen = {path: self._seen.get(path, value) for path, value in current.items()}
        self._follow()

    def mark(self) -> None:
        """Take what is on disk now as seen; called before it is read."""
        self._seen = fingerprint(self._paths)

    async def changed(self) -> None:
        """Wait until the files differ from what was seen, and have stopped changing."""
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._event.wait(), self._poll)
            await self._settle()
            if fingerprint(self._paths) != self._seen:
                self._follow()
                return

    async def _settle(self) -> None:
        clock = asyncio.get_running_loop().time
        end = clock() + LONGEST_BURST
        while self._event.is_set() and clock() < end:
            self._event.clear()
            await asyncio.sleep(QUIET)
        self._event.clear()

    def _follow(self) -> None:
        """Watch the folder of each path and of each symbolic link on the way to it."""
        chain = {step for path in self._paths for step in links(path)}
        folders = {os.path.dirname(step) for step in chain}
        folders |= {path for path in self._paths if os.path.isdir(path)}
        self._interesting = chain | folders
        complete = self._inotify is not None and self._inotify.watch(folders)
        self._poll = POLL_BESIDE_INOTIFY if complete else POLL_ALONE

    def _readable(self) -> None:
        assert self._inotify is not None
        for path in self._inotify.read():
            if path in self._interesting or os.path.dirname(path) in self._paths:
                self._event.set()


def links(path: str) -> set[str]:
    """`path` and every name whose replacement changes what it leads to.

    A Kubernetes ConfigMap is `gateway.yaml -> ..data/gateway.yaml` with `..data -> ..2026_01_01`: the swap
    happens at `..data`, a link in the middle of the path.
    """
    found: set[str] = set()
    todo = [path]
    while todo and len(found) < _MAX_LINKS:
        step = todo.pop()
        if step in found:
            continue
        found.add(step)
        folder = step
        while (folder := os.path.dirname(folder)) not in ("/", ""):
            if os.path.islink(folder):
                todo.append(folder)
        if os.path.islink(step):
            with contextlib.suppress(OSError):
                todo.append(os.path.join(os.path.dirname(step), os.readlink(step)))
    return found


def fingerprint(paths: list[str]) -> Fingerprint:
    """What would differ if one of the files were another; None for what is not there."""
    return {path: _one(path) for path in paths}


def _one(path: str) -> object:
    try:
        found = os.stat(path)
        if os.path.isdir(path):
            return sorted(n for n in os.listdir(path) if n.endswith((".yaml", ".yml")))
    except OSError:
        return None
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_mode)
