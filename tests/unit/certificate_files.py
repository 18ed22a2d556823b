"""Configurations that name certificate files, and files that are wrong in every way."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.harness import Issued

LISTENER = """\
version: 1
listeners:
  web:
    address: ":8443"
    tls:
      certificates:
        - certificate: {certificate}
          key: {key}
"""
OCSP = "          ocsp: {file}\n"
SERVICE = """\
version: 1
services:
  app:
    url: https://app.test
    tls:
      {setting}: {file}
"""


def listener(site: Issued, **instead: object) -> str:
    return LISTENER.format(**{**site.setting, **instead})


def openssl(*arguments: object) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


def make(folder: Path, site: Issued, name: str) -> Path:
    """A file that is wrong in the way that its name says."""
    path = folder / name
    pem = site.certificate.read_text()
    makers: dict[str, Callable[[], object]] = {
        "gone": lambda: None,
        "folder": path.mkdir,
        "fifo": lambda: os.mkfifo(path),
        "unreadable": lambda: (path.write_text(pem), path.chmod(0)),
        "empty": path.touch,
        "text": lambda: path.write_text("hello\n"),
        "huge": lambda: path.write_text(pem + "#" * 2**20),
        "cut": lambda: path.write_text(pem[:300]),
        "not-base64": lambda: path.write_text(pem.replace("MII", "???", 1)),
        "not-a-certificate": lambda: path.write_text(
            "-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n"
        ),
        "a-key": lambda: path.write_bytes(site.key.read_bytes()),
        "a-certificate": lambda: path.write_text(pem),
        "der": lambda: openssl("x509", "-in", site.certificate, "-outform", "der", "-out", path),
        "key-der": lambda: openssl("pkey", "-in", site.key, "-outform", "der", "-out", path),
        "encrypted": lambda: openssl(
            "pkey", "-in", site.key, "-aes256", "-passout", "pass:x", "-out", path
        ),
        "encrypted-traditional": lambda: openssl(
            "ec", "-in", site.key, "-aes256", "-passout", "pass:x", "-out", path
        ),
        "ed448": lambda: openssl("genpkey", "-algorithm", "ed448", "-out", path),
        "secp256k1": lambda: openssl(
            "ecparam", "-name", "secp256k1", "-genkey", "-noout", "-out", path
        ),
        "other": lambda: openssl("genpkey", "-algorithm", "ed25519", "-out", path),
    }
    makers[name]()
    return path
