"""What a configuration becomes, where a golden file would not tell the reason."""

from __future__ import annotations

import gc
import time
from pathlib import Path

import pytest

from frontdesk.compiler import compile_file
from frontdesk.errors import ConfigErrors
from frontdesk.snapshot import model
from tests.unit.config.yaml_files import compiled, written

MANY = 10_000


def test_defaults_are_those_of_the_documentation(tmp_path: Path) -> None:
    result = compiled(tmp_path, "version: 1\n")
    (listener,) = result.snapshot.listeners
    assert (listener.name, listener.host, listener.port) == ("web", "0.0.0.0", 8000)
    assert listener.limits == model.Limits(
        head_timeout_ms=10_000, body_idle_ms=30_000, body_min_rate=500,
        body_min_rate_after_ms=10_000, write_idle_ms=60_000, keepalive_idle_ms=75_000,
        keepalive_requests=1_000, connection_age_ms=3_600_000, head_bytes=32 * 1024,
        head_fields=100, target_bytes=8 * 1024, chunk_extension_bytes=4 * 1024,
        early_answer_drain_bytes=64 * 1024, http2_streams=100,
        http2_stream_window_bytes=64 * 1024, http2_connection_window_bytes=2**20,
        http2_header_list_bytes=16 * 1024,
    )  # fmt: skip
    assert (result.workers, result.threads, result.status_address) == (1, None, "127.0.0.1:8007")
    assert result.secrets == {}


def test_a_status_listener_on_ipv6(tmp_path: Path) -> None:
    text = 'version: 1\nobserve: {metrics: {address: "[::1]:9000"}}\n'
    assert compiled(tmp_path, text).status_address == "[::1]:9000"


def test_the_status_listener_can_be_off(tmp_path: Path) -> None:
    assert (
        compiled(tmp_path, "version: 1\nobserve: {metrics: {address: off}}\n").status_address
        is None
    )


def test_a_relative_log_file_starts_at_the_configuration(tmp_path: Path) -> None:
    result = compiled(tmp_path, "version: 1\nobserve: {access_log: {to: logs/a.log}}\n")
    assert result.snapshot.observe.access_log.to == str(tmp_path / "logs/a.log")


def test_equal_configurations_are_equal_bytes(tmp_path: Path) -> None:
    first = compiled(tmp_path, "version: 1\nservices: {a: {url: http://a}}\n")
    second = compiled(tmp_path, "# same\nservices:\n  a: {url: 'HTTP://A:80/'}\nversion: 1\n")
    assert first.encoded == second.encoded
    assert first.hash == second.hash


def test_the_order_of_routes_is_kept(tmp_path: Path) -> None:
    routes = "".join(f"  r{n}: {{match: {{path: /{n}}}, respond: {{}}}}\n" for n in (3, 1, 2))
    result = compiled(tmp_path, f"version: 1\nroutes:\n{routes}")
    assert [route.name for route in result.snapshot.routes] == ["r3", "r1", "r2"]


def test_the_collector_works_again_after_a_refusal(tmp_path: Path) -> None:
    assert gc.isenabled()
    with pytest.raises(ConfigErrors):
        compile_file(tmp_path / "gone.yaml")
    assert gc.isenabled()


def test_ten_thousand_routes(tmp_path: Path) -> None:
    services = "".join(f"  s{n}: {{url: 'http://127.0.0.1:{9000 + n}'}}\n" for n in range(200))
    routes = "".join(
        f"  r{n}:\n    match: {{path: '/api/r{n}/**', methods: [GET, POST]}}\n"
        f"    strip_prefix: /api\n    service: s{n % 200}\n"
        for n in range(MANY)
    )
    path = written(tmp_path, f"version: 1\nservices:\n{services}routes:\n{routes}")
    started = time.perf_counter()
    result = compile_file(path)
    print(f"{MANY:,} routes: {time.perf_counter() - started:.2f} s")
    names = [route.name for route in result.snapshot.routes]
    assert names == [f"r{n}" for n in range(MANY)]
    last = result.snapshot.routes[-1]
    assert last.matches[0].path == model.PathRule(kind=model.PathKind.prefix, value="/api/r9999/**")
    assert isinstance(last.action, model.Forward)
    assert (last.action.strip_prefix, last.action.split[0].service) == ("/api", "s199")
