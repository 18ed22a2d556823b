"""The gateways that take part, in the order of the tables."""

from __future__ import annotations

from .base import Peer, Setting
from .caddy import Caddy
from .envoy import Envoy
from .frontdesk import Frontdesk
from .haproxy import Haproxy
from .nginx import Nginx
from .traefik import Traefik

FRONTDESK = Frontdesk()
NGINX = Nginx()
HAPROXY = Haproxy()
ENVOY = Envoy()
TRAEFIK = Traefik()
CADDY = Caddy()

ALL: tuple[Peer, ...] = (FRONTDESK, NGINX, HAPROXY, ENVOY, TRAEFIK, CADDY)

__all__ = [
    "ALL",
    "CADDY",
    "ENVOY",
    "FRONTDESK",
    "HAPROXY",
    "NGINX",
    "TRAEFIK",
    "Peer",
    "Setting",
]
