"""Messages between control and workers, and what a peer that breaks the rules gets."""

from __future__ import annotations

import os
import socket
import threading
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frontdesk.control import frames
from frontdesk.control.frames import Frame, FrameError

if TYPE_CHECKING:
    from collections.abc import Iterator

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    ours, theirs = socket.socketpair()
    ours.settimeout(5)
    theirs.settimeout(5)
    yield ours, theirs
    ours.close()
    theirs.close()


@pytest.mark.parametrize("size", [0, 1, 70_000, 5_000_000])
def test_round_trip(pair: Pair, size: int) -> None:
    ours, theirs = pair
    sent = Frame({"op": "apply", "text": "ä\n"}, os.urandom(size))
    sender = threading.Thread(target=frames.send, args=(ours, sent))
    sender.start()
    assert frames.receive(theirs) == sent
    sender.join()


def test_descriptors_travel(pair: Pair, tmp_path_factory: pytest.TempPathFactory) -> None:
    ours, theirs = pair
    readable, writable = os.pipe()
    frames.send(ours, Frame({}, b"", [writable]))
    os.close(writable)
    received = frames.receive(theirs)
    assert received is not None
    os.write(received.fds[0], b"x")
    received.close_fds()
    assert os.read(readable, 2) == b"x"
    assert os.read(readable, 2) == b"", "the last copy of the other end is closed"
    os.close(readable)


def test_end_between_frames(pair: Pair) -> None:
    ours, theirs = pair
    ours.close()
    assert frames.receive(theirs) is None


@pytest.mark.parametrize(
    "data",
    [
        b"\0",
        b"\0\0\0\x02\0\0\0\0{",
        b"\0\0\0\x02\0\0\0\x05{}abc",
        b"\0\0\0\x02\0\0\0\0[]",
        b"\0\0\0\x02\0\0\0\0xx",
        b"\xff\xff\xff\xff\0\0\0\0",
        b"\0\0\0\x02\xff\xff\xff\xff{}",
    ],
)
def test_broken(pair: Pair, data: bytes) -> None:
    ours, theirs = pair
    ours.sendall(data)
    ours.close()
    with pytest.raises(FrameError):
        frames.receive(theirs)


def test_silence_ends_by_the_timeout(pair: Pair) -> None:
    _, theirs = pair
    theirs.settimeout(0.05)
    with pytest.raises(FrameError, match="cannot receive"):
        frames.receive(theirs)


def test_too_large_to_send(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "MAX_HEADER", 1000)
    monkeypatch.setattr(frames, "MAX_PAYLOAD", 1000)
    for frame in (Frame({"x": "y" * 1000}), Frame({}, b"x" * 1001), Frame({}, b"", [0] * 254)):
        with pytest.raises(frames.TooLarge, match="at most"):
            frames.send(pair[0], frame)
    frames.send(pair[0], Frame({"op": "hello"}))
    received = frames.receive(pair[1])
    assert received is not None
    assert received.header == {"op": "hello"}, "nothing was sent of the others"


@given(st.binary(max_size=200))
def test_any_bytes_are_a_frame_or_an_error(data: bytes) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(data)
        ours.shutdown(socket.SHUT_WR)
        try:
            received = frames.receive(theirs)
        except FrameError:
            return
        assert received is None if not data else isinstance(received, Frame)
