"""gRPC with the reference implementation on both sides: calls, deadlines, cancellation, answers."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable, Iterator
from concurrent import futures
from typing import Any

import grpc
import httpx
import pytest

from tests.harness import Gateway, eventually, free_port

SERVICE = "shop.Orders"


class Orders:
    """A gRPC service whose messages are plain bytes."""

    def __init__(self) -> None:
        self.cancelled = threading.Event()
        self.metadata: dict[str, str] = {}
        self.time_left: float | None = None

    def get(self, request: bytes, context: grpc.ServicerContext) -> bytes:
        """Unary."""
        self.metadata = {key: str(value) for key, value in context.invocation_metadata()}
        self.time_left = context.time_remaining()
        context.send_initial_metadata([("x-initial", "1")])
        context.set_trailing_metadata([("x-trailing", "2"), ("x-bin", b"\x00\xff")])
        if request == b"fail":
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, "nö, 100% not")
        if request == b"hang":
            context.add_callback(self.cancelled.set)
            self.cancelled.wait(30)
        return b"got " + request

    def watch(self, request: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
        """One request, many answers."""
        for number in range(int(request)):
            yield str(number).encode() * 1000
        if context.is_active():
            context.set_trailing_metadata([("x-count", request.decode())])

    def upload(self, requests: Iterator[bytes], _: grpc.ServicerContext) -> bytes:
        """Many requests, one answer."""
        return str(sum(len(request) for request in requests)).encode()

    def talk(self, requests: Iterator[bytes], _: grpc.ServicerContext) -> Iterator[bytes]:
        """Many and many."""
        for request in requests:
            yield request.upper()


@pytest.fixture(scope="module")
def orders() -> Iterator[tuple[Orders, int]]:
    service = Orders()
    handlers = {
        "Get": grpc.unary_unary_rpc_method_handler(service.get),
        "Watch": grpc.unary_stream_rpc_method_handler(service.watch),
        "Upload": grpc.stream_unary_rpc_method_handler(service.upload),
        "Talk": grpc.stream_stream_rpc_method_handler(service.talk),
    }
    server = grpc.server(futures.ThreadPoolExecutor(16))
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(SERVICE, handlers)])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield service, port
    server.stop(0).wait()


@pytest.fixture(scope="module")
def gateway(module_gateway: Callable[..., Gateway], orders: tuple[Orders, int]) -> Gateway:
    _, port = orders
    return module_gateway(
        {
            "services": {
                "orders": {"url": f"http://127.0.0.1:{port}", "protocol": "h2c"},
                "short": {
                    "url": f"http://127.0.0.1:{port}",
                    "protocol": "h2c",
                    "timeouts": {"total": "300ms"},
                },
                "dead": {"url": f"http://127.0.0.1:{free_port()}", "protocol": "h2c"},
            },
            "routes": {
                "orders": {"match": {"grpc": {"service": SERVICE}}, "service": "orders"},
                "short": {
                    "match": {"grpc": {"service": SERVICE}, "headers": {"x-short": "1"}},
                    "service": "short",
                },
                "dead": {"match": {"grpc": {"service": "shop.Dead"}}, "service": "dead"},
                "web": {
                    "match": {"path": "/web/**"},
                    "strip_prefix": "/web",
                    "service": "orders",
                    "grpc_web": True,
                },
                "denied": {
                    "match": {"grpc": {"service": SERVICE, "method": "Denied"}},
                    "service": "orders",
                    "policies": {"ip_filter": {"deny": ["127.0.0.1"]}},
                },
            },
        }
    )


@pytest.fixture
def channel(gateway: Gateway) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(f"127.0.0.1:{gateway.port}") as channel:
        yield channel


def unary(channel: grpc.Channel, method: str, service: str = SERVICE) -> Any:
    return channel.unary_unary(f"/{service}/{method}")


def refusal(call: Callable[[], Any]) -> grpc.Call:
    with pytest.raises(grpc.RpcError) as raised:
        call()
    assert isinstance(raised.value, grpc.Call)
    return raised.value


def test_unary_with_metadata_both_ways(
    channel: grpc.Channel, orders: tuple[Orders, int], gateway: Gateway
) -> None:
    metadata = [("x-a", "b"), ("x-data-bin", b"\x00\x01\xfe")]
    answer, call = unary(channel, "Get").with_call(b"1", metadata=metadata)
    assert answer == b"got 1"
    assert dict(call.initial_metadata())["x-initial"] == "1"
    trailing = dict(call.trailing_metadata())
    assert (trailing["x-trailing"], trailing["x-bin"]) == ("2", b"\x00\xff")
    seen = orders[0].metadata
    assert seen["x-a"] == "b"
    assert seen["x-forwarded-for"] == "127.0.0.1"
    record = eventually(lambda: [r for r in gateway.log_lines() if r["path"].endswith("/Get")])[-1]
    assert (record["protocol"], record["status"], record["grpc_status"]) == ("HTTP/2", 200, 0)


def test_a_status_of_the_service_arrives_unchanged(channel: grpc.Channel) -> None:
    call = refusal(lambda: unary(channel, "Get")(b"fail"))
    assert call.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert call.details() == "nö, 100% not"


def test_server_streaming(channel: grpc.Channel) -> None:
    call = channel.unary_stream(f"/{SERVICE}/Watch")(b"200")
    assert [len(message) for message in call] == [len(str(n)) * 1000 for n in range(200)]
    assert dict(call.trailing_metadata())["x-count"] == "200"


def test_client_streaming_is_not_limited_by_the_size_of_bodies(channel: grpc.Channel) -> None:
    messages = (bytes(100_000) for _ in range(100))
    assert channel.stream_unary(f"/{SERVICE}/Upload")(messages) == b"10000000"


def test_a_conversation_goes_to_and_fro(channel: grpc.Channel) -> None:
    """Each message is sent only after the answer to the one before has come."""
    answered = threading.Semaphore(1)

    def ask() -> Iterator[bytes]:
        for number in range(20):
            assert answered.acquire(timeout=10)
            yield f"message {number}".encode()

    received = []
    for answer in channel.stream_stream(f"/{SERVICE}/Talk")(ask()):
        received.append(answer)
        answered.release()
    assert received == [f"MESSAGE {number}".encode() for number in range(20)]


def test_the_deadline_is_told_and_shortened(
    channel: grpc.Channel, orders: tuple[Orders, int]
) -> None:
    unary(channel, "Get")(b"1", timeout=20)
    assert orders[0].time_left is not None
    # The client itself rounds up what it sends.
    assert 0 < orders[0].time_left <= 20.5
    unary(channel, "Get")(b"1", timeout=20, metadata=[("x-short", "1")])
    assert orders[0].time_left <= 0.31


def test_without_a_deadline_the_service_hears_of_none(
    channel: grpc.Channel, orders: tuple[Orders, int]
) -> None:
    unary(channel, "Get")(b"1")
    left = orders[0].time_left
    assert left is None or left > 3600


def test_a_deadline_ends_the_call_at_the_service_too(
    channel: grpc.Channel, orders: tuple[Orders, int]
) -> None:
    orders[0].cancelled.clear()
    call = refusal(lambda: unary(channel, "Get")(b"hang", metadata=[("x-short", "1")]))
    assert call.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert orders[0].cancelled.wait(10)


def test_a_cancelled_call_is_cancelled_at_the_service(
    channel: grpc.Channel, orders: tuple[Orders, int]
) -> None:
    orders[0].cancelled.clear()
    orders[0].metadata = {}
    call = unary(channel, "Get").future(b"hang")
    eventually(lambda: orders[0].metadata)
    call.cancel()
    assert orders[0].cancelled.wait(10)


@pytest.mark.parametrize(
    ("service", "method", "code"),
    [
        ("shop.Dead", "Get", grpc.StatusCode.UNAVAILABLE),
        (SERVICE, "Denied", grpc.StatusCode.PERMISSION_DENIED),
        ("shop.Nobody", "Get", grpc.StatusCode.UNIMPLEMENTED),
    ],
)
def test_answers_of_the_gateway_have_a_grpc_status(
    channel: grpc.Channel, gateway: Gateway, service: str, method: str, code: grpc.StatusCode
) -> None:
    call = refusal(lambda: unary(channel, method, service)(b"1"))
    assert call.code() is code
    assert call.details()
    assert dict(call.trailing_metadata() or ()).get("x-request-id") or call.initial_metadata()
    path = f"/{service}/{method}"
    record = eventually(lambda: [r for r in gateway.log_lines() if r["path"] == path])[-1]
    assert record["grpc_status"] == code.value[0]
    assert record["status"] >= 400


def test_large_metadata_within_the_limit(channel: grpc.Channel, orders: tuple[Orders, int]) -> None:
    unary(channel, "Get")(b"1", metadata=[("x-large", "a" * 7000)])
    assert len(orders[0].metadata["x-large"]) == 7000


def test_many_calls_at_a_time_share_a_connection(channel: grpc.Channel, gateway: Gateway) -> None:
    call = unary(channel, "Get")
    answers = [call.future(str(n).encode()) for n in range(300)]
    assert [answer.result(30) for answer in answers] == [f"got {n}".encode() for n in range(300)]
    assert gateway.metric("frontdesk_upstream_connections_opened_total") < 30


# -- gRPC-Web (PROTOCOL-WEB.md) --------------------------------------------------------------------


def frame(flags: int, message: bytes) -> bytes:
    return bytes([flags]) + len(message).to_bytes(4, "big") + message


def frames(body: bytes) -> list[tuple[int, bytes]]:
    found = []
    while body:
        size = int.from_bytes(body[1:5], "big")
        found.append((body[0], body[5 : 5 + size]))
        body = body[5 + size :]
    return found


def web_call(gateway: Gateway, method: str, body: bytes, *, text: bool = False) -> httpx.Response:
    suffix = "-text" if text else ""
    fields = {"content-type": f"application/grpc-web{suffix}+proto", "x-grpc-web": "1"}
    url = f"http://127.0.0.1:{gateway.port}/web/{SERVICE}/{method}"
    return httpx.post(url, content=base64.b64encode(body) if text else body, headers=fields)


@pytest.mark.parametrize("text", [False, True], ids=["binary", "text"])
def test_a_browser_calls_with_one_answer(gateway: Gateway, *, text: bool) -> None:
    answer = web_call(gateway, "Get", frame(0, b"1"), text=text)
    suffix = "-text" if text else ""
    assert answer.status_code == 200
    assert answer.headers["content-type"] == f"application/grpc-web{suffix}+proto"
    (kind, message), (last, trailers) = frames(_decoded(answer.content, text=text))
    assert (kind, message, last) == (0, b"got 1", 0x80)
    assert b"grpc-status: 0\r\n" in trailers
    assert b"x-trailing: 2\r\n" in trailers


@pytest.mark.parametrize("text", [False, True], ids=["binary", "text"])
def test_a_browser_gets_a_stream(gateway: Gateway, *, text: bool) -> None:
    answer = web_call(gateway, "Watch", frame(0, b"300"), text=text)
    *messages, (last, trailers) = frames(_decoded(answer.content, text=text))
    assert [message for _, message in messages] == [str(n).encode() * 1000 for n in range(300)]
    assert last == 0x80
    assert b"grpc-status: 0\r\n" in trailers


def test_a_browser_hears_of_failures(gateway: Gateway) -> None:
    failed = web_call(gateway, "Get", frame(0, b"fail"))
    found = failed.headers.get("grpc-status") or failed.content.decode("latin-1")
    assert "9" in found
    absent = web_call(gateway, "Gone", frame(0, b"1"))
    assert absent.headers["grpc-status"] == "12"
    broken = httpx.post(
        f"http://127.0.0.1:{gateway.port}/web/{SERVICE}/Get",
        content=b"!!!!",
        headers={"content-type": "application/grpc-web-text"},
    )
    assert (broken.status_code, broken.headers["grpc-status"]) == (200, "13")
    assert broken.headers["content-type"].startswith("application/grpc-web-text")


def _decoded(body: bytes, *, text: bool) -> bytes:
    """Base64 of pieces that were each encoded by themselves."""
    if not text:
        return body
    quanta = [body[at : at + 4] for at in range(0, len(body), 4)]
    return b"".join(base64.b64decode(quantum) for quantum in quanta)
