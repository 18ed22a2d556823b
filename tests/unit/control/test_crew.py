"""control keeps its workers: a connection that breaks is made anew."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from frontdesk.control import frames
from frontdesk.control.crew import Crew, Member, OrderFailed
from frontdesk.control.places import Places

STATE = {"ok": True, "pid": os.getpid(), "hash": "abc", "holds": {}}


class FickleWorker:
    """Answers `hello`, and hangs up on the first `stats` it is asked for."""

    def __init__(self, path: Path) -> None:
        self.hellos = 0
        self._hung_up = False
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(str(path))
        self._server.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client:
            while (order := frames.receive(client)) is not None:
                if order.header["op"] == "hello":
                    self.hellos += 1
                elif not self._hung_up:
                    self._hung_up = True
                    return
                frames.send(client, frames.Frame(STATE, b"{}"))

    def close(self) -> None:
        self._server.close()


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(tmp_path, tmp_path)


@pytest.fixture
def worker(places: Places) -> Iterator[FickleWorker]:
    worker = FickleWorker(places.worker_socket(0))
    yield worker
    worker.close()


def test_a_worker_that_hung_up_is_joined_again(places: Places, worker: FickleWorker) -> None:
    async def run() -> None:
        async def joined(_: Member) -> None:
            pass

        crew = Crew(places, joined)
        crew.update([{"pid": os.getpid(), "started": 0.0, "restarts": 0}])
        assert await crew.wait(all_of=1, within=10)
        with pytest.raises(OrderFailed):
            await crew.members[0].order("stats")
        assert await crew.wait(all_of=1, within=10)
        assert (await crew.members[0].order("stats")).payload == b"{}"

    asyncio.run(run())
    assert worker.hellos == 2
