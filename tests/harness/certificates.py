"""Certificates of a test: an authority of its own, what it has signed, and contexts that trust it."""

from __future__ import annotations

import datetime
import ssl
from dataclasses import dataclass
from pathlib import Path

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import ocsp

PAST = datetime.datetime(2001, 1, 1, tzinfo=datetime.UTC)


@dataclass(frozen=True)
class Issued:
    """A certificate chain and its private key, in two PEM files."""

    certificate: Path
    key: Path

    @property
    def setting(self) -> dict[str, str]:
        """As the configuration names it."""
        return {"certificate": str(self.certificate), "key": str(self.key)}

    @property
    def pem(self) -> tuple[str, str]:
        """The texts of both files."""
        return self.certificate.read_text(), self.key.read_text()

    @property
    def der(self) -> bytes:
        """The server's own certificate, as a client gets it."""
        return ssl.PEM_cert_to_DER_cert(self.certificate.read_text().split("-----END", 1)[0] + END)

    def overwrite(self, other: Issued) -> None:
        """Put another certificate and key in place of these, each file at once by a rename."""
        for mine, theirs in ((self.certificate, other.certificate), (self.key, other.key)):
            beside = mine.with_suffix(".new")
            beside.write_bytes(theirs.read_bytes())
            beside.replace(mine)


END = "-----END CERTIFICATE-----\n"


class Authority:
    """A certificate authority whose files lie in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._ca = trustme.CA()
        self.pem = folder / "authority.pem"
        self._ca.cert_pem.write_to_path(str(self.pem))
        self._issued = 0

    def issue(
        self,
        *names: str,
        expired: bool = False,
        common_name: str | None = None,
        kind: trustme.KeyType = trustme.KeyType.ECDSA,
        file: str | None = None,
    ) -> Issued:
        """A certificate for names, wildcards and addresses; `file` is the stem of its two files."""
        made = self._ca.issue_cert(
            *names,
            common_name=common_name,
            not_before=PAST if expired else None,
            not_after=PAST + datetime.timedelta(days=30) if expired else None,
            key_type=kind,
        )
        self._issued += 1
        stem = file or f"issued-{self._issued}"
        issued = Issued(self.folder / f"{stem}.pem", self.folder / f"{stem}.key")
        issued.certificate.write_bytes(b"".join(blob.bytes() for blob in made.cert_chain_pems))
        issued.key.write_bytes(made.private_key_pem.bytes())
        return issued

    def ocsp_response(self, issued: Issued) -> bytes:
        """A response in DER, signed by the authority, that the certificate is good (RFC 6960)."""
        certificate = x509.load_pem_x509_certificate(issued.certificate.read_bytes())
        issuer = x509.load_pem_x509_certificate(self._ca.cert_pem.bytes())
        key = serialization.load_pem_private_key(self._ca.private_key_pem.bytes(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        now = datetime.datetime.now(datetime.UTC)
        builder = ocsp.OCSPResponseBuilder().add_response(
            cert=certificate,
            issuer=issuer,
            algorithm=hashes.SHA256(),
            cert_status=ocsp.OCSPCertStatus.GOOD,
            this_update=now,
            next_update=now + datetime.timedelta(days=7),
            revocation_time=None,
            revocation_reason=None,
        )
        builder = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, issuer)
        signed = builder.sign(key, hashes.SHA256())
        return signed.public_bytes(serialization.Encoding.DER)

    def client(
        self,
        version: ssl.TLSVersion | None = None,
        alpn: tuple[str, ...] = ("http/1.1",),
        show: Issued | None = None,
    ) -> ssl.SSLContext:
        """A client's context that trusts this authority and nobody else.

        Args:
            version: speak this one alone.
            alpn: protocols that are offered; none for no offer at all.
            show: certificate of the client.
        """
        context = ssl.create_default_context(cafile=str(self.pem))
        if version is not None:
            context.minimum_version = context.maximum_version = version
        if alpn:
            context.set_alpn_protocols(list(alpn))
        if show is not None:
            context.load_cert_chain(show.certificate, show.key)
        return context

    def server(self, issued: Issued, *, ask_client: bool = False) -> ssl.SSLContext:
        """A server's context; with `ask_client` it takes only clients with a certificate from here."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(self.pem))
        context.load_cert_chain(issued.certificate, issued.key)
        if ask_client:
            context.verify_mode = ssl.CERT_REQUIRED
        return context


def anybody() -> ssl.SSLContext:
    """A client's context that takes every certificate: for looking at which one it gets."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
