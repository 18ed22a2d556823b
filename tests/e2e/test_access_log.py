"""Access records: one line of JSON a request, with nothing from outside able to bend it."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from frontdesk import engine
from tests.e2e.wire import config, send_all
from tests.harness import Connection, Gateway, RecordingUpstream, Truncate, eventually, ok

FIELDS = [
    "time", "request_id", "client", "method", "host", "path", "query", "protocol", "status",
    "route", "service", "target", "duration", "upstream_duration", "bytes_in", "bytes_out",
    "user_agent", "referer", "trace_id", "fault", "grpc_status",
]  # fmt: skip


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


def record_of(gateway: Gateway, request_id: str) -> dict[str, Any]:
    """The one access record of a request."""

    def find() -> list[dict[str, Any]]:
        lines = gateway.log_lines() if gateway.access_log.exists() else []
        return [line for line in lines if line.get("request_id") == request_id]

    (record,) = eventually(find, what=f"record {request_id}")
    return record


def fault_names(gateway: Gateway) -> set[str]:
    """Every name that may stand in `fault`: the codes, and the finer names the metrics count by."""
    return {*engine.ERROR_CODES, *re.findall(r'fault="(\w+)"', "\n".join(gateway.metrics()))}


def test_record_of_a_plain_request(gateway: Gateway, service: RecordingUpstream) -> None:
    service.answer(ok(b"0123456789"))
    headers = [("X-Request-ID", "plain-1"), ("User-Agent", "test/1"), ("Referer", "http://r.test/")]
    response = gateway.get("/orders/7?a=b&c", method="POST", body=b"12345", headers=headers)
    assert response.status == 200
    record = record_of(gateway, "plain-1")
    assert list(record) == FIELDS
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", record["time"])
    expected = {
        "client": "127.0.0.1",
        "method": "POST",
        "host": "gateway.test",
        "path": "/orders/7",
        "query": "a=b&c",
        "protocol": "HTTP/1.1",
        "status": 200,
        "route": "orders",
        "service": "up",
        "bytes_in": 5,
        "bytes_out": 10,
        "user_agent": "test/1",
        "referer": "http://r.test/",
    }
    assert {name: record[name] for name in expected} == expected
    assert str(service.port) in record["target"]
    assert record["duration"] >= record["upstream_duration"] >= 0
    assert record["trace_id"] == (service.last.header("traceparent") or "").split("-")[1]
    assert not record["fault"]


def test_record_of_a_fixed_answer_has_no_upstream(gateway: Gateway) -> None:
    gateway.get("/fixed", headers=[("X-Request-ID", "fixed-1")])
    record = record_of(gateway, "fixed-1")
    assert (record["status"], record["route"], record["bytes_out"]) == (200, "fixed", 5)
    assert not record["service"]
    assert not record["target"]


def test_record_of_nobody(gateway: Gateway) -> None:
    gateway.get("/nobody", headers=[("X-Request-ID", "nobody-1")])
    record = record_of(gateway, "nobody-1")
    assert record["status"] == 404
    assert not record["route"]
    assert record["path"] == "/nobody"


def test_record_of_an_upstream_fault_names_it(gateway: Gateway, service: RecordingUpstream) -> None:
    service.answer(Truncate())
    headers = [("X-Request-ID", "fault-1")]
    assert gateway.get("/orders/x", method="POST", headers=headers).status == 502
    record = record_of(gateway, "fault-1")
    assert record["status"] == 502
    assert record["fault"] in fault_names(gateway)


def test_every_malformed_request_is_recorded_with_its_reason(gateway: Gateway) -> None:
    before = len(gateway.log_lines())
    for data in (
        b"GET / HTTP/1.1\r\n\r\n",
        b"\0\r\n\r\n",
        b"GET /orders/%00 HTTP/1.1\r\nHost: a\r\n\r\n",
    ):
        with Connection(gateway.port) as client:
            client.send(data)
            assert client.response().status == 400
    records = gateway.log_lines(at_least=before + 3)[before:]
    assert [record["status"] for record in records] == [400] * 3
    assert {record["fault"] for record in records} <= fault_names(gateway)


HOSTILE = {
    "quotes": 'a"b\\c',
    "json": '"},{"status":200,"x":"',
    "latin-1": "\xe4\xff\x80",
    "utf-8": "\u20ac\u2028\u2029".encode().decode("latin-1"),
    "broken-utf-8": "\xc3(\xed\xa0\x80\xf8",
    "tab": "a\tb",
    "html": "<script>alert(1)</script>",
    "percent": "%0a%0d%1b[31m%s%n",
    "c1-controls": "\x85\x9b31m",
    "long": "x" * 20_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_values_stay_inside_their_field(name: str, gateway: Gateway) -> None:
    value, request_id = HOSTILE[name], f"hostile-{name}"
    headers = [("User-Agent", value), ("Referer", value[:9000]), ("X-Request-ID", request_id)]
    assert gateway.get("/orders/x", headers=headers).status == 200
    record = record_of(gateway, request_id)
    assert list(record) == FIELDS
    assert (record["status"], record["route"]) == (200, "orders")
    assert len(record["user_agent"]) <= max(20_000, 4 * len(value))


def test_every_line_of_the_log_is_printable_ascii_or_utf_8_json(gateway: Gateway) -> None:
    """Every byte a client may put anywhere, accepted or not, in one go."""
    for byte in range(256):
        value = b"<" + bytes([byte]) + b">"
        for data in (
            b"GET /orders/" + value + b" HTTP/1.1\r\nHost: a.test\r\n\r\n",
            b"GET /orders/x?" + value + b" HTTP/1.1\r\nHost: a.test\r\n\r\n",
            b"GET /orders/x HTTP/1.1\r\nHost: a.test\r\nUser-Agent: " + value + b"\r\n\r\n",
            b"GET /orders/x HTTP/1.1\r\nHost: " + value + b"\r\n\r\n",
            value + b" /orders/x HTTP/1.1\r\nHost: a.test\r\n\r\n",
        ):
            with Connection(gateway.port) as client:
                send_all(client, data)
                if not data.startswith(b"<\r") and not data.startswith(b"<\n"):
                    client.response()
    gateway.get("/orders/x", headers=[("X-Request-ID", "last-of-all-bytes")])
    record_of(gateway, "last-of-all-bytes")
    for line in gateway.access_log.read_bytes().split(b"\n")[:-1]:
        assert not re.search(rb"[\x00-\x1f\x7f]", line), line
        assert isinstance(json.loads(line.decode("utf-8")), dict)


SECRETS = {
    "authorization": [("Authorization", "Bearer s3cret-token")],
    "proxy-authorization": [("Proxy-Authorization", "Basic s3cret-token")],
    "cookie": [("Cookie", "session=s3cret-token")],
    "api-key": [("X-Api-Key", "s3cret-token")],
}


@pytest.mark.parametrize("name", SECRETS)
def test_credentials_are_written_nowhere(
    name: str, gateway: Gateway, service: RecordingUpstream
) -> None:
    service.answer(ok(b"x", [("Set-Cookie", "session=s3cret-token")]))
    request_id = f"secret-{name}"
    gateway.get("/orders/x", headers=[*SECRETS[name], ("X-Request-ID", request_id)])
    record_of(gateway, request_id)
    service.answer(Truncate())
    gateway.get("/orders/x", headers=SECRETS[name])
    everything = gateway.access_log.read_text() + gateway.stderr + gateway.stdout
    assert "s3cret-token" not in everything
    assert "s3cret-token" not in gateway.status_response("/metrics").body.decode()


def test_secret_query_parameters_are_hidden(gateway: Gateway) -> None:
    target = "/orders/x?a=1&api_key=s3cret-param&TOKEN=s3cret-param&b=2"
    referer = "https://r.test/x?token=s3cret-param"
    gateway.get(target, headers=[("X-Request-ID", "secret-query"), ("Referer", referer)])
    record = record_of(gateway, "secret-query")
    assert "s3cret-param" not in json.dumps(record)
    assert record["query"].startswith("a=1&")
    assert record["query"].endswith("&b=2")


def test_common_format(gateway_of: Callable[..., Gateway], upstream: RecordingUpstream) -> None:
    gateway = gateway_of(config(upstream, observe={"access_log": {"format": "common"}}))
    gateway.get('/x?q="1', headers=[("User-Agent", 'evil" "\xe4'), ("Referer", "r")])
    gateway.get("/y")
    lines = eventually(
        lambda: (
            gateway.access_log.exists()
            and len(gateway.access_log.read_text().splitlines()) == 2
            and gateway.access_log.read_text().splitlines()
        ),
        what="two lines",
    )
    pattern = (
        r'127\.0\.0\.1 - - \[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\] "([^"]*|\\")*" 200 2.*'
    )
    assert isinstance(lines, list)
    for line in lines:
        assert re.fullmatch(pattern, line), line
        assert line.isascii()


def test_log_off_and_chosen_fields(
    gateway_of: Callable[..., Gateway], upstream: RecordingUpstream
) -> None:
    off = gateway_of(config(upstream, observe={"access_log": {"to": "off"}}))
    assert off.get().status == 200
    few = gateway_of(config(upstream, observe={"access_log": {"fields": ["status", "path"]}}))
    assert few.get("/a").status == 200
    assert few.log_lines(at_least=1) == [{"status": 200, "path": "/a"}]
    assert not off.access_log.exists()
    assert "GET" not in off.stdout


def test_log_to_stdout(gateway_of: Callable[..., Gateway], upstream: RecordingUpstream) -> None:
    gateway = gateway_of(config(upstream, observe={"access_log": {"to": "stdout"}}))
    assert gateway.get("/to-stdout").status == 200
    eventually(lambda: '"/to-stdout"' in gateway.stdout, what="the record on stdout")
    assert [json.loads(line)["path"] for line in gateway.stdout.splitlines()] == ["/to-stdout"]


def test_file_is_reopened_on_sigusr1(
    gateway_of: Callable[..., Gateway], upstream: RecordingUpstream
) -> None:
    """As log rotation does it: rename, signal, and no record is lost or torn."""
    gateway = gateway_of(config(upstream))
    assert gateway.get("/before").status == 200
    assert len(gateway.log_lines(at_least=1)) == 1
    rotated = gateway.access_log.with_suffix(".1")
    gateway.access_log.rename(rotated)
    gateway.kill(signal.SIGUSR1)
    eventually(gateway.access_log.exists, what="a new file")
    assert gateway.get("/after").status == 200
    assert [line["path"] for line in gateway.log_lines(at_least=1)] == ["/after"]
    assert [json.loads(line)["path"] for line in rotated.read_text().splitlines()] == ["/before"]
