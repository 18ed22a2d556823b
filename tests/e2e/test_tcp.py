"""Connections that are passed through: by the port, and by the name in a TLS hello."""

from __future__ import annotations

import contextlib
import signal
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.harness import Gateway, eventually, free_port
from tests.harness.certificates import Authority

Start = Callable[..., Gateway]


class Echo:
    """A server that begins with a greeting, echoes, and says `end` when the other side has ended."""

    def __init__(self, greeting: bytes = b"hello\n", tls: ssl.SSLContext | None = None) -> None:
        self.greeting, self.tls = greeting, tls
        self.first: list[bytes] = []
        self.accepted = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._threads: list[threading.Thread] = []
        self._open: list[socket.socket] = []

    @property
    def url(self) -> str:
        return f"tcp://127.0.0.1:{self.port}"

    def __enter__(self) -> Echo:
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        for sock in [self._listener, *self._open]:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()
        for thread in self._threads:
            thread.join(10)

    def _start(self, run: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=run, args=args)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self.accepted += 1
            self._open.append(sock)
            self._start(self._serve, sock)

    def _serve(self, sock: socket.socket) -> None:
        with contextlib.suppress(OSError):
            if self.tls is not None:
                sock = self.tls.wrap_socket(sock, server_side=True)
            sock.sendall(self.greeting)
            while data := sock.recv(65_536):
                self.first.append(data)
                sock.sendall(data)
            sock.sendall(b"end")
            sock.shutdown(socket.SHUT_WR)


@pytest.fixture
def echo() -> Iterator[Echo]:
    with Echo() as made:
        yield made


def config(echo: Echo | str, tcp: Any = "raw", **listener: Any) -> dict[str, Any]:
    url = echo if isinstance(echo, str) else echo.url
    service = listener.pop("service", {})
    return {
        "listeners": {"web": {"tcp": tcp, **listener}},
        "services": {"raw": {"url": url, **service}},
    }


def connect(gateway: Gateway, timeout: float = 15) -> socket.socket:
    return socket.create_connection(("127.0.0.1", gateway.port), timeout)


