"""What the tests of TLS share: configurations with certificates, and a look at what a client gets."""

from __future__ import annotations

import ssl
import subprocess
from typing import Any

import pytest

from tests.e2e.faults import assert_bad_gateway
from tests.harness import Connection, Gateway, Issued, RecordingUpstream, Response, anybody
from tests.harness.configs import answering, forwarding

SITE = ("site.test", "127.0.0.1")
"""Names of the certificate that most tests need: clients connect to the address and verify it."""

VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]
both_versions = pytest.mark.parametrize("version", VERSIONS, ids=["1.2", "1.3"])


def listener(*certificates: Issued, limits: dict[str, Any] | None = None, **tls: Any) -> Any:
    """The section `listeners` with one listener `web` that speaks TLS."""
    settings = {"certificates": [one.setting for one in certificates], **tls}
    return {"web": {"tls": settings, **({"limits": limits} if limits else {})}}


def answering_tls(text: str, *certificates: Issued, **tls: Any) -> dict[str, Any]:
    """Every path answers with this text over TLS."""
    return answering(text, listeners=listener(*certificates, **tls))


def forwarding_tls(url: str, *certificates: Issued, **tls: Any) -> dict[str, Any]:
    """Every path goes to one upstream, over TLS from the client."""
    return forwarding(url, listeners=listener(*certificates, **tls))


def shown(port: int, name: str | None, context: ssl.SSLContext | None = None) -> bytes:
    """The certificate in DER that a client gets who asks for a name."""
    with Connection(port, tls=context or anybody(), server_name=name) as client:
        certificate = client.secured.getpeercert(binary_form=True)
        assert certificate is not None
        return certificate


def handshakes(gateway: Gateway, result: str) -> float:
    """Handshakes with clients that came out so."""
    return gateway.metric("frontdesk_tls_handshakes_total", result=result)


def s_client(port: int, *options: str, send: bytes = b"") -> str:
    """What `openssl s_client` prints; it ends when the gateway closes or its input does."""
    done = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", *options],
        input=send,
        capture_output=True,
        timeout=30,
        check=False,
    )
    return (done.stdout + done.stderr).decode(errors="replace")


def towards(upstream: RecordingUpstream, **tls: Any) -> dict[str, Any]:
    """Every path to this upstream, with these settings of `tls`."""
    config = forwarding(upstream.url)
    config["services"]["app"] |= {"retries": {"attempts": 0}, **({"tls": tls} if tls else {})}
    return config


def fault_of(gateway: Gateway) -> str:
    """The fault of the newest record after one request that failed for TLS."""
    before = len(gateway.log_lines())
    response: Response = gateway.get("/")
    assert_bad_gateway(response)
    assert b"tls_protocol_error" in response.head
    assert b"certificate" not in response.body.lower(), "strangers learn nothing of the inside"
    record = gateway.log_lines(at_least=before + 1)[-1]
    assert record["status"] == 502
    fault: str = record["fault"]
    return fault
