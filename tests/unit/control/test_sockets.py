"""Binding, keeping and closing the supervisor's sockets."""

from __future__ import annotations

import os
import socket

import pytest

from frontdesk.control.activation import Activated
from frontdesk.control.sockets import BindError, SocketTable
from tests.harness import free_port


def table(slots: int = 2, threads: int = 2) -> SocketTable:
    return SocketTable(slots, threads, Activated({}))


def test_one_socket_for_each_slot_and_thread() -> None:
    bound, port = table(), free_port()
    bound.bind("web", "127.0.0.1", port)
    slots = [bound.slot("127.0.0.1", port, slot) for slot in range(2)]
    assert [len(slot) for slot in slots] == [2, 2]
    assert len({fd for slot in slots for fd in slot}) == 4
    bound.bind("web", "127.0.0.1", port)
    assert bound.slot("127.0.0.1", port, 0) == slots[0], "binding again changes nothing"
    bound.close()


@pytest.mark.parametrize("option", [socket.SO_REUSEADDR, socket.SO_REUSEPORT])
def test_taken_address_is_refused(option: int) -> None:
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, option, 1)
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(BindError, match=f"listener web: cannot bind 127.0.0.1:{port}"):
            table().bind("web", "127.0.0.1", port)


def test_keep_closes_the_others() -> None:
    bound, one, two = table(1, 1), free_port(), free_port()
    bound.bind("a", "127.0.0.1", one)
    bound.bind("b", "127.0.0.1", two)
    (kept,), (closed,) = (bound.slot("127.0.0.1", port, 0) for port in (one, two))
    bound.keep({("127.0.0.1", one)})
    os.fstat(kept)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(closed)
    with pytest.raises(KeyError):
        bound.slot("127.0.0.1", two, 0)
    bound.close()


def test_ipv6_beside_ipv4_on_one_port() -> None:
    bound, port = table(1, 1), free_port()
    bound.bind("four", "0.0.0.0", port)
    try:
        bound.bind("six", "::", port)
    except BindError as error:
        if "Address family not supported" in str(error):
            pytest.skip("no IPv6 here")
        raise
    bound.close()
