"""Certificate files that cannot be used: what is wrong is told at the place that names them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.harness import Authority, Issued
from tests.unit.certificate_files import OCSP, SERVICE, listener, make
from tests.unit.config.yaml_files import compiled, mistake, mistakes


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def site(authority: Authority) -> Issued:
    return authority.issue("site.test", file="site")


as_root = pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
UNREADABLE = [
    ("gone", "cannot be read: no such file", ""),
    ("folder", "cannot be read: it is a folder", ""),
    ("fifo", "cannot be read: it is not a regular file", ""),
    ("huge", "cannot be read: it is larger than 1,048,576 bytes", ""),
    pytest.param("unreadable", "cannot be read: permission denied", "", marks=as_root),
]
CERTIFICATES = [
    *UNREADABLE,
    ("empty", "holds no certificate (-----BEGIN CERTIFICATE-----)", ""),
    ("text", "holds no certificate", ""),
    ("a-key", "holds no certificate", ""),
    ("cut", "is not readable as PEM", ""),
    ("not-base64", "is not readable as PEM", ""),
    ("not-a-certificate", "cannot be decoded", ""),
    ("der", "is not text", "openssl x509 -inform der"),
]
KEYS = [
    *UNREADABLE,
    ("empty", "holds no private key (-----BEGIN PRIVATE KEY-----)", ""),
    ("a-certificate", "holds no private key", ""),
    ("key-der", "is not text", "openssl pkey -inform der"),
    ("encrypted", "is encrypted with a passphrase; store it without one", ""),
    ("encrypted-traditional", "is encrypted with a passphrase", ""),
    ("ed448", "of a kind that is not supported; RSA, ECDSA (P-256, P-384, P-521) and Ed25519", ""),
    ("secp256k1", "of a kind that is not supported", ""),
    ("other", "does not belong to the certificate", ""),
]


@pytest.mark.parametrize(("name", "message", "hint"), CERTIFICATES)
def test_certificate(tmp_path: Path, site: Issued, name: str, message: str, hint: str) -> None:
    path = make(tmp_path, site, name)
    error = mistake(tmp_path, listener(site, certificate=path))
    assert (error.line, error.column) == (7, 24)
    assert error.path == "listeners.web.tls.certificates[0].certificate"
    assert f"the file {path} " in error.message
    assert message in error.message
    assert hint in error.hint


@pytest.mark.parametrize(("name", "message", "hint"), KEYS)
def test_key(tmp_path: Path, site: Issued, name: str, message: str, hint: str) -> None:
    path = make(tmp_path, site, name)
    error = mistake(tmp_path, listener(site, key=path))
    assert (error.line, error.column) == (8, 16)
    assert error.path == "listeners.web.tls.certificates[0].key"
    assert f"the file {path} " in error.message
    assert message in error.message
    assert hint in error.hint
    body = site.key.read_text().splitlines()[1]
    assert body not in error.render()


def test_every_file_is_looked_at(tmp_path: Path, site: Issued) -> None:
    errors = mistakes(tmp_path, listener(site, certificate="gone.pem", key="gone.key"))
    assert [(error.line, error.column) for error in errors] == [(7, 24), (8, 16)]
    assert errors[0].message.startswith(f"the file {tmp_path}/gone.pem ")


@pytest.mark.parametrize(
    ("content", "wrong"),
    [
        (b"", True),
        (b"-----BEGIN OCSP RESPONSE-----\n", True),
        (b"\x30", True),
        (b"\x30\x80", True),
        (b"\x30\x03\x0a\x01", True),
        (b"\x30\x03\x0a\x01\x03\x00", True),
        (b"\x30\x85\x01\x00\x00\x00\x00", True),
        (b"\x30\x03\x0a\x01\x03", False),
        (b"\x30\x82\x01\x00" + bytes(256), False),
    ],
)
def test_ocsp_response(tmp_path: Path, site: Issued, content: bytes, wrong: bool) -> None:
    file = tmp_path / "site.ocsp"
    file.write_bytes(content)
    text = listener(site) + OCSP.format(file=file)
    if not wrong:
        assert compiled(tmp_path, text).secrets[f"hexfile:{file}"] == content.hex()
        return
    error = mistake(tmp_path, text)
    assert (error.line, error.column) == (9, 17)
    assert "is no OCSP response in DER" in error.message


@pytest.mark.parametrize("name", ["gone", "folder", "huge"])
def test_ocsp_file_that_cannot_be_read(tmp_path: Path, site: Issued, name: str) -> None:
    file = make(tmp_path, site, name)
    error = mistake(tmp_path, listener(site) + OCSP.format(file=file))
    assert (error.line, error.path.rpartition(".")[2]) == (9, "ocsp")
    assert "cannot be read" in error.message


@pytest.mark.parametrize(("name", "message", "hint"), CERTIFICATES)
def test_authorities_of_a_service(
    tmp_path: Path, site: Issued, name: str, message: str, hint: str
) -> None:
    path = make(tmp_path, site, name)
    error = mistake(tmp_path, SERVICE.format(setting="ca", file=path))
    assert (error.line, error.column, error.path) == (6, 11, "services.app.tls.ca")
    assert message in error.message
    assert hint in error.hint


@pytest.mark.parametrize(("name", "message", "hint"), KEYS)
def test_client_certificate_of_a_service(
    tmp_path: Path, site: Issued, name: str, message: str, hint: str
) -> None:
    path = make(tmp_path, site, name)
    text = SERVICE.format(setting="certificate", file=site.certificate) + f"      key: {path}\n"
    error = mistake(tmp_path, text)
    assert (error.line, error.column, error.path) == (7, 12, "services.app.tls.key")
    assert message in error.message
    assert hint in error.hint