def take(sock: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = sock.recv(size - len(data))
        if not part:
            break
        data += part
    return data


def rest(sock: socket.socket) -> bytes:
    """What comes until the other side ends, in whichever way."""
    data = b""
    with contextlib.suppress(ConnectionResetError):
        while part := sock.recv(65_536):
            data += part
    return data


def start(gateway_of: Start, config: dict[str, Any], **more: Any) -> Gateway:
    """A gateway without any HTTP to be asked for readiness."""
    return gateway_of(config, **more)


# -- by the port -----------------------------------------------------------------------------------


def test_bytes_pass_both_ways_and_each_end_by_itself(gateway_of: Start, echo: Echo) -> None:
    """The server may speak first, and the client may end while it still reads."""
    gateway = start(gateway_of, config(echo))
    with connect(gateway) as sock:
        assert take(sock, 6) == b"hello\n"
        data = bytes(range(256)) * 2_000
        sender = threading.Thread(target=sock.sendall, args=(data,))
        sender.start()
        assert take(sock, len(data)) == data
        sender.join()
        sock.shutdown(socket.SHUT_WR)
        assert rest(sock) == b"end"
    (record,) = gateway.log_lines(at_least=1)
    assert (record["protocol"], record["service"], record["target"]) == ("TCP", "raw", echo.url)
    assert (record["bytes_in"], record["bytes_out"]) == (len(data), len(data) + 9)
    assert (record["method"], record["path"], record["fault"]) == (None, None, None)
    assert gateway.metric("frontdesk_tcp_connections_total", result="relayed") == 1
    assert gateway.metric("frontdesk_tcp_bytes_total", direction="in") == len(data)
    eventually(lambda: gateway.metric("frontdesk_tcp_connections_open") == 0)


def test_another_target_where_one_is_away(gateway_of: Start, echo: Echo) -> None:
    dead = f"tcp://127.0.0.1:{free_port()}"
    wanted = config(echo)
    wanted["services"]["raw"] = {"targets": [dead, echo.url]}
    gateway = start(gateway_of, wanted)
    for _ in range(4):
        with connect(gateway) as sock:
            assert take(sock, 6) == b"hello\n"
    assert echo.accepted == 4


def test_no_target(gateway_of: Start) -> None:
    gateway = start(gateway_of, config(f"tcp://127.0.0.1:{free_port()}"))
    with connect(gateway) as sock:
        assert rest(sock) == b"", "nothing that is not the service's own"
    (record,) = gateway.log_lines(at_least=1)
    assert record["fault"] == "connect_failed"


def test_silence_ends_it(gateway_of: Start, echo: Echo) -> None:
    gateway = start(gateway_of, config(echo, {"service": "raw", "idle": "300ms"}))
    with connect(gateway) as sock:
        assert rest(sock) == b"hello\n"


def test_over_the_limit_of_connections_nothing_is_said(gateway_of: Start, echo: Echo) -> None:
    gateway = start(gateway_of, {**config(echo), "process": {"max_connections": 1, "threads": 1}})
    with connect(gateway) as first:
        assert take(first, 6) == b"hello\n"
        with connect(gateway) as second:
            assert rest(second) == b""


@pytest.mark.parametrize("where", ["global", "service"])
def test_addresses_are_filtered(gateway_of: Start, echo: Echo, where: str) -> None:
    policies = {"ip_filter": {"deny": ["127.0.0.0/8"]}}
    wanted = config(echo)
    (wanted if where == "global" else wanted["services"]["raw"])["policies"] = policies
    gateway = start(gateway_of, wanted)
    with connect(gateway) as sock:
        assert rest(sock) == b""
    assert echo.accepted == 0
    assert gateway.metric("frontdesk_tcp_connections_total", result="forbidden") == 1


def test_drain_waits_for_them(gateway_of: Start, echo: Echo) -> None:
    gateway = start(gateway_of, config(echo))
    with connect(gateway) as sock:
        take(sock, 6)
        gateway.processes()
        gateway.kill(signal.SIGTERM)
        eventually(lambda: gateway.status("/readyz") == 503)
        sock.sendall(b"still here")
        assert take(sock, 10) == b"still here"
        sock.shutdown(socket.SHUT_WR)
        assert rest(sock) == b"end"
    assert gateway.wait() == 0


def test_reload_leaves_open_ones_alone(gateway_of: Start, echo: Echo) -> None:
    gateway = start(gateway_of, config(echo))
    with Echo(b"other\n") as other, connect(gateway) as sock:
        take(sock, 6)
        assert gateway.reload(config(other)).returncode == 0
        sock.sendall(b"x")
        assert take(sock, 1) == b"x"
        with connect(gateway) as late:
            assert take(late, 6) == b"other\n"


# -- PROXY protocol --------------------------------------------------------------------------------

V2 = b"\r\n\r\n\0\r\nQUIT\n"


@pytest.mark.parametrize("version", [1, 2])
def test_the_service_learns_who_calls(gateway_of: Start, version: int) -> None:
    with Echo(b"") as echo:
        gateway = start(gateway_of, config(echo, service={"proxy_protocol": version}))
        with connect(gateway) as sock:
            port = sock.getsockname()[1]
            if version == 1:
                line = f"PROXY TCP4 127.0.0.1 127.0.0.1 {port} {gateway.port}\r\n".encode()
            else:
                addresses = socket.inet_aton("127.0.0.1") * 2
                line = V2 + b"\x21\x11\0\x0c" + addresses
                line += struct.pack("!HH", port, gateway.port)
            assert take(sock, len(line)) == line
            sock.sendall(b"x")
            assert take(sock, 1) == b"x"


def test_whom_a_trusted_proxy_names(gateway_of: Start) -> None:
    listener = {"proxy_protocol": True, "trusted_proxies": ["127.0.0.1"]}
    with Echo(b"") as echo:
        gateway = start(gateway_of, config(echo, service={"proxy_protocol": 1}, **listener))
        with connect(gateway) as sock:
            sock.sendall(b"PROXY TCP4 192.0.2.7 192.0.2.1 1000 443\r\nhello")
            line = f"PROXY TCP4 192.0.2.7 127.0.0.1 0 {gateway.port}\r\n".encode()
            assert take(sock, len(line) + 5) == line + b"hello"
    assert gateway.log_lines(at_least=1)[0]["client"] == "192.0.2.7"


# -- by the name -----------------------------------------------------------------------------------


@pytest.fixture
def town(tmp_path: Path) -> Iterator[tuple[Authority, dict[str, Echo]]]:
    """Servers with certificates of their own."""
    authority = Authority(tmp_path)
    names = {"exact": "a.town.test", "wild": "*.town.test", "other": "elsewhere.test"}
    with contextlib.ExitStack() as stack:
        servers = {
            key: stack.enter_context(
                Echo(key.encode() + b"\n", authority.server(authority.issue(name)))
            )
            for key, name in names.items()
        }
        yield authority, servers


def by_name(servers: dict[str, Echo], *, default: bool = False) -> dict[str, Any]:
    tcp: dict[str, Any] = {"names": {"A.town.test": "exact", "*.town.test": "wild"}}
    if default:
        tcp["service"] = "other"
    services = {name: {"url": server.url} for name, server in servers.items()}
    limits = {"tls_handshake": "500ms"}
    return {"listeners": {"web": {"tcp": tcp, "limits": limits}}, "services": services}


def greeting(gateway: Gateway, authority: Authority, name: str) -> bytes:
    """What the server behind a name says, whose certificate the client verifies."""
    with authority.client().wrap_socket(connect(gateway), server_hostname=name) as sock:
        return take(sock, 64).partition(b"\n")[0] if False else sock.recv(64).strip()


def test_the_name_chooses(gateway_of: Start, town: tuple[Authority, dict[str, Echo]]) -> None:
    authority, servers = town
    gateway = start(gateway_of, by_name(servers))
    assert greeting(gateway, authority, "a.town.test") == b"exact"
    assert greeting(gateway, authority, "A.TOWN.test") == b"exact"
    assert greeting(gateway, authority, "b.town.test") == b"wild"
    for name in ("b.c.town.test", "town.test", "elsewhere.test"):
        with pytest.raises((ssl.SSLError, OSError)):
            greeting(gateway, authority, name)
    assert gateway.metric("frontdesk_tcp_connections_total", result="route_not_found") == 3
    assert servers["other"].accepted == 0
    record = gateway.log_lines(at_least=6)[0]
    assert (record["host"], record["service"]) == ("a.town.test", "exact")


def test_others_go_to_the_default(
    gateway_of: Start, town: tuple[Authority, dict[str, Echo]]
) -> None:
    authority, servers = town
    gateway = start(gateway_of, by_name(servers, default=True))
    assert greeting(gateway, authority, "b.town.test") == b"wild"
    assert greeting(gateway, authority, "elsewhere.test") == b"other"


def hello_of(name: str) -> bytes:
    """The first bytes that a client sends."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname=name)
    with contextlib.suppress(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


def test_hello_in_pieces(gateway_of: Start) -> None:
    """It reaches the service as it was sent, once, however it came."""
    with Echo(b"") as echo:
        tcp = {"names": {"a.town.test": "raw"}}
        gateway = start(gateway_of, config(echo, tcp))
        hello = hello_of("a.town.test")
        with connect(gateway) as sock:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for at in range(0, len(hello), 7):
                sock.sendall(hello[at : at + 7])
            assert take(sock, len(hello)) == hello


NOT_A_HELLO = {
    "http": b"GET / HTTP/1.1\r\nHost: a.town.test\r\n\r\n",
    "garbage": b"\xff" * 100,
    "another-record": b"\x17\x03\x03\0\x05hello",
    "a-lying-length": b"\x16\x03\x01\xff\xff" + b"\x01\xff\xff\xff" * 20_000,
    "nothing": b"",
}


@pytest.mark.parametrize("name", NOT_A_HELLO)
def test_what_is_no_hello(gateway_of: Start, name: str) -> None:
    """It is closed in time, and the service hears nothing of it."""
    with Echo() as echo:
        wanted = config(echo, {"names": {"a.town.test": "raw"}}, limits={"tls_handshake": "300ms"})
        gateway = start(gateway_of, wanted)
        with connect(gateway) as sock:
            with contextlib.suppress(OSError):
                sock.sendall(NOT_A_HELLO[name])
            assert rest(sock) == b""
        assert echo.accepted == 0
    (record,) = gateway.log_lines(at_least=1)
    assert record["fault"] in ("tls_hello_invalid", "tls_hello_timeout")


# -- TLS that ends here ----------------------------------------------------------------------------


def test_tls_may_end_at_the_gateway(gateway_of: Start, echo: Echo, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    certificates = [authority.issue("127.0.0.1").setting]
    gateway = start(gateway_of, config(echo, tls={"certificates": certificates}))
    # The gateway does not know what is inside: it neither chooses a protocol nor refuses one.
    context = authority.client(alpn=("h2", "postgresql"))
    with context.wrap_socket(connect(gateway), server_hostname="127.0.0.1") as sock:
        assert sock.selected_alpn_protocol() is None
        assert take(sock, 6) == b"hello\n"
        sock.sendall(b"plain behind it")
        assert take(sock, 15) == b"plain behind it"
    assert echo.first[0] == b"plain behind it"
