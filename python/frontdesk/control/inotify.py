"""inotify(7) through libc: wake-ups when files appear, change or vanish in a folder."""

from __future__ import annotations

import ctypes
import os
import struct

_IN_ATTRIB, _IN_CLOSE_WRITE = 0x4, 0x8
_IN_MOVED_FROM, _IN_MOVED_TO = 0x40, 0x80
_IN_CREATE, _IN_DELETE, _IN_DELETE_SELF, _IN_MOVE_SELF = 0x100, 0x200, 0x400, 0x800
_IN_ONLYDIR = 0x1000000
# Not IN_MODIFY: a log file in the same folder would wake control at every line.
_MASK = (
    _IN_ATTRIB | _IN_CLOSE_WRITE | _IN_MOVED_FROM | _IN_MOVED_TO | _IN_CREATE | _IN_DELETE
    | _IN_DELETE_SELF | _IN_MOVE_SELF | _IN_ONLYDIR
)  # fmt: skip
_EVENT = struct.Struct("iIII")


class Inotify:
    """A set of watched folders.

    Raises:
        OSError: the kernel has no more instances (fs.inotify.max_user_instances).
    """

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self.fd: int = self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self.fd < 0:
            raise OSError(ctypes.get_errno(), "inotify_init1 failed")
        self._folders: dict[int, str] = {}

    def watch(self, folders: set[str]) -> bool:
        """Watch exactly these folders; false where one could not be watched."""
        for number, folder in list(self._folders.items()):
            if folder not in folders:
                self._libc.inotify_rm_watch(self.fd, number)
                del self._folders[number]
        complete = True
        for folder in folders - set(self._folders.values()):
            number = self._libc.inotify_add_watch(self.fd, os.fsencode(folder), _MASK)
            if number < 0:
                complete = False
            else:
                self._folders[number] = folder
        return complete

    def read(self) -> set[str]:
        """Paths that something happened to since the last call; a folder itself when it is gone."""
        try:
            data = os.read(self.fd, 1 << 16)
        except BlockingIOError:
            return set()
        paths, at = set(), 0
        while at < len(data):
            number, _, _, size = _EVENT.unpack_from(data, at)
            name = data[at + _EVENT.size : at + _EVENT.size + size].rstrip(b"\0")
            at += _EVENT.size + size
            folder = self._folders.get(number)
            if folder is not None:
                paths.add(os.path.join(folder, os.fsdecode(name)) if name else folder)
        return paths

    def close(self) -> None:
        """Give the instance back."""
        os.close(self.fd)
