"""Frontdesk itself."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from harness.process import free_ports

from .base import POOL, ROOT, Peer, Setting, certificate

if TYPE_CHECKING:
    from collections.abc import Mapping


class Frontdesk(Peer):
    """One worker with one engine thread; supervisor and control run beside it and count too."""

    name = "frontdesk"
    install = "make build"
    version_flags = ("version",)

    def search_path(self) -> str | None:
        return str(ROOT / ".venv" / "bin")

    def command(self, program: str, setting: Setting) -> list[str]:
        config = setting.folder / "gateway.yaml"
        config.write_text(self.render(setting))
        places = [
            "--run-dir",
            str(setting.folder / "run"),
            "--state-dir",
            str(setting.folder / "state"),
        ]
        return [program, "run", str(config), *places]

    def render(self, setting: Setting) -> str:
        """The text of the configuration; JSON is YAML too."""
        return json.dumps(self.document(setting), indent=1)

    def document(self, setting: Setting) -> Mapping[str, object]:
        """The configuration as data."""
        limits = {"keepalive_requests": 1_000_000_000, "keepalive_idle": "1h"}
        url = f"http://127.0.0.1:{setting.work.upstream_port}"
        routes: dict[str, dict[str, object]] = {
            f"r{index}": {"match": {"path": f"{prefix}/**"}, "service": "up"}
            for index, prefix in enumerate(setting.work.prefixes())
        }
        if setting.work.speaks == "websocket":
            # As long as nginx is told to wait.
            for route in routes.values():
                route["websocket"] = {"idle": "1h", "ping": "off"}
        listener: dict[str, object] = {"address": f"127.0.0.1:{setting.port}", "limits": limits}
        if setting.work.is_secure:
            chain, key = certificate()
            files = {"certificate": str(chain), "key": str(key)}
            listener["tls"] = {"certificates": [files]}
        protocol = "h2c" if setting.work.speaks == "grpc" else "auto"
        return {
            "version": 1,
            "listeners": {"web": listener},
            "observe": _observe(setting),
            "process": {"workers": 1, "threads": 1, "max_connections": 15_000},
            "services": {
                "up": {"url": url, "protocol": protocol, "pool": {"max_idle": POOL, "idle": "1h"}}
            },
            "routes": routes,
        }


def _observe(setting: Setting) -> Mapping[str, object]:
    if not setting.work.observed:
        return {"access_log": {"to": "off"}, "metrics": {"address": "off"}}
    log = {"to": str(setting.folder / "access.log"), "format": "json"}
    return {"access_log": log, "metrics": {"address": f"127.0.0.1:{free_ports(1)[0]}"}}
