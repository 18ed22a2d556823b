"""Where a request goes among several: weighted splits, targets, mirrors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from tests.e2e.town import Town
from tests.harness import (
    Connection,
    Gateway,
    RecordingUpstream,
    Stall,
    eventually,
    free_port,
    ok,
)


def _shares(town: Town, target: str, rounds: int) -> Counter[str]:
    counted: Counter[str] = Counter()
    with Connection(town.gateway.port) as client:
        for _ in range(rounds):
            counted[client.request("GET", target).body.decode()] += 1
    return counted


def test_weighted_split(town: Town) -> None:
    """90 to 10 over 400 requests: bounds that a fair draw misses about once in a million runs."""
    shares = _shares(town, "/split", 400)
    assert shares.keys() == {"a", "b"}
    assert 10 <= shares["b"] <= 72


def test_share_of_weight_zero_gets_nothing(town: Town) -> None:
    assert _shares(town, "/split-off", 30) == {"a": 30}


def test_weighted_round_robin_among_targets_is_exact(town: Town) -> None:
    assert _shares(town, "/weighted", 80) == {"c": 60, "d": 20}


def test_mirror_gets_a_copy_and_its_answer_is_dropped(town: Town) -> None:
    main, mirror = town.services["a"], town.services["b"]
    main.clear()
    mirror.clear()
    response = town.ask("/mirrored?x=1", method="POST", body=b"payload")
    assert response.body == b"a"
    eventually(lambda: mirror.requests and mirror.requests[0].complete, what="the mirrored request")
    assert (mirror.last.target, mirror.last.body) == ("/mirrored?x=1", b"payload")
    assert (main.last.target, main.last.body) == ("/mirrored?x=1", b"payload")


def test_slow_or_dead_mirror_does_not_reach_the_client(town: Town) -> None:
    mirror = town.services["b"]
    mirror.answer(Stall(), ok(b"b"))
    try:
        assert [town.taken_by("/mirrored") for _ in range(3)] == ["a"] * 3
    finally:
        mirror.answer(ok(b"b"))


def test_least_requests_avoids_the_busy_target(town: Town) -> None:
    """One target holds a request; with two choices the other one is always the less loaded."""
    town.clear()
    busy = {"c": "d", "d": "c"}
    for name in busy:
        town.services[name].answer(Stall(), ok(name.encode()))
    try:
        with Connection(town.gateway.port) as held:
            held.send(b"GET /least HTTP/1.1\r\nHost: a.test\r\n\r\n")
            holder = eventually(lambda: [n for n in busy if town.services[n].requests])[0]
            town.services[busy[holder]].answer(ok(b"free"))
            assert _shares(town, "/least", 20) == {"free": 20}
    finally:
        for name in busy:
            town.services[name].answer(ok(name.encode()))


def test_retry_finds_a_light_target_behind_a_heavy_dead_one(
    gateway_of: Callable[..., Gateway], upstream: RecordingUpstream
) -> None:
    dead = {"url": f"http://127.0.0.1:{free_port()}", "weight": 100}
    gateway = gateway_of(
        {
            "services": {"two": {"targets": [dead, {"url": upstream.url, "weight": 1}]}},
            "routes": {"all": {"match": {"path": "/**"}, "service": "two"}},
        }
    )
    assert [gateway.get("/").status for _ in range(5)] == [200] * 5
