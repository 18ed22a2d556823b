"""The bound sockets, which outlive workers and control.

A listener has one SO_REUSEPORT socket per worker slot and engine thread. The supervisor binds them and keeps
a descriptor, so that the accept queue of a crashed worker survives until its replacement reads it.
"""

from __future__ import annotations

import errno
import os
import socket
from dataclasses import dataclass

from frontdesk.control.activation import Activated

Address = tuple[str, int]


class BindError(Exception):
    """An address cannot be bound; the message names it, the reason and a way out."""


@dataclass
class _Bound:
    """Sockets of one address: `slots[slot][thread]`."""

    slots: list[list[socket.socket]]

    def close(self) -> None:
        for sock in (sock for slot in self.slots for sock in slot):
            sock.close()


class SocketTable:
    """Sockets by address. Binding is idempotent; what was bound but never kept is closed by `keep`."""

    def __init__(self, slots: int, threads: int, activated: Activated) -> None:
        self._slots, self._threads, self._activated = slots, threads, activated
        self._bound: dict[Address, _Bound] = {}

    def bind(self, name: str, host: str, port: int) -> None:
        """Make sure that the listener's address is bound.

        Raises:
            BindError: nothing changed.
        """
        if (host, port) not in self._bound:
            self._bound[host, port] = self._open(name, host, port)

    def slot(self, host: str, port: int, slot: int) -> list[int]:
        """Descriptors of a bound address for one worker slot, one per engine thread."""
        return [sock.fileno() for sock in self._bound[host, port].slots[slot]]

    def keep(self, addresses: set[Address]) -> None:
        """Close every address but these."""
        for address in self._bound.keys() - addresses:
            self._bound.pop(address).close()

    def close(self) -> None:
        """Close all: the workers' own descriptors are then the last ones."""
        self.keep(set())

    def _open(self, name: str, host: str, port: int) -> _Bound:
        given = self._activated.find(name, host, port)
        if given:
            return self._share(given)
        bound = _Bound([])
        # Where an address on this port is ours already, the kernel shares the port among ours alone: only with
        # that can an address take the place of one that covers it, or is covered by it.
        shares = any(port == own for _, own in self._bound)
        try:
            for slot in range(self._slots):
                bound.slots.append([])
                for thread in range(self._threads):
                    first = slot == thread == 0
                    bound.slots[-1].append(_bind(host, port, exclusive=first and not shares))
        except OSError as error:
            bound.close()
            raise BindError(_explain(name, host, port, error)) from error
        return bound

    def _share(self, given: list[socket.socket]) -> _Bound:
        """Deal the manager's sockets out; fewer than threads means that threads share a queue."""
        count = self._slots * self._threads
        dealt = [given[at % len(given)].dup() for at in range(count)]
        return _Bound(
            [dealt[at : at + self._threads] for at in range(0, count, self._threads)],
        )


def listen_status(host: str, port: int) -> socket.socket:
    """The status listener's socket, listening already so that probes queue while control restarts.

    Raises:
        BindError: the address cannot be bound.
    """
    try:
        sock = _bind(host, port, exclusive=True, reuse_port=False)
        sock.listen(128)
    except OSError as error:
        raise BindError(_explain("status", host, port, error)) from error
    return sock


def _bind(host: str, port: int, *, exclusive: bool, reuse_port: bool = True) -> socket.socket:
    """One bound socket.

    The first socket of an address is bound without SO_REUSEPORT, so that an address which another
    process of the same user listens on is refused instead of silently shared with it; the option is set
    after that.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if not exclusive:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind((host, port))
        if exclusive and reuse_port:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    except OSError:
        sock.close()
        raise
    return sock


def _explain(name: str, host: str, port: int, error: OSError) -> str:
    where = f"listener {name}: cannot bind {f'[{host}]' if ':' in host else host}:{port}"
    hints = {
        errno.EADDRINUSE: "another process listens there (`ss -ltnp` shows which); stop it or change the port",
        errno.EACCES: "ports below 1024 need CAP_NET_BIND_SERVICE or a systemd socket unit",
        errno.EADDRNOTAVAIL: "no interface of this machine has that address",
    }
    hint = hints.get(error.errno or 0)
    return f"{where}: {os.strerror(error.errno or 0)}" + (f"; {hint}" if hint else "")
