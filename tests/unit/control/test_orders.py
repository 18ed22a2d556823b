"""Orders to a worker: which failures are refusals, and which are the end of the connection."""

from __future__ import annotations

import asyncio
import socket
import threading
from pathlib import Path

import pytest

from frontdesk.control import frames
from frontdesk.control.crew import Member, OrderFailed
from frontdesk.control.frames import Frame
from frontdesk.control.places import Places


def serve(path: Path) -> threading.Thread:
    """A worker that agrees to every order, until its client leaves."""
    listener = socket.create_server(str(path), family=socket.AF_UNIX)

    def answer() -> None:
        with listener, listener.accept()[0] as client:
            while frames.receive(client) is not None:
                frames.send(client, Frame({"ok": True, "pid": 7}))

    thread = threading.Thread(target=answer)
    thread.start()
    return thread


def test_order_that_is_too_large_is_a_refusal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker is still there, and takes the next one."""
    monkeypatch.setattr(frames, "MAX_HEADER", 1000)
    places = Places(tmp_path, tmp_path)
    thread = serve(places.worker_socket(0))

    async def talk() -> None:
        member = Member(0)
        assert await member.join(places, 7)
        with pytest.raises(OrderFailed, match="too large") as failed:
            await member.order("apply", secrets={"file:x": "y" * 1000})
        assert failed.value.refused
        assert member.joined
        await member.order("hello")
        member.leave()

    asyncio.run(talk())
    thread.join(10)
