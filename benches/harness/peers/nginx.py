"""nginx, the control of every row."""

from __future__ import annotations

import os

from .base import POOL, Peer, Setting, certificate

_CONFIG = """\
daemon off; worker_processes 1; pid nginx.pid; error_log nginx.error.log crit;
worker_rlimit_nofile 20000;
events {{ worker_connections 16000; }}
http {{
  access_log off; server_tokens off;
  client_body_temp_path tmp; proxy_temp_path tmp; fastcgi_temp_path tmp;
  uwsgi_temp_path tmp; scgi_temp_path tmp;
  keepalive_requests 1000000000; keepalive_timeout 1h;
  upstream up {{
    server 127.0.0.1:{upstream};
    keepalive {pool}; keepalive_requests 1000000000; keepalive_timeout 1h;
  }}
  proxy_http_version 1.1;
  # Bodies stream in memory: no temporary files, and buffers as large as the other peers have.
  proxy_max_temp_file_size 0; proxy_buffer_size 16k; proxy_buffers 8 16k;
{upgrade}
  proxy_set_header Host $http_host;
  proxy_set_header X-Forwarded-For $remote_addr;
  proxy_set_header X-Forwarded-Proto $scheme;
  proxy_set_header X-Forwarded-Host $http_host;
  proxy_set_header X-Request-ID $request_id;
  proxy_set_header Via "1.1 nginx";
  grpc_set_header X-Forwarded-For $remote_addr;
  grpc_set_header X-Forwarded-Proto $scheme;
  grpc_set_header X-Forwarded-Host $http_host;
  grpc_set_header X-Request-ID $request_id;
  grpc_set_header Via "1.1 nginx";
  add_header X-Request-ID $request_id always;
  add_header Via "1.1 nginx" always;
  server {{
    listen 127.0.0.1:{port} backlog=4096{flags};
{secure}
{locations}
  }}
}}
"""


_NO_UPGRADE = '  proxy_set_header Connection "";'
_UPGRADE = """\
  map $http_upgrade $connection_upgrade {{ default upgrade; '' ''; }}
  proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade;
  proxy_read_timeout 1h; proxy_send_timeout 1h;"""

_SECURE = """\
    ssl_certificate {chain}; ssl_certificate_key {key};
    ssl_protocols TLSv1.2 TLSv1.3; ssl_session_tickets on;
    ssl_session_cache shared:bench:10m;
"""


class Nginx(Peer):
    """One worker; each route is a prefix location."""

    name = "nginx"
    install = "apt-get install nginx"
    version_flags = ("-v",)

    def search_path(self) -> str | None:
        return f"{os.environ.get('PATH', '')}:/usr/sbin"

    def command(self, program: str, setting: Setting) -> list[str]:
        (setting.folder / "tmp").mkdir(exist_ok=True)
        config = setting.folder / "nginx.conf"
        config.write_text(self.render(setting))
        prefix = str(setting.folder)
        return [program, "-p", prefix, "-e", "nginx.error.log", "-c", str(config)]

    def render(self, setting: Setting) -> str:
        """The text of the configuration."""
        to = "grpc_pass grpc://up" if setting.work.speaks == "grpc" else "proxy_pass http://up"
        locations = (f"    location {prefix}/ {{ {to}; }}" for prefix in setting.work.prefixes())
        secure, flags = "", ""
        if setting.work.is_secure:
            chain, key = certificate()
            flags = " ssl http2" if setting.work.is_http2 else " ssl"
            secure = _SECURE.format(chain=chain, key=key)
        return _CONFIG.format(
            flags=flags,
            upgrade=_UPGRADE.format() if setting.work.speaks == "websocket" else _NO_UPGRADE,
            secure=secure,
            upstream=setting.work.upstream_port,
            port=setting.port,
            pool=POOL,
            locations="\n".join(locations),
        )
