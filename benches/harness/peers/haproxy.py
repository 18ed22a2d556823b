"""HAProxy."""

from __future__ import annotations

import os

from .base import POOL, Peer, Setting

_CONFIG = """\
global
  nbthread 1
  # Its own reckoning wants two descriptors for each connection; idle ones need one.
  no strict-limits
  maxconn 15000
defaults
  mode http
  option http-keep-alive
  timeout connect 5s
  timeout client 1h
  timeout http-keep-alive 1h
  timeout server 1h
frontend web
  bind 127.0.0.1:{port} backlog 4096
  unique-id-format %{{+X}}o%ci%cp%fi%fp%Ts%rt%pid
  unique-id-header X-Request-ID
  http-request set-header X-Forwarded-For %[src]
  http-request set-header X-Forwarded-Proto http
  http-request set-header X-Forwarded-Host %[req.hdr(host)]
  http-request set-header Via "1.1 haproxy"
  http-response set-header X-Request-ID %[unique-id]
  http-response set-header Via "1.1 haproxy"
  use_backend %[path,map_beg({map})]
backend up
  http-reuse always
  server one 127.0.0.1:{upstream} pool-max-conn {pool} pool-purge-delay 1h
"""


class Haproxy(Peer):
    """One thread; the routes are a map of path prefixes, which HAProxy keeps as a tree."""

    name = "haproxy"
    install = "apt-get install haproxy"
    version_flags = ("-v",)

    def search_path(self) -> str | None:
        return f"{os.environ.get('PATH', '')}:/usr/sbin"

    def command(self, program: str, setting: Setting) -> list[str]:
        routes = setting.folder / "haproxy.map"
        routes.write_text("".join(f"{prefix}/ up\n" for prefix in setting.work.prefixes()))
        config = setting.folder / "haproxy.cfg"
        config.write_text(
            _CONFIG.format(
                port=setting.port,
                upstream=setting.work.upstream_port,
                pool=POOL,
                map=routes,
            )
        )
        return [program, "-db", "-f", str(config)]
