"""Targets that cannot be reached securely: nothing is sent to them, and the log names the reason."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.secure import fault_of, towards
from tests.harness import (
    Authority,
    Gateway,
    Issued,
    RecordingUpstream,
    ok,
)


def test_authorities_of_the_system_do_not_know_ours(
    gateway_of: Callable[..., Gateway], secure_upstream: RecordingUpstream
) -> None:
    gateway = gateway_of(towards(secure_upstream))
    assert fault_of(gateway) == "tls_certificate_issuer"
    assert secure_upstream.requests == []
    assert gateway.metric("frontdesk_answers_total", code="upstream_tls_failed") == 1


def test_authority_of_somebody_else(
    gateway_of: Callable[..., Gateway], tmp_path: Path, secure_upstream: RecordingUpstream
) -> None:
    other = Authority(tmp_path / "other")
    gateway = gateway_of(towards(secure_upstream, ca=str(other.pem)))
    assert fault_of(gateway) == "tls_certificate_issuer"
    assert secure_upstream.requests == []


def _faulty(
    gateway_of: Callable[..., Gateway], authority: Authority, certificate: Issued, **tls: Any
) -> str:
    with RecordingUpstream(tls=authority.server(certificate)) as upstream:
        fault = fault_of(gateway_of(towards(upstream, ca=str(authority.pem), **tls)))
        assert upstream.requests == []
    return fault


def test_certificate_for_another_name(
    gateway_of: Callable[..., Gateway], authority: Authority
) -> None:
    for names in (("other.test",), ("127.0.0.2",), ("*.0.0.1", "127.0.0.1.test")):
        other = authority.issue(*names)
        assert _faulty(gateway_of, authority, other) == "tls_certificate_name"
    only_common_name = authority.issue(common_name="127.0.0.1")
    assert _faulty(gateway_of, authority, only_common_name) == "tls_certificate_name"


def test_certificate_that_has_expired(
    gateway_of: Callable[..., Gateway], authority: Authority
) -> None:
    old = authority.issue("127.0.0.1", expired=True)
    assert _faulty(gateway_of, authority, old) == "tls_certificate_time"


def _plain(sock: socket.socket) -> None:
    sock.recv(65536)
    sock.sendall(ok(b"plain"))


def _silent_end(sock: socket.socket) -> None:
    sock.recv(65536)


def _alert(sock: socket.socket) -> None:
    sock.recv(65536)
    sock.sendall(bytes.fromhex("15030300020228"))


def _reset(sock: socket.socket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


WRONG = {
    "plain-http": (_plain, "tls_protocol"),
    "closed": (_silent_end, "tls_closed"),
    "alert": (_alert, "tls_refused"),
    "reset": (_reset, "tls_closed"),
}


@pytest.mark.parametrize("name", WRONG)
def test_target_that_does_not_speak_tls(name: str, gateway_of: Callable[..., Gateway]) -> None:
    behave, fault = WRONG[name]
    with RecordingUpstream(on_connect=behave) as upstream:
        config = towards(upstream)
        config["services"]["app"]["url"] = upstream.url.replace("http:", "https:")
        assert fault_of(gateway_of(config)) == fault


def test_target_of_another_version_is_a_fault_of_the_protocol(
    gateway_of: Callable[..., Gateway], authority: Authority, site: Issued
) -> None:
    context = authority.server(site)
    context.set_ciphers("AES128-GCM-SHA256")
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with RecordingUpstream(tls=context) as upstream:
        gateway = gateway_of(towards(upstream, ca=str(authority.pem)))
        assert fault_of(gateway) in ("tls_refused", "tls_protocol")


def test_target_that_never_finishes_the_handshake(gateway_of: Callable[..., Gateway]) -> None:
    done = threading.Event()
    with RecordingUpstream(on_connect=lambda _: done.wait(30) and None) as upstream:
        config = towards(upstream)
        config["services"]["app"] |= {
            "url": upstream.url.replace("http:", "https:"),
            "timeouts": {"connect": "300ms"},
        }
        gateway = gateway_of(config)
        response = gateway.get("/", timeout=20)
        done.set()
        assert response.status == 504
        assert gateway.log_lines(at_least=1)[-1]["fault"] == "connect_timeout"


def test_target_that_fails_is_passed_over(
    gateway_of: Callable[..., Gateway], authority: Authority, secure_upstream: RecordingUpstream
) -> None:
    """Nothing was sent, so another target is tried, whatever the method."""
    wrong = authority.issue("other.test")
    with RecordingUpstream(tls=authority.server(wrong)) as other:
        config = towards(secure_upstream, ca=str(authority.pem))
        service = config["services"]["app"]
        del service["url"], service["retries"]
        service["targets"] = [other.url, secure_upstream.url]
        gateway = gateway_of(config)
        for method in ("GET", "POST"):
            assert [gateway.get("/", method=method).status for _ in range(4)] == [200] * 4
        assert other.requests == []


def _self_signed(folder: Path, *more: str) -> Issued:
    """As tutorials make one; `openssl req -x509` marks it as an authority unless told otherwise."""
    made = Issued(folder / "self.pem", folder / "self.key")
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += ["-nodes", "-days", "365", "-subj", "/CN=self", "-addext"]
    command += ["subjectAltName=IP:127.0.0.1", *more]
    files = ["-keyout", str(made.key), "-out", str(made.certificate)]
    subprocess.run([*command, *files], check=True, capture_output=True)
    return made


def test_self_signed_certificate(
    gateway_of: Callable[..., Gateway], authority: Authority, tmp_path: Path
) -> None:
    """It is trusted by naming it as `ca`, if it does not claim to be an authority (RFC 5280 §4.2.1.9)."""
    for more, fault in (
        (("-addext", "basicConstraints=critical,CA:FALSE"), None),
        ((), "tls_certificate"),
    ):
        made = _self_signed(tmp_path, *more)
        with RecordingUpstream(tls=authority.server(made)) as upstream:
            gateway = gateway_of(towards(upstream, ca=str(made.certificate)))
            if fault is None:
                assert gateway.get("/").body == b"ok"
            else:
                assert fault_of(gateway) == fault
