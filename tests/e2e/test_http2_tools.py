"""Clients and servers of HTTP/2 that this project did not write: curl, nghttp, httpx, nginx, granian."""

from __future__ import annotations

import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.messages import body_of
from tests.e2e.wire import config
from tests.harness import Gateway, RecordingUpstream, eventually, free_port, ok
from tests.harness.http2 import Certificates, Http2Client
from tests.harness.http2.certificates import NAME

MIB = 1024 * 1024


def need(program: str) -> str:
    """Where a program is; the test is skipped without it."""
    found = shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin")
    if found is None:
        pytest.skip(f"{program} is not installed")
    return found


@dataclass
class Front:
    """A gateway with a plain and a secure listener."""

    gateway: Gateway
    secure_port: int
    certificates: Certificates


@pytest.fixture(scope="module")
def front(
    module_gateway: Callable[..., Gateway],
    shared_upstream: RecordingUpstream,
    tmp_path_factory: pytest.TempPathFactory,
) -> Front:
    certificates = Certificates(tmp_path_factory.mktemp("certificates"))
    port = free_port()
    secure = {"address": f"127.0.0.1:{port}", "tls": certificates.listener()}
    listeners = {"web": {"limits": {"keepalive_requests": 100_000}}, "secure": secure}
    gateway = module_gateway(config(shared_upstream, listeners=listeners))
    return Front(gateway, port, certificates)


