"""Certificates and keys: read from their files, judged, and referred to.

The snapshot holds references and a fingerprint that changes with the content; the texts travel beside it.
A reference tells how to get the text again (`frontdesk.control.references`).
"""

from __future__ import annotations

import hashlib
import time
from pathlib import Path
from typing import TYPE_CHECKING

from frontdesk import engine
from frontdesk.config.errors import Problem
from frontdesk.config.files import read_bounded, reason
from frontdesk.snapshot import references

if TYPE_CHECKING:
    from collections.abc import Callable

    from frontdesk.config.models.root import Config
    from frontdesk.config.models.tls import Certificate, UpstreamTls

    Place = tuple[str | int, ...]

MAX_PEM_BYTES = 2**20

DER_HINTS = {
    "key": "convert it with `openssl pkey -inform der -in FILE -out FILE.key`",
    "certificate": "convert it with `openssl x509 -inform der -in FILE -out FILE.pem`",
}
"""What to do with a file in DER, by the setting that names it."""


class Material:
    """What the files of a configuration hold, and what is wrong with them.

    Attributes:
        texts: by reference.
        problems: with their places.
        warnings: sentences, such as about a certificate that has expired.
        files: everything that was read or looked for.
    """

    def __init__(self, config: Config, path: Path) -> None:
        self.texts: dict[str, str] = {}
        self.problems: list[Problem] = []
        self.warnings: list[str] = []
        self.files: list[Path] = []
        self._folder = path if path.is_dir() else path.parent
        for name, listener in config.listeners.items():
            if listener.tls is not None:
                for index, certificate in enumerate(listener.tls.certificates):
                    self._certificate(
                        ("listeners", name, "tls", "certificates", index), certificate
                    )
        for name, service in config.services.items():
            if service.tls is not None:
                self._upstream(("services", name, "tls"), service.tls)
                if not service.tls.verify:
                    self.warnings.append(
                        f"services.{name}.tls.verify is off: anybody between the gateway and this "
                        "service can read and change everything"
                    )

    def reference(self, file: str, *, binary: bool = False) -> str:
        """The reference of a file, as the snapshot has it."""
        return references.of_file(self._path(file), binary=binary)

    def fingerprint(self, *wanted: str | None) -> str:
        """Changes when what is behind one of the references does. It says nothing about a key there."""
        digest = hashlib.sha256()
        for reference in wanted:
            if reference is not None:
                digest.update(hashlib.sha256(self.texts[reference].encode()).digest())
        return digest.hexdigest()[:32]

    def _path(self, file: str) -> Path:
        return Path(self._folder, file).absolute()

    def _certificate(self, place: Place, certificate: Certificate) -> None:
        chain = self._judged((*place, "certificate"), certificate.certificate, self._check_chain)
        if chain is not None:
            self._judged(
                (*place, "key"),
                certificate.key,
                lambda key: engine.check_key_pair(chain, key),
            )
        else:
            self._read((*place, "key"), certificate.key)
        if certificate.ocsp is not None:
            self._judged((*place, "ocsp"), certificate.ocsp, _check_ocsp, binary=True)

    def _upstream(self, place: Place, tls: UpstreamTls) -> None:
        if tls.ca is not None:
            self._judged((*place, "ca"), tls.ca, engine.check_roots)
        if tls.certificate is None or tls.key is None:
            return
        chain = self._judged((*place, "certificate"), tls.certificate, self._check_chain)
        if chain is not None:
            self._judged((*place, "key"), tls.key, lambda key: engine.check_key_pair(chain, key))

    def _check_chain(self, pem: str) -> None:
        _, not_before, not_after = engine.check_chain(pem)
        now = time.time()
        # Not errors: a gateway that does not start because a certificate ran out serves nobody at all.
        if now >= not_after:
            self.warnings.append(f"{self.files[-1]}: the certificate has expired")
        elif now < not_before:
            self.warnings.append(f"{self.files[-1]}: the certificate is not valid yet")

    def _judged(
        self, place: Place, file: str, check: Callable[[str], object], *, binary: bool = False
    ) -> str | None:
        """The text of a file if it can be read and the check has nothing against it."""
        text = self._read(place, file, binary=binary)
        if text is None:
            return None
        try:
            check(text)
        except engine.CheckFailed as wrong:
            self.problems.append(Problem(place, f"the file {self._path(file)} {wrong}"))
            return None
        return text

    def _read(self, place: Place, file: str, *, binary: bool = False) -> str | None:
        path = self._path(file)
        self.files.append(path)
        try:
            content = read_bounded(path, MAX_PEM_BYTES)
            text = content.hex() if binary else content.decode()
        except OSError as error:
            self.problems.append(Problem(place, f"the file {path} cannot be read: {reason(error)}"))
            return None
        except UnicodeDecodeError:
            message = f"the file {path} is not text"
            hint = DER_HINTS.get(str(place[-1]), DER_HINTS["certificate"])
            self.problems.append(Problem(place, message, hint))
            return None
        self.texts[self.reference(file, binary=binary)] = text
        return text


def _check_ocsp(digits: str) -> None:
    """Judge that a response is one DER sequence (RFC 6960 section 4.2.1) and nothing but it.

    A browser drops a connection whose stapled response it cannot decode, so that a PEM or empty file would
    take the whole site away.

    Raises:
        engine.CheckFailed: it is not.
    """
    content = bytes.fromhex(digits)
    if not content.startswith(b"\x30") or _der_length(content) != len(content):
        raise engine.CheckFailed(
            "is no OCSP response in DER; `openssl ocsp … -respout FILE` writes one"
        )


def _der_length(content: bytes) -> int:
    """Bytes that the first element takes with its head (X.690 section 8.1.3), 0 if that cannot be said."""
    if len(content) < 2:
        return 0
    first = content[1]
    if first < 0x80:
        return 2 + first
    size = first & 0x7F
    return 2 + size + int.from_bytes(content[2 : 2 + size]) if 0 < size <= 4 else 0
