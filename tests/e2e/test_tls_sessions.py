"""Versions, ALPN, resumption and stapling: what a handshake agrees on."""

from __future__ import annotations

import base64
import re
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from tests.e2e.secure import answering_tls, both_versions, handshakes, listener, s_client
from tests.harness import Authority, Connection, Gateway, Issued, eventually
from tests.harness.configs import answering

ONLY_1_2, ONLY_1_3 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
REQUEST = b"GET / HTTP/1.1\r\nHost: site.test\r\nConnection: close\r\n\r\n"


@pytest.fixture(scope="module")
def gateway(module_gateway: Callable[..., Gateway], site: Issued) -> Gateway:
    return module_gateway(answering_tls("one", site))


def test_versions(gateway: Gateway, authority: Authority) -> None:
    for version, name in ((ONLY_1_2, "TLSv1.2"), (ONLY_1_3, "TLSv1.3"), (None, "TLSv1.3")):
        with Connection(gateway.port, tls=authority.client(version)) as client:
            assert client.secured.version() == name
            assert client.request().body == b"one"


@pytest.mark.parametrize("old", ["-tls1", "-tls1_1"])
def test_older_versions_are_refused(gateway: Gateway, old: str) -> None:
    failed = handshakes(gateway, "failed")
    said = s_client(gateway.port, old, "-cipher", "ALL:@SECLEVEL=0")
    assert "Cipher is (NONE)" in said
    assert re.search("alert (protocol version|handshake failure)", said)
    eventually(lambda: handshakes(gateway, "failed") == failed + 1)


def test_ciphers_without_forward_secrecy_are_refused(gateway: Gateway) -> None:
    said = s_client(gateway.port, "-tls1_2", "-cipher", "AES128-GCM-SHA256:AES128-SHA")
    assert "alert handshake failure" in said


def test_min_version_refuses_1_2(
    gateway_of: Callable[..., Gateway], authority: Authority, site: Issued
) -> None:
    gateway = gateway_of(answering_tls("one", site, min_version="TLSv1.3"))
    with pytest.raises(ssl.SSLError, match=r"(?i)protocol.version"):
        gateway.get("/", tls=authority.client(ONLY_1_2))
    assert gateway.get("/", tls=authority.client(ONLY_1_3)).body == b"one"


def test_alpn(gateway: Gateway, authority: Authority) -> None:
    """HTTP/2 goes before HTTP/1.1; a client that offers nothing gets HTTP/1.1."""
    for offer, agreed in ((("http/1.1",), "http/1.1"), (("http/1.1", "h2"), "h2"), ((), None)):
        with Connection(gateway.port, tls=authority.client(alpn=offer)) as client:
            assert client.secured.selected_alpn_protocol() == agreed
            if agreed != "h2":
                assert client.request().body == b"one"


def test_alpn_without_http2(
    gateway_of: Callable[..., Gateway], authority: Authority, site: Issued
) -> None:
    config = answering_tls("one", site)
    config["listeners"]["web"]["http2"] = False
    gateway = gateway_of(config)
    with Connection(gateway.port, tls=authority.client(alpn=("h2", "http/1.1"))) as client:
        assert client.secured.selected_alpn_protocol() == "http/1.1"
        assert client.request().body == b"one"
    with pytest.raises(ssl.SSLError, match=r"(?i)no.application.protocol"):
        gateway.get("/", tls=authority.client(alpn=("h2",)))


@pytest.mark.parametrize("offer", [("http/1.0", "spdy/3"), ("imap",)])
def test_alpn_without_anything_in_common_is_refused(
    gateway: Gateway, authority: Authority, offer: tuple[str, ...]
) -> None:
    """RFC 7301 section 3.2: which also keeps a connection meant for another protocol out."""
    with pytest.raises(ssl.SSLError, match=r"(?i)no.application.protocol"):
        gateway.get("/", tls=authority.client(alpn=offer))


def _session(gateway: Gateway, context: ssl.SSLContext) -> ssl.SSLSession:
    with Connection(gateway.port, tls=context) as client:
        # With TLS 1.3 the ticket comes after the handshake and is read with the first answer.
        assert client.request().body
        session = client.secured.session
        assert session is not None
        assert session.has_ticket
        return session


def _resumes(gateway: Gateway, context: ssl.SSLContext, session: ssl.SSLSession) -> bool:
    with Connection(gateway.port, tls=context, session=session) as client:
        assert client.request().status == 200
        return bool(client.secured.session_reused)


@both_versions
def test_resumption(gateway: Gateway, authority: Authority, version: ssl.TLSVersion) -> None:
    full, resumed = handshakes(gateway, "full"), handshakes(gateway, "resumed")
    context = authority.client(version)
    session = _session(gateway, context)
    for _ in range(3):
        assert _resumes(gateway, context, session)
    assert handshakes(gateway, "full") == full + 1
    assert handshakes(gateway, "resumed") == resumed + 3


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_resumption_by_another_client(gateway: Gateway, tmp_path: Path, version: str) -> None:
    file = str(tmp_path / "session.pem")
    options = (version, "-ign_eof")
    first = s_client(gateway.port, *options, "-sess_out", file, send=REQUEST)
    assert "New, TLSv1" in first
    again = s_client(gateway.port, *options, "-sess_in", file, send=REQUEST)
    assert "Reused, TLSv1" in again
    assert "one" in again


