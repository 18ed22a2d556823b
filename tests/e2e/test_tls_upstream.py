"""TLS towards targets: who is believed, by which name, and who is asked for."""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable

from tests.e2e.secure import both_versions, fault_of, towards
from tests.harness import (
    Authority,
    Gateway,
    Issued,
    RecordingUpstream,
    eventually,
    ok,
)


def test_own_authority(
    gateway_of: Callable[..., Gateway], authority: Authority, secure_upstream: RecordingUpstream
) -> None:
    gateway = gateway_of(towards(secure_upstream, ca=str(authority.pem)))
    assert gateway.get("/x?y").body == b"ok"
    arrived = secure_upstream.last
    assert arrived.target == "/x?y"
    assert arrived.header("x-forwarded-proto") == "http", "how the client came, not how we went on"
    assert secure_upstream.names == [None], "an address is no name to ask for (RFC 6066 section 3)"
    assert gateway.log_lines(at_least=1)[-1]["target"] == secure_upstream.url


@both_versions
def test_versions_and_big_bodies(
    gateway_of: Callable[..., Gateway],
    authority: Authority,
    site: Issued,
    version: ssl.TLSVersion,
) -> None:
    context = authority.server(site)
    context.minimum_version = context.maximum_version = version
    big = os.urandom(1 << 20) * 10
    with RecordingUpstream(lambda request: ok(request.body), tls=context) as upstream:
        config = towards(upstream, ca=str(authority.pem))
        config["routes"]["all"]["max_body"] = "off"
        gateway = gateway_of(config)
        for _ in range(2):
            response = gateway.get("/", method="POST", body=big, timeout=30)
            assert response.complete
            assert response.body == big
            assert upstream.last.body == big
        assert len(upstream.connections) == 1


def test_server_name_is_asked_for_and_must_be_borne(
    gateway_of: Callable[..., Gateway], authority: Authority, secure_upstream: RecordingUpstream
) -> None:
    ca = str(authority.pem)
    gateway = gateway_of(towards(secure_upstream, ca=ca, server_name="Site.Test"))
    assert gateway.get("/").body == b"ok"
    assert secure_upstream.names == ["site.test"]
    assert gateway.reload(towards(secure_upstream, ca=ca, server_name="no.test")).returncode == 0
    assert fault_of(gateway) == "tls_certificate_name"
    assert secure_upstream.names == ["site.test", "no.test"]
    assert gateway.reload(towards(secure_upstream, ca=ca, server_name="127.0.0.1")).returncode == 0
    assert gateway.get("/").body == b"ok"
    assert secure_upstream.names[-1] is None


def test_name_in_the_url(
    gateway_of: Callable[..., Gateway], authority: Authority, site: Issued
) -> None:
    localhost = authority.issue("localhost")
    with RecordingUpstream(tls=authority.server(localhost)) as upstream:
        config = towards(upstream, ca=str(authority.pem))
        config["services"]["app"] |= {"url": f"https://localhost:{upstream.port}", "host": "target"}
        assert gateway_of(config).get("/").body == b"ok"
        assert upstream.names == ["localhost"]
        assert upstream.last.header("host") == f"localhost:{upstream.port}"


def test_verification_that_is_off_is_warned_about(
    gateway_of: Callable[..., Gateway], authority: Authority
) -> None:
    wrong = authority.issue("other.test", expired=True)
    with RecordingUpstream(tls=authority.server(wrong)) as upstream:
        gateway = gateway_of(towards(upstream, verify=False))
        assert gateway.get("/").body == b"ok"
        said = "services.app.tls.verify is off"
        texts = [
            gateway.cli("validate", str(gateway.file)).stderr,
            gateway.cli("status", "--run-dir", str(gateway.run_dir)).stdout,
            gateway.stderr,
        ]
        assert all(said in text for text in texts)
        assert any(said in one for one in gateway.status_json()["last_reload"]["warnings"])
        # And back: what was connected without verification is not used by a service that wants it.
        assert gateway.reload(towards(upstream, ca=str(authority.pem))).returncode == 0
        assert fault_of(gateway) == "tls_certificate_time"
        assert said not in gateway.cli("validate", str(gateway.file)).stderr


def test_mirror_and_upstream_are_verified_alike(
    gateway_of: Callable[..., Gateway], authority: Authority, secure_upstream: RecordingUpstream
) -> None:
    with RecordingUpstream(tls=authority.server(authority.issue("other.test"))) as wrong:
        config = towards(secure_upstream, ca=str(authority.pem))
        tls = {"ca": str(authority.pem)}
        config["services"]["shadow"] = {"url": wrong.url, "tls": tls}
        config["services"]["good"] = {"url": secure_upstream.url, "tls": tls}
        config["routes"]["all"]["mirror"] = {"service": "shadow"}
        config["routes"]["good"] = {
            "match": {"path": "/good"},
            "service": "app",
            "mirror": {"service": "good"},
        }
        gateway = gateway_of(config)
        assert gateway.get("/").body == b"ok"
        assert gateway.get("/good").body == b"ok"
        eventually(lambda: [r.target for r in secure_upstream.requests].count("/good") == 2)
        eventually(lambda: wrong.connections)
        assert wrong.requests == []
