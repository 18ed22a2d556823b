"""Metrics: documented names, labels from the configuration alone, counters that move as the traffic does."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest

from frontdesk import engine
from tests.harness import Gateway, RecordingUpstream, eventually, ok


@pytest.fixture(scope="module")
def gateway(module_gateway: Callable[..., Gateway], shared_upstream: RecordingUpstream) -> Gateway:
    return module_gateway(
        {
            "services": {"up": {"url": shared_upstream.url}},
            "routes": {
                "orders": {"match": {"path": "/orders/**"}, "service": "up"},
                "fixed": {"match": {"path": "/fixed"}, "respond": {"body": "hello"}},
            },
        }
    )


@pytest.fixture
def service(shared_upstream: RecordingUpstream) -> Iterator[RecordingUpstream]:
    """The module's upstream with nothing recorded; its script is put back afterwards."""
    shared_upstream.clear()
    yield shared_upstream
    shared_upstream.answer(ok())


def test_metrics_are_the_documented_ones(gateway: Gateway) -> None:
    """Every name of the engine that is printed is in its list, with its type and help."""
    gateway.get("/orders/x")
    text = gateway.status_response("/metrics").body.decode()
    types = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE))
    helps = dict(re.findall(r"^# HELP (\S+) (.+)$", text, re.MULTILINE))
    assert types.keys() == helps.keys()
    documented = {name: kind for name, kind, _ in engine.METRICS}
    assert documented.items() <= types.items()
    for sample in gateway.metrics():
        name = re.sub(r"_(bucket|sum|count)$", "", sample.partition("{")[0])
        assert name in types or sample.partition("{")[0] in types


def test_label_values_come_from_the_configuration_only(gateway: Gateway) -> None:
    before = set(gateway.metrics())
    evil = 'x"} 1\nevil{a="'
    for number in range(50):
        headers = [("X-Evil", f"v{number}"), ("User-Agent", evil.replace("\n", " "))]
        gateway.get(f"/orders/{number}?q={number}", method=f"M{number}", headers=headers)
        gateway.get(f"/unknown-{number}", host=f"h{number}.test", headers=headers)
    after = set(gateway.metrics())
    fresh = {sample for sample in after - before if "404" not in sample and "4xx" not in sample}
    assert len(fresh) <= 30, "a new status class or bucket at most"
    assert not [s for s in after if re.search(r"v\d|h\d|unknown-\d|M\d\d|evil", s)]


def _requests(gateway: Gateway) -> dict[str, float]:
    """Requests by status class for the route `orders`."""
    return {
        sample: value
        for sample, value in gateway.metrics().items()
        if sample.startswith("frontdesk_requests_total{") and 'route="orders"' in sample
    }


def test_counters_move_as_the_traffic_does(gateway: Gateway, service: RecordingUpstream) -> None:
    before = _requests(gateway)
    service.answer(ok(b"x" * 100))
    for _ in range(7):
        gateway.get("/orders/x", method="POST", body=b"y" * 50)
    service.answer(ok(b"", status="404 Not Found"))
    for _ in range(3):
        gateway.get("/orders/x")

    def moved() -> dict[str, float]:
        after = _requests(gateway)
        return {
            re.findall(r'="(\dxx)"', sample)[0]: value - before.get(sample, 0)
            for sample, value in after.items()
            if value != before.get(sample, 0)
        }

    eventually(lambda: sum(moved().values()) >= 10, what="ten requests counted")
    assert moved() == {"2xx": 7, "4xx": 3}


def test_histograms_are_cumulative_and_complete(gateway: Gateway) -> None:
    gateway.get("/orders/x")
    metrics = gateway.metrics()
    buckets: dict[str, list[tuple[float, float]]] = {}
    for sample, value in metrics.items():
        found = re.fullmatch(r'(\w+)_bucket\{(.*?),?le="([^"]+)"(.*)\}', sample)
        if found:
            key = f"{found[1]}|{found[2].strip(',')}{found[4]}"
            buckets.setdefault(key, []).append((float(found[3]), value))
    assert buckets
    for key, series in buckets.items():
        counts = [count for _, count in sorted(series)]
        assert counts == sorted(counts), key
        assert max(series)[0] == float("inf")
        name, _, labels = key.partition("|")
        total = metrics[f"{name}_count" + (f"{{{labels}}}" if labels else "")]
        assert counts[-1] == total
