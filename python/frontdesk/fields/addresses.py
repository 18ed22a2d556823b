"""Addresses: where the gateway listens, and where it sends requests."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, PlainValidator, WithJsonSchema

from frontdesk.fields.base import contradiction, invalid
from frontdesk.fields.checked import check_host_pattern, check_path

_LISTEN = re.compile(r"(?:\[(?P<six>[^\]]*)\]|(?P<four>[^:\[\]]*)):(?P<port>[0-9]{1,5})")
_AUTHORITY = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^:@/?#\[\]]+)(?::(?P<port>[0-9]{1,5}))?")
_NOT_IN_URL = re.compile(r"[^!-~]")
MAX_PORT = 65_535


@dataclass(frozen=True, slots=True)
class Address:
    """A literal IP address without brackets, in canonical form, and a port from 1 to 65535."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    def clashes_with(self, other: Address) -> bool:
        """Whether both cannot be bound: the same port, and equal or on every address."""
        every = {"0.0.0.0", "::"}
        same = self.host == other.host or bool(every & {self.host, other.host})
        return self.port == other.port and same


Scheme = Literal["http", "https", "tcp"]


@dataclass(frozen=True, slots=True)
class Url:
    """Where a target is: host without brackets, port, and "" or a path without trailing slash."""

    scheme: Scheme
    host: str
    port: int
    path: str


def parse_address(value: Any) -> Address:
    """A listening address: `127.0.0.1:8000`, `[::1]:8000`, or `:8000` for every IPv4 address."""
    expected = 'an address such as "0.0.0.0:8000", ":8000" or "[::]:8000"'
    if isinstance(value, Address):
        return value
    found = _LISTEN.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        hint = f'name the port: ":{value}"' if type(value) is int else ""
        raise invalid(expected, hint)
    host = found["six"] if found["six"] is not None else found["four"] or "0.0.0.0"
    if not 1 <= int(found["port"]) <= MAX_PORT:
        raise invalid("a port from 1 to 65535")
    try:
        address = ip_address(host)
    except ValueError:
        known = host == "localhost"
        hint = f'write "127.0.0.1:{found["port"]}"' if known else "names are not looked up here"
        raise invalid(expected, hint) from None
    if isinstance(address, IPv6Address) != (found["six"] is not None) or "%" in host:
        raise invalid(expected, "an IPv6 address stands in brackets, without a zone")
    return Address(str(address), int(found["port"]))


def parse_url(value: Any) -> Url:
    """The URL of a target: `http(s)://host[:port][/prefix]` or `tcp://host:port`, nothing else.

    The host is a name or an address literal; user information, query and fragment are refused.
    """
    expected = 'a URL such as "http://127.0.0.1:9001"'
    if isinstance(value, Url):
        return value
    if not isinstance(value, str):
        raise invalid(expected)
    if _NOT_IN_URL.search(value):
        raise invalid(f"{expected}, without spaces or characters beyond ASCII")
    given, separator, rest = value.partition("://")
    scheme = _SCHEMES.get(given.lower()) if separator else None
    if scheme is None:
        hint = f'write "http://{value}"' if not separator else ""
        raise invalid(expected, hint)
    return _split_url(scheme, value, rest, expected)


_SCHEMES: dict[str, Scheme] = {"http": "http", "https": "https", "tcp": "tcp"}
_PORTS: dict[Scheme, int] = {"http": 80, "https": 443}


def _split_url(scheme: Scheme, value: str, rest: str, expected: str) -> Url:
    if "@" in rest.partition("/")[0]:
        raise contradiction(
            "the URL holds user information", "leave it out: the gateway would not send it"
        )
    if "?" in rest or "#" in rest:
        raise invalid("a URL without query and fragment")
    authority = rest.partition("/")[0]
    try:
        path = urlsplit(value).path
    except ValueError:
        raise invalid(expected) from None
    host, port = split_authority(authority, expected)
    if scheme == "tcp" and (port is None or path):
        raise invalid('tcp://, a host and a port, such as "tcp://127.0.0.1:5432"')
    return Url(scheme, host.strip("[]"), port or _PORTS[scheme], check_path(path or "/"))


def split_authority(text: str, expected: str) -> tuple[str, int | None]:
    """Host (IPv6 in brackets, names in lower case) and port of an authority, RFC 3986 section 3.2."""
    found = _AUTHORITY.fullmatch(text)
    if found is None or "*" in text:
        raise invalid(expected)
    port = int(found["port"]) if found["port"] else None
    if port is not None and not 1 <= port <= MAX_PORT:
        raise invalid("a port from 1 to 65535")
    host = found["host"]
    if not host.startswith("["):
        return check_host_pattern(host), port
    try:
        return f"[{IPv6Address(host[1:-1])}]", port
    except ValueError:
        raise invalid(expected) from None


def check_upstream_host(value: str) -> str:
    """What `host` of a service takes: `client`, `target`, or an authority to send."""
    if value in ("client", "target"):
        return value
    expected = "client, target, or an authority such as api.internal:8080"
    host, port = split_authority(value, expected)
    return host if port is None else f"{host}:{port}"


def check_server_name(value: str) -> str:
    """A name or address that a certificate can bear, in lower case."""
    expected = "a name such as api.internal"
    host, port = split_authority(value, expected)
    if port is not None:
        raise invalid(f"{expected}, without a port")
    return host.strip("[]")


_ADDRESS_SCHEMA = {"type": "string", "examples": ["0.0.0.0:8000", ":8000", "[::]:8000"]}

ListenAddress = Annotated[Address, PlainValidator(parse_address), WithJsonSchema(_ADDRESS_SCHEMA)]
TargetUrl = Annotated[
    Url,
    PlainValidator(parse_url),
    WithJsonSchema(
        {"type": "string", "pattern": "^(https?|tcp)://", "examples": ["http://127.0.0.1:9001"]}
    ),
]
UpstreamHost = Annotated[
    str,
    AfterValidator(check_upstream_host),
    WithJsonSchema({"type": "string", "examples": ["client", "target", "api.internal"]}),
]
ServerName = Annotated[
    str,
    AfterValidator(check_server_name),
    WithJsonSchema({"type": "string", "examples": ["api.internal"]}),
]
