"""The upstream: nginx with fixed bodies, one port per size."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from .cores import LOAD_CORE
from .process import Launch, free_ports

if TYPE_CHECKING:
    from collections.abc import Iterator

BODY_SIZES = (0, 1024, 100 * 1024, 1024 * 1024)

_HEAD = """\
daemon off; worker_processes 1; pid upstream.pid; error_log upstream.error.log crit;
worker_rlimit_nofile 20000;
events {{ worker_connections 16000; }}
http {{
  access_log off; server_tokens off; sendfile on; tcp_nopush on;
  keepalive_requests 1000000000; keepalive_timeout 1h;
  open_file_cache max=16 inactive=1h; open_file_cache_valid 1h;
  default_type application/octet-stream;
  {servers}
}}
"""
# A body that fits into a directive is sent from memory, a larger one from the page cache.
_SMALL = 'server {{ listen 127.0.0.1:{port} backlog=4096; location / {{ return 200 "{body}"; }} }}'
_LARGE = """server {{ listen 127.0.0.1:{port} backlog=4096; root {folder};
  location / {{ try_files /body-{size} =500; }} }}"""


_GRPC = """server {{ listen 127.0.0.1:{probe}; location / {{ return 200; }} }}
  server {{ listen 127.0.0.1:{port} http2 backlog=4096; root {folder}; http2_max_concurrent_streams 1024;
  default_type application/grpc; add_trailer grpc-status 0; error_page 405 =200 $uri;
  location / {{ try_files /reply =500; }} }}"""


@contextmanager
def upstream(nginx: str, folder: Path) -> Iterator[dict[int, int]]:
    """Runs the upstream; gives the port of each body size."""
    ports = dict(zip(BODY_SIZES, free_ports(len(BODY_SIZES)), strict=True))
    config = folder / "upstream.conf"
    servers = [_server(size, port, folder) for size, port in ports.items()]
    config.write_text(_HEAD.format(servers="\n  ".join(servers)))
    command = [nginx, "-p", str(folder), "-e", "upstream.error.log", "-c", str(config)]
    with Launch("upstream", command, ports[0], LOAD_CORE, folder, "/").start():
        yield ports


@contextmanager
def grpc_upstream(nginx: str, folder: Path) -> Iterator[int]:
    """An nginx that answers every gRPC call with one message and a status in the trailers; gives its port."""
    probe, port = free_ports(2)
    config = folder / "grpc.conf"
    (folder / "reply").write_bytes(b"\0\0\0\0\x20" + b"x" * 32)
    config.write_text(_HEAD.format(servers=_GRPC.format(probe=probe, port=port, folder=folder)))
    command = [nginx, "-p", str(folder), "-e", "grpc.error.log", "-c", str(config)]
    with Launch("grpc-upstream", command, probe, LOAD_CORE, folder, "/").start():
        yield port


@contextmanager
def websocket_echo(folder: Path) -> Iterator[int]:
    """Runs the WebSocket server; gives its port."""
    port = free_ports(1)[0]
    command = [sys.executable, str(Path(__file__).with_name("websocket_echo.py")), str(port)]
    with Launch("websocket-echo", command, port, LOAD_CORE, folder, "/").start():
        yield port


def _server(size: int, port: int, folder: Path) -> str:
    if size <= 1024:
        return _SMALL.format(port=port, body="x" * size)
    (folder / f"body-{size}").write_bytes(b"x" * size)
    return _LARGE.format(port=port, folder=folder, size=size)