def run(*command: str, data: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run to the end."""
    return subprocess.run(command, input=data, capture_output=True, timeout=60, check=False)


def curl(
    front: Front, *args: str, secure: bool, path: str = "/x"
) -> subprocess.CompletedProcess[bytes]:
    program = need("curl")
    if b"HTTP2" not in run(program, "--version").stdout:
        pytest.skip("this curl speaks no HTTP/2")
    if secure:
        where = ["--http2", "--cacert", str(front.certificates.ca)]
        where += ["--resolve", f"{NAME}:{front.secure_port}:127.0.0.1"]
        url = f"https://{NAME}:{front.secure_port}{path}"
    else:
        where, url = ["--http2-prior-knowledge"], f"http://127.0.0.1:{front.gateway.port}{path}"
    return run(program, "--silent", "--show-error", "--noproxy", "*", *where, *args, url)


both = pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])


@both
def test_curl(front: Front, shared_upstream: RecordingUpstream, secure: bool) -> None:
    shared_upstream.clear()
    shared_upstream.answer(ok(b"hello"))
    done = curl(front, "--write-out", " %{http_version} %{response_code}", secure=secure)
    assert (done.stdout, done.returncode) == (b"hello 2 200", 0), done.stderr
    assert shared_upstream.last.target == "/x"


@both
def test_curl_upload(
    front: Front, shared_upstream: RecordingUpstream, secure: bool, tmp_path: Path
) -> None:
    body = body_of(900_000)
    (tmp_path / "body").write_bytes(body)
    shared_upstream.clear()
    shared_upstream.answer(ok(body))
    done = curl(front, "--data-binary", f"@{tmp_path / 'body'}", secure=secure)
    assert done.stdout == body, done.stderr
    assert shared_upstream.last.body == body


@both
def test_curl_upgrade_is_not_made(
    front: Front, shared_upstream: RecordingUpstream, secure: bool
) -> None:
    if secure:
        pytest.skip("an upgrade is for plain connections")
    shared_upstream.answer(ok(b"hello"))
    program = need("curl")
    url = f"http://127.0.0.1:{front.gateway.port}/x"
    done = run(program, "-s", "--noproxy", "*", "--http2", "-w", " %{http_version}", url)
    assert done.stdout == b"hello 1.1"


@both
def test_nghttp(front: Front, shared_upstream: RecordingUpstream, secure: bool) -> None:
    program = need("nghttp")
    shared_upstream.answer(ok(b"hello"))
    port = front.secure_port if secure else front.gateway.port
    url = f"http{'s' if secure else ''}://127.0.0.1:{port}/x"
    done = run(program, "--no-verify-peer", "-v", "-m", "20", url)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(b":status: 200") == 20
    assert b"GOAWAY" not in done.stdout.replace(b"send GOAWAY", b"")


@both
def test_nghttp_with_trailers(
    front: Front, shared_upstream: RecordingUpstream, secure: bool, tmp_path: Path
) -> None:
    program = need("nghttp")
    (tmp_path / "body").write_bytes(b"x" * 100_000)
    shared_upstream.clear()
    shared_upstream.answer(ok(b"hello"))
    port = front.secure_port if secure else front.gateway.port
    url = f"http{'s' if secure else ''}://127.0.0.1:{port}/x"
    args = [
        "--no-verify-peer",
        "--no-content-length",
        "-d",
        str(tmp_path / "body"),
        "--trailer",
        "x-sum: 1",
    ]
    done = run(program, *args, url)
    assert done.returncode == 0, done.stderr
    assert shared_upstream.last.body == b"x" * 100_000
    assert b"\r\n0\r\nx-sum: 1\r\n\r\n" in shared_upstream.data


@both
def test_h2load(front: Front, shared_upstream: RecordingUpstream, secure: bool) -> None:
    program = need("h2load")
    shared_upstream.answer(ok(b"hello"))
    port = front.secure_port if secure else front.gateway.port
    url = f"http{'s' if secure else ''}://127.0.0.1:{port}/x"
    done = run(program, "-n", "2000", "-c", "5", "-m", "20", url)
    text = done.stdout.decode()
    assert "2000 succeeded, 0 failed, 0 errored" in text, text
    assert re.search(r"status codes: 2000 2xx", text)


@both
def test_httpx(front: Front, shared_upstream: RecordingUpstream, secure: bool) -> None:
    httpx = pytest.importorskip("httpx")
    shared_upstream.answer(ok(b"hello"))
    url = f"http://127.0.0.1:{front.gateway.port}/x"
    verify: ssl.SSLContext | bool = False
    if secure:
        url, verify = f"https://127.0.0.1:{front.secure_port}/x", front.certificates.client()
    with httpx.Client(http2=True, http1=secure, verify=verify, trust_env=False) as client:
        for _ in range(5):
            answer = client.get(url)
            assert (answer.http_version, answer.text) == ("HTTP/2", "hello")


# -- servers ---------------------------------------------------------------------------------------

NGINX = """
daemon off; worker_processes 1; {user} pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 128; }}
http {{
  access_log off;
  client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  keepalive_requests 30;
  server {{
    listen 127.0.0.1:{port} ssl http2;
    ssl_certificate {chain}; ssl_certificate_key {key};
    root {folder}/site;
    location = /version {{ return 200 "$server_protocol"; }}
  }}
}}
"""


@pytest.fixture(scope="module")
def nginx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, Certificates, Path]]:
    program = need("nginx")
    folder = tmp_path_factory.mktemp("nginx")
    certificates = Certificates(folder)
    (folder / "site").mkdir()
    port = free_port()
    user = "user root;" if os.geteuid() == 0 else ""
    text = NGINX.format(
        user=user, folder=folder, port=port, chain=certificates.chain, key=certificates.key
    )
    (folder / "nginx.conf").write_text(text)
    server = subprocess.Popen([program, "-c", str(folder / "nginx.conf"), "-p", str(folder)])
    try:
        eventually(lambda: _listens(port), what="nginx")
        yield port, certificates, folder / "site"
    finally:
        server.terminate()
        server.wait(10)


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def test_nginx_by_alpn(
    gateway_of: Callable[..., Gateway], nginx: tuple[int, Certificates, Path]
) -> None:
    """Also where it ends its connections after 30 requests: no request fails."""
    port, certificates, site = nginx
    body = body_of(8 * MIB)
    (site / "big.bin").write_bytes(body)
    service = {"url": f"https://127.0.0.1:{port}", "tls": certificates.service()}
    gateway = gateway_of(
        {
            "services": {"up": service},
            "routes": {"all": {"match": {"path": "/**"}, "service": "up"}},
        }
    )
    assert gateway.get("/version").body == b"HTTP/2.0"
    assert gateway.get("/big.bin").body == body
    with Http2Client(gateway.port) as client:
        for _ in range(10):
            streams = [client.start(path="/version") for _ in range(20)]
            assert {client.response(stream).body for stream in streams} == {b"HTTP/2.0"}
        assert client.request(path="/big.bin").body == body
        assert client.request(path="/none").status == 404


GRANIAN = """
async def app(scope, receive, send):
    assert scope["type"] == "http"
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    head = [(b"x-version", scope["http_version"].encode())]
    await send({"type": "http.response.start", "status": 200, "headers": head})
    await send({"type": "http.response.body", "body": body or b"hello"})
"""


def test_granian_by_prior_knowledge(gateway_of: Callable[..., Gateway], tmp_path: Path) -> None:
    pytest.importorskip("granian")
    (tmp_path / "echo_app.py").write_text(GRANIAN)
    port = free_port()
    command = [sys.executable, "-m", "granian", "--interface", "asginl", "--host", "127.0.0.1"]
    command += ["--port", str(port), "--http", "2", "--workers", "1", "echo_app:app"]
    with (tmp_path / "granian.log").open("wb") as log:
        server = subprocess.Popen(command, cwd=tmp_path, stdout=log, stderr=log)
        try:
            eventually(lambda: _listens(port), within=30, what="granian")
            service = {"url": f"http://127.0.0.1:{port}", "protocol": "h2c"}
            route = {"match": {"path": "/**"}, "service": "up"}
            gateway = gateway_of({"services": {"up": service}, "routes": {"all": route}})
            answer = gateway.get()
            assert (answer.body, answer.header("x-version")) == (b"hello", "2")
            body = body_of(700_000)
            with Http2Client(gateway.port) as client:
                assert client.request("POST", body=body).body == body
                streams = [client.start() for _ in range(50)]
                assert {client.response(stream).status for stream in streams} == {200}
        finally:
            server.terminate()
            server.wait(15)
