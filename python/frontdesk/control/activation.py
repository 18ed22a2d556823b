"""Sockets handed over by systemd, sd_listen_fds(3)."""

from __future__ import annotations

import os
import socket
from collections.abc import MutableMapping

_FIRST = 3
_WILDCARDS = {"0.0.0.0", "::"}


class Activated:
    """The inherited listening sockets. They belong to the manager and are never closed here."""

    def __init__(self, environ: MutableMapping[str, str] = os.environ) -> None:
        self._sockets: list[tuple[str, socket.socket]] = []
        pid, count = environ.pop("LISTEN_PID", ""), environ.pop("LISTEN_FDS", "")
        names = environ.pop("LISTEN_FDNAMES", "").split(":")
        if pid != str(os.getpid()) or not count.isdigit():
            return
        for at in range(int(count)):
            os.set_inheritable(_FIRST + at, False)
            try:
                sock = socket.socket(fileno=_FIRST + at)
            except OSError:
                # A unit may hand over FIFOs and files too; they are not for us.
                continue
            if sock.family in (socket.AF_INET, socket.AF_INET6) and sock.type & socket.SOCK_STREAM:
                self._sockets.append((names[at] if at < len(names) else "", sock))

    def __len__(self) -> int:
        return len(self._sockets)

    def find(self, name: str, host: str, port: int) -> list[socket.socket]:
        """The sockets meant for a listener: those of its name, else those of its address."""
        named = [sock for label, sock in self._sockets if label == name]
        return named or [s for _, s in self._sockets if _serves(s.getsockname(), host, port)]


def _serves(address: tuple[str, int], host: str, port: int) -> bool:
    same_host = address[0] == host or {address[0], host} <= _WILDCARDS
    return address[1] == port and same_host
