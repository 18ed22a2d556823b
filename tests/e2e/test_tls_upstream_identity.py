"""The certificate that the gateway shows to targets which ask for one."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.secure import VERSIONS, both_versions, fault_of, towards
from tests.harness import (
    Authority,
    Gateway,
    Issued,
    RecordingUpstream,
    eventually,
)


def _asking(authority: Authority, site: Issued, version: ssl.TLSVersion) -> RecordingUpstream:
    """An upstream that takes only clients with a certificate of the authority."""
    context = authority.server(site, ask_client=True)
    context.minimum_version = context.maximum_version = version
    return RecordingUpstream(tls=context)


@both_versions
def test_client_certificate(
    gateway_of: Callable[..., Gateway],
    authority: Authority,
    site: Issued,
    version: ssl.TLSVersion,
) -> None:
    mine = authority.issue("gateway.test", common_name="the gateway")
    with _asking(authority, site, version) as upstream:
        gateway = gateway_of(towards(upstream, ca=str(authority.pem), **mine.setting))
        assert gateway.get("/").body == b"ok"
        shown = upstream.connection_of(upstream.last).certificate
        assert ("DNS", "gateway.test") in shown["subjectAltName"]


NOT_TOLD = pytest.mark.xfail(
    strict=True,
    reason="with TLS 1.3 the refusal comes as an alert behind the handshake, where the request is sent "
    "already; the engine takes it for upstream_reset (connection_terminated) and forgets the alert",
)


@pytest.mark.parametrize(
    "version",
    [VERSIONS[0], pytest.param(VERSIONS[1], marks=NOT_TOLD)],
    ids=["1.2", "1.3"],
)
def test_client_certificate_that_is_missing_or_not_believed(
    gateway_of: Callable[..., Gateway],
    authority: Authority,
    site: Issued,
    tmp_path: Path,
    version: ssl.TLSVersion,
) -> None:
    stranger = Authority(tmp_path / "stranger").issue("gateway.test")
    with _asking(authority, site, version) as upstream:
        gateway = gateway_of(towards(upstream, ca=str(authority.pem)))
        assert gateway.get("/").status == 502
        assert upstream.requests == []
        assert fault_of(gateway) == "tls_refused"
        config = towards(upstream, ca=str(authority.pem), **stranger.setting)
        assert gateway.reload(config).returncode == 0
        assert fault_of(gateway) == "tls_refused"
        assert upstream.requests == []


def test_client_certificate_is_read_again(
    gateway_of: Callable[..., Gateway], authority: Authority, site: Issued, live: Issued
) -> None:
    """New connections show the new one, and none of the old ones is used for another request."""
    context = authority.server(site, ask_client=True)
    with RecordingUpstream(tls=context) as upstream:
        gateway = gateway_of(towards(upstream, ca=str(authority.pem), **live.setting))

        def serial() -> object:
            assert gateway.get("/").body == b"ok"
            return upstream.connection_of(upstream.last).certificate["serialNumber"]

        before = serial()
        live.overwrite(authority.issue("127.0.0.1"))
        eventually(lambda: serial() != before, what="the new certificate")
