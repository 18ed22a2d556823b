"""A certificate authority of a test, and TLS contexts that offer a protocol (ALPN)."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from pathlib import Path

import trustme

NAME = "h2.test"


class Certificates:
    """Writes `ca.pem`, `site.pem` and `site.key` for `h2.test` and 127.0.0.1 into a folder."""

    def __init__(self, folder: Path) -> None:
        authority = trustme.CA()
        site = authority.issue_cert(NAME, "127.0.0.1")
        self.ca, self.chain, self.key = (folder / n for n in ("ca.pem", "site.pem", "site.key"))
        authority.cert_pem.write_to_path(self.ca)
        self.chain.write_bytes(b"".join(blob.bytes() for blob in site.cert_chain_pems))
        site.private_key_pem.write_to_path(self.key)

    def listener(self) -> dict[str, object]:
        """The `tls:` of a listener."""
        return {"certificates": [{"certificate": str(self.chain), "key": str(self.key)}]}

    def service(self) -> dict[str, object]:
        """The `tls:` of a service."""
        return {"ca": str(self.ca), "server_name": NAME}

    def server(self, alpn: Sequence[str] = ("h2",)) -> ssl.SSLContext:
        """For a server that offers these protocols; none to know nothing of ALPN."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.chain, self.key)
        if alpn:
            context.set_alpn_protocols(list(alpn))
        return context

    def client(self, alpn: Sequence[str] = ("h2",)) -> ssl.SSLContext:
        """For a client that offers these protocols."""
        context = ssl.create_default_context(cafile=str(self.ca))
        if alpn:
            context.set_alpn_protocols(list(alpn))
        return context
