"""`tls:` of listeners and services: certificates, and whom to trust."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field
from pydantic.config import JsonDict

from frontdesk.fields.addresses import ServerName
from frontdesk.fields.base import Consistent, Settings, contradiction, default, lacking
from frontdesk.fields.units import Duration, parse_duration

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic_core import PydanticCustomError

FILE_EXAMPLES: JsonDict = {"examples": ["certs/site.pem"]}


def file_name(description: str) -> str:
    """A required field that names a file; relative names start at the configuration's folder."""
    name: str = Field(
        min_length=1, max_length=4_096, description=description, json_schema_extra=FILE_EXAMPLES
    )
    return name


class Certificate(Settings):
    """A certificate with its private key, in files that are read again when they change."""

    certificate: str = file_name("PEM file of the certificate chain, the server's own first.")
    key: str = file_name("PEM file of the private key, without passphrase.")
    ocsp: str | None = Field(
        default=None,
        min_length=1,
        description="DER file of an OCSP response that is stapled, as `openssl ocsp -respout` writes it.",
    )


class Hsts(Consistent):
    """Tells browsers to use HTTPS only (RFC 6797)."""

    max_age: Duration = default("365d", parse_duration, "How long a browser remembers.")
    subdomains: bool = Field(default=False, description="Whether it holds for subdomains too.")
    preload: bool = Field(
        default=False, description="Whether the name may go into the browsers' preload lists."
    )

    def contradictions(self) -> Iterator[PydanticCustomError]:
        """Settings that do not go together."""
        if self.preload and not self.subdomains:
            yield lacking("preload without subdomains has no effect", "set subdomains: true")


class ListenerTls(Settings):
    """TLS towards clients."""

    unavailable = frozenset({"acme", "client_certificates"})

    certificates: list[Certificate] = Field(
        min_length=1,
        max_length=10_000,
        description="Certificates, chosen by the name that the client asks for (SNI): an exact name "
        "before a wildcard. The first one is for clients that name nobody or somebody else.",
    )
    min_version: Literal["TLSv1.2", "TLSv1.3"] = Field(
        default="TLSv1.2", description="Oldest version that is spoken."
    )
    strict_names: bool = Field(
        default=False,
        description="Whether clients are refused that name nobody or a name without a certificate.",
    )
    hsts: Hsts | None = Field(
        default=None, description="Adds Strict-Transport-Security to every response."
    )


class UpstreamTls(Consistent):
    """TLS towards the targets of a service."""

    ca: str | None = Field(
        default=None,
        min_length=1,
        description="PEM file of the authorities that are trusted, and no others; "
        "without it those of the system.",
    )
    verify: bool = Field(
        default=True,
        description="Whether a target must prove who it is. Without it anybody on the way can read "
        "and change everything.",
    )
    server_name: ServerName | None = Field(
        default=None,
        description="Name that is asked for (SNI) and that the certificate must bear; "
        "by default the host of the target's URL.",
    )
    certificate: str | None = Field(
        default=None, min_length=1, description="PEM file of the chain that the gateway shows."
    )
    key: str | None = Field(
        default=None, min_length=1, description="PEM file of the private key to it."
    )

    def contradictions(self) -> Iterator[PydanticCustomError]:
        """Settings that do not go together."""
        if (self.certificate is None) != (self.key is None):
            missing = "key" if self.key is None else "certificate"
            yield lacking(
                f"a client certificate needs certificate and key, and there is no {missing}",
                f"add {missing}, or remove the other",
            )
        if not self.verify and self.ca is not None:
            yield contradiction("ca is given, but verify is off", "remove one of them")
