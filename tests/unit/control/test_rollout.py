"""One configuration for all workers or for none."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from frontdesk.control.boss import Boss
from frontdesk.control.compiling import Compiled
from frontdesk.control.crew import Crew, OrderFailed
from frontdesk.control.rollout import Refused, Rollout
from frontdesk.control.store import Meta


def configuration(name: str, **listeners: tuple[str, int]) -> Compiled:
    meta = Meta(name, "schema", listeners, 1, 1, None, 1000, [])
    return Compiled(meta, name.encode(), {})


class Worker:
    """Takes configurations, except one that it refuses or dies of."""

    def __init__(self, slot: int, refuses: str = "") -> None:
        self.slot, self._refuses = slot, refuses
        self.hash = ""
        self.holds: dict[str, tuple[str, int]] = {}
        self.taken: list[str] = []
        self.given: list[list[str]] = []

    async def order(self, _: str, payload: bytes, fds: list[int], **fields: Any) -> None:
        name = payload.decode()
        if name == self._refuses:
            raise OrderFailed(f"worker {self.slot}: no {name}", refused=True)
        self.given.append([listener[0] for listener in fields["listeners"]])
        self.hash, self.holds = name, fields["addresses"]
        self.taken.append(name)


class Sockets:
    """A supervisor that has sockets for everything, without any being real."""

    async def ask(self, *_: Any, **__: Any) -> tuple[dict[str, Any], list[int]]:
        return {}, []


class Workers:
    """The members that are there."""

    def __init__(self, *present: Worker) -> None:
        self.present = list(present)


def roll_out(new: Compiled, old: Compiled | None, *workers: Worker) -> int:
    rollout = Rollout(cast("Boss", Sockets()), cast("Crew", Workers(*workers)))
    return asyncio.run(rollout.everywhere(new, old))


def test_all_take_it_and_a_second_time_none_has_to() -> None:
    workers = [Worker(0), Worker(1)]
    new = configuration("new", web=("::", 80))
    assert roll_out(new, None, *workers) == 2
    assert roll_out(new, new, *workers) == 0
    assert [w.taken for w in workers] == [["new"], ["new"]]


def test_refusal_of_the_last_puts_the_others_back() -> None:
    old, new = configuration("old"), configuration("new")
    workers = [Worker(0), Worker(1), Worker(2, refuses="new")]
    roll_out(old, None, *workers)
    with pytest.raises(Refused, match="worker 2: no new"):
        roll_out(new, old, *workers)
    assert [w.hash for w in workers] == ["old", "old", "old"]
    assert workers[0].taken == ["old", "new", "old"]
    assert workers[2].taken == ["old"]


def test_refusal_of_the_first_touches_no_other() -> None:
    old, new = configuration("old"), configuration("new")
    workers = [Worker(0, refuses="new"), Worker(1)]
    roll_out(old, None, *workers)
    with pytest.raises(Refused):
        roll_out(new, old, *workers)
    assert workers[1].taken == ["old"]


def test_sockets_are_passed_for_what_is_new_or_has_moved() -> None:
    worker = Worker(0)
    first = configuration("1", web=("::", 80), more=("::", 81))
    second = configuration("2", web=("::", 80), more=("::", 82), third=("::", 83))
    roll_out(first, None, worker)
    roll_out(second, first, worker)
    assert worker.given == [["web", "more"], ["more", "third"]]