@both_versions
def test_sessions_outlive_a_reload(
    gateway_of: Callable[..., Gateway],
    authority: Authority,
    site: Issued,
    version: ssl.TLSVersion,
) -> None:
    gateway = gateway_of(answering_tls("one", site))
    context = authority.client(version)
    session = _session(gateway, context)
    assert gateway.reload(answering_tls("two", site)).returncode == 0
    assert _resumes(gateway, context, session)
    # A new certificate does not end them either: what they prove was proven before.
    assert gateway.reload(answering_tls("two", authority.issue("127.0.0.1"))).returncode == 0
    assert _resumes(gateway, context, session)


def test_sessions_are_of_one_listener(
    gateway_of: Callable[..., Gateway], authority: Authority, site: Issued
) -> None:
    """A listener that asks for more must not be entered with what another one has granted."""
    gateway = gateway_of(answering_tls("one", site))
    other = Gateway(answering("unused"))
    listeners = listener(site)
    listeners["other"] = {"address": f"127.0.0.1:{other.port}", "tls": listeners["web"]["tls"]}
    assert gateway.reload(answering("one", listeners=listeners)).returncode == 0
    context = authority.client()
    session = _session(gateway, context)
    with Connection(other.port, tls=context, session=session) as client:
        assert client.request().body == b"one"
        assert not client.secured.session_reused


def test_ticket_that_was_tampered_with_is_a_full_handshake(
    gateway: Gateway, tmp_path: Path
) -> None:
    file = tmp_path / "session.pem"
    options = ("-tls1_2", "-ign_eof")
    ticket = _ticket(s_client(gateway.port, *options, "-sess_out", str(file), send=REQUEST))
    session = base64.b64decode("".join(file.read_text().splitlines()[1:-1]))
    assert session.count(ticket) == 1
    broken = session.replace(ticket, ticket[:-1] + bytes([ticket[-1] ^ 1]))
    marks = ("-----BEGIN SSL SESSION PARAMETERS-----", "-----END SSL SESSION PARAMETERS-----")
    file.write_text(f"{marks[0]}\n{base64.encodebytes(broken).decode()}{marks[1]}\n")
    said = s_client(gateway.port, *options, "-sess_in", str(file), send=REQUEST)
    assert "New, TLSv1.2" in said
    assert "one" in said


def _ticket(said: str) -> bytes:
    """The ticket that `openssl s_client` prints as a dump of 16 bytes a line."""
    dump = said.partition("TLS session ticket:\n")[2].partition("\n\n")[0]
    lines = re.findall(r"^ +[0-9a-f]{4} - ((?:[0-9a-f]{2}[ -]){1,16})", dump, re.MULTILINE)
    return bytes.fromhex("".join(lines).replace("-", " "))


def _stapled(said: str) -> bool:
    return "OCSP Response Status: successful" in said and "Cert Status: good" in said


def test_ocsp_response_is_stapled(
    gateway_of: Callable[..., Gateway], authority: Authority, tmp_path: Path
) -> None:
    with_it, without = authority.issue("with.test"), authority.issue("without.test")
    file = tmp_path / "with.ocsp"
    file.write_bytes(authority.ocsp_response(with_it))
    config = answering_tls("one", with_it, without)
    config["listeners"]["web"]["tls"]["certificates"][0]["ocsp"] = str(file)
    gateway = gateway_of(config)
    for version in ("-tls1_2", "-tls1_3"):
        options = ("-status", version, "-CAfile", str(authority.pem))
        said = s_client(gateway.port, *options, "-servername", "with.test")
        assert _stapled(said)
        assert "Verify return code: 0 (ok)" in said
        assert _serial(said) == _serial_of(with_it)
        assert "no response sent" in s_client(gateway.port, *options, "-servername", "without.test")
    # A client that does not ask is not sent any.
    assert "OCSP" not in s_client(gateway.port, "-servername", "with.test")


def test_ocsp_response_is_read_again(
    gateway_of: Callable[..., Gateway], authority: Authority, tmp_path: Path
) -> None:
    site = authority.issue("127.0.0.1")
    file = tmp_path / "site.ocsp"
    file.write_bytes(authority.ocsp_response(site))
    config = answering_tls("one", site)
    config["listeners"]["web"]["tls"]["certificates"][0]["ocsp"] = str(file)
    gateway = gateway_of(config)
    assert _stapled(s_client(gateway.port, "-status"))
    revoked = ocsp.OCSPResponseBuilder.build_unsuccessful(ocsp.OCSPResponseStatus.TRY_LATER)
    beside = file.with_suffix(".new")
    beside.write_bytes(revoked.public_bytes(Encoding.DER))
    beside.replace(file)
    eventually(lambda: "trylater" in s_client(gateway.port, "-status"), what="the new response")


def _serial(said: str) -> int:
    found = re.search(r"Serial Number: ([0-9A-F]+)", said)
    assert found is not None
    return int(found[1], 16)


def _serial_of(issued: Issued) -> int:
    return x509.load_pem_x509_certificate(issued.certificate.read_bytes()).serial_number
