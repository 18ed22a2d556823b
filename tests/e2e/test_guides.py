"""The guides, done with servers that this project did not write: nginx, granian, uvicorn."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import connect

from tests.e2e import guide_servers
from tests.harness import Connection, Gateway, eventually

BIG = 48 * 1024 * 1024
BEHIND_US = {"listeners": {"web": {"trusted_proxies": ["127.0.0.1"]}}}


@dataclass
class Files:
    """A gateway in front of nginx, and the folder that nginx serves."""

    gateway: Gateway
    site: Path


@pytest.fixture(scope="module")
def files(
    module_gateway: Callable[..., Gateway], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Files]:
    if not (shutil.which("nginx") or Path("/usr/sbin/nginx").exists()):
        pytest.skip("nginx is not installed")
    folder = tmp_path_factory.mktemp("nginx")
    with guide_servers.nginx(folder) as port:
        (folder / "site" / "big.bin").write_bytes(os.urandom(1024) * (BIG // 1024))
        config = guide_servers.configuration("nginx", files=port) | BEHIND_US
        yield Files(module_gateway(config), folder / "site")


def test_nginx_big_download(files: Files) -> None:
    response = files.gateway.get("/files/big.bin")
    assert response.status == 200
    assert response.header("content-length") == str(BIG)
    expected = hashlib.sha256((files.site / "big.bin").read_bytes()).digest()
    assert hashlib.sha256(response.body).digest() == expected


def test_nginx_download_that_the_client_gives_up(files: Files) -> None:
    with Connection(files.gateway.port) as client:
        client.send(b"GET /files/big.bin HTTP/1.1\r\nHost: a.test\r\n\r\n")
        assert len(client.read_exactly(100_000)) == 100_000
        client.reset()
    assert files.gateway.get("/files/").status == 200


@pytest.mark.parametrize(
    ("wanted", "got"), [("bytes=0-9", (0, 10)), (f"bytes={BIG - 5}-", (BIG - 5, BIG))]
)
def test_nginx_range(files: Files, wanted: str, got: tuple[int, int]) -> None:
    response = files.gateway.get("/files/big.bin", headers=[("Range", wanted)])
    start, end = got
    assert response.status == 206
    assert response.header("content-range") == f"bytes {start}-{end - 1}/{BIG}"
    assert response.body == (files.site / "big.bin").read_bytes()[start:end]


def test_nginx_range_that_is_not_there(files: Files) -> None:
    response = files.gateway.get("/files/big.bin", headers=[("Range", f"bytes={BIG}-")])
    assert response.status == 416
    assert response.header("content-range") == f"bytes */{BIG}"


def test_nginx_conditional_requests(files: Files) -> None:
    with Connection(files.gateway.port) as client:
        first = client.request("GET", "/files/")
        conditions = {"If-None-Match": "etag", "If-Modified-Since": "last-modified"}
        for name, source in conditions.items():
            value = first.header(source)
            assert value is not None
            again = client.request("GET", "/files/", [(name, value)])
            assert (again.status, again.body) == (304, b"")
        assert client.request("GET", "/files/").body == first.body, "framing is intact"


def test_nginx_head(files: Files) -> None:
    with Connection(files.gateway.port) as client:
        response = client.request("HEAD", "/files/big.bin")
        assert (response.status, response.header("content-length")) == (200, str(BIG))
        assert client.request("GET", "/files/").status == 200


def test_nginx_redirect_to_a_folder_names_no_port_of_its_own(files: Files) -> None:
    response = files.gateway.get("/files/docs", host="www.example.com")
    assert (response.status, response.header("location")) == (301, "/files/docs/")
    assert b"Documents" in files.gateway.get("/files/docs/").body


def test_nginx_compresses_for_a_proxy(files: Files) -> None:
    (files.site / "long.html").write_text("<p>again and again</p>\n" * 500)
    response = files.gateway.get("/files/long.html", headers=[("Accept-Encoding", "gzip")])
    assert response.header("content-encoding") == "gzip"
    assert gzip.decompress(response.body) == (files.site / "long.html").read_bytes()


def test_nginx_sees_the_client(files: Files) -> None:
    headers = [("X-Forwarded-For", "203.0.113.9, 198.51.100.7")]
    assert files.gateway.get("/files/whoami", headers=headers).body == b"198.51.100.7\n"


def test_nginx_gets_no_other_methods_and_no_way_out(files: Files) -> None:
    assert files.gateway.get("/files/", method="DELETE").status == 405
    for target in ("/files/..%2f..%2fetc/passwd", "/files/../../etc/passwd", "/files/%5c..%5cx"):
        assert files.gateway.get(target).status == 400, target


@pytest.fixture(scope="module")
def asgi(
    module_gateway: Callable[..., Gateway], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    folder = tmp_path_factory.mktemp("asgi")
    with (
        guide_servers.granian(folder, "proxied:app") as granian,
        guide_servers.uvicorn(folder) as uvicorn,
    ):
        config = guide_servers.configuration("asgi", granian=granian, uvicorn=uvicorn)
        yield module_gateway(config | BEHIND_US)


both = pytest.mark.parametrize("mount", ["granian", "uvicorn"])


@both
def test_asgi_scope(asgi: Gateway, mount: str) -> None:
    """The application knows its prefix, its client and the scheme the client used."""
    headers = [("X-Forwarded-For", "203.0.113.9"), ("X-Forwarded-Proto", "https")]
    response = asgi.get(f"/{mount}/users/7?x=1", headers=headers, host="www.example.com")
    scope: dict[str, Any] = json.loads(response.body)
    assert scope["root_path"] == f"/{mount}"
    assert scope["path"] == f"/{mount}/users/7"
    assert (scope["client"], scope["scheme"]) == ("203.0.113.9", "https")
    assert scope["headers"]["host"] == "www.example.com"
    stripped = "/uvicorn" if mount == "uvicorn" else None
    assert scope["headers"].get("x-forwarded-prefix") == stripped
    assert scope["headers"]["x-request-id"] == response.header("x-request-id")


@both
def test_asgi_server_sent_events_are_not_held_back(asgi: Gateway, mount: str) -> None:
    """The second event is only sent once the first one has been read."""
    with Connection(asgi.port) as client:
        client.send(f"GET /{mount}/events HTTP/1.1\r\nHost: a.test\r\n\r\n".encode())
        head = client.read_head() or b""
        assert b"text/event-stream" in head
        assert _chunk(client) == b"data: one\n\n"
        assert asgi.get(f"/{mount}/release").status == 200
        assert _chunk(client) == b"data: two\n\n"
        assert client.read_exactly(5) == b"0\r\n\r\n"


@both
def test_asgi_request_body_is_not_held_back(asgi: Gateway, mount: str) -> None:
    """Each part comes back before the next one is sent."""
    with Connection(asgi.port) as client:
        start = f"POST /{mount}/mirror-image HTTP/1.1\r\nHost: a.test\r\n"
        client.send(start.encode() + b"Transfer-Encoding: chunked\r\n\r\n3\r\none\r\n")
        assert b"200 OK" in (client.read_head() or b"")
        assert _chunk(client) == b"one"
        client.send(b"3\r\ntwo\r\n")
        assert _chunk(client) == b"two"
        client.send(b"0\r\n\r\n")
        assert client.read_exactly(5) == b"0\r\n\r\n"


@both
def test_asgi_learns_that_the_client_has_left(asgi: Gateway, mount: str) -> None:
    def departed() -> int:
        count: int = json.loads(asgi.get(f"/{mount}/departed").body)["departed"]
        return count

    before = departed()
    with Connection(asgi.port) as client:
        client.send(f"GET /{mount}/wait HTTP/1.1\r\nHost: a.test\r\n\r\n".encode())
        eventually(lambda: asgi.metric("frontdesk_requests_in_flight", route=mount) == 1)
    eventually(lambda: departed() == before + 1)


@both
def test_asgi_large_upload(asgi: Gateway, mount: str) -> None:
    body = os.urandom(4096) * 1024
    response = asgi.get(f"/{mount}/mirror-image", method="POST", body=body)
    assert (response.status, response.body == body) == (200, True)
    too_large = b"x" * (16 * 1024 * 1024 + 1)
    with Connection(asgi.port) as client:
        length = ("Content-Length", str(len(too_large)))
        assert client.request("POST", f"/{mount}/mirror-image", [length]).status == 413


@both
def test_asgi_websocket(asgi: Gateway, mount: str) -> None:
    headers = {"X-Forwarded-For": "203.0.113.9"}
    with connect(f"ws://127.0.0.1:{asgi.port}/{mount}/ws", additional_headers=headers) as socket:
        assert socket.recv() == "hello 203.0.113.9"
        for text in ("hi", "x" * 70_000):
            socket.send(text)
            assert socket.recv() == text


def _chunk(client: Connection) -> bytes:
    size = b""
    while not size.endswith(b"\r\n"):
        size += client.read_exactly(1)
    return client.read_exactly(int(size, 16) + 2)[:-2]
