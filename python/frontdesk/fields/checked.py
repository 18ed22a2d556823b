"""Values that only the engine can judge: each type calls its checker, so there is one opinion.

The checker's message says what was found and what to write instead; it becomes the error as it is.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from pydantic import AfterValidator, Field, WithJsonSchema

from frontdesk import engine
from frontdesk.fields.base import invalid, refused

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


def judged(check: Callable[[str], T], value: str, expected: str) -> T:
    """What the engine's checker makes of a value; its refusal becomes the error of the field."""
    try:
        return check(value)
    except engine.CheckFailed as reason:
        raise refused(_one_line(str(reason)), expected) from None


def _one_line(reason: str) -> str:
    """The regex engine draws its errors over several lines; the last one says what is wrong."""
    first, *rest = reason.split("\n")
    if not rest:
        return first
    return f"{first.removesuffix(' regex parse error:')} {rest[-1].removeprefix('error: ')}"


def check_method(value: str) -> str:
    """A request method that a route may name (RFC 9110 section 9)."""
    if value != value.upper() and value.isalpha():
        raise invalid("a method in upper case", f"methods are case-sensitive: {value.upper()}")
    if value in ("CONNECT", "TRACE"):
        raise invalid("a method that is passed on; CONNECT and TRACE are always answered 405")
    judged(engine.check_method, value, "a request method")
    return value


def check_field_name(value: str) -> str:
    """A header field name (RFC 9110 section 5.1), in lower case."""
    return judged(engine.check_header_name, value, "a header field name")


def check_field_value(value: str) -> str:
    """A header field value (RFC 9110 section 5.5)."""
    judged(engine.check_header_value, value, "a header field value")
    return value


def check_cidr(value: str) -> str:
    """An address or network, in canonical form.

    The engine would cut off what lies beyond the prefix; in a list that lets people in or keeps them
    out, that is more likely a slip than meant.
    """
    expected = "an address or network such as 10.0.0.0/8"
    canonical = judged(engine.check_cidr, value, expected)
    address, slash, _ = value.partition("/")
    if slash and ip_address(address) != ip_address(canonical.partition("/")[0]):
        raise invalid(f"{expected}, without bits beyond the prefix", f"write {canonical}")
    return canonical


def check_path(value: str) -> str:
    """A literal path in canonical form, without trailing slash; "" for the root."""
    return judged(engine.check_path, value, "a path").rstrip("/")


def check_host_pattern(value: str) -> str:
    """A host rule, in lower case."""
    return judged(engine.check_host_pattern, value, "a host such as example.com or *.example.com")


def _text(**schema: Any) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", **schema})


NAME_PATTERN = r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$"

Name = Annotated[str, Field(pattern=NAME_PATTERN)]
"""A name that a user gives: it becomes a metric label, a log field and part of an address."""

Method = Annotated[str, AfterValidator(check_method), _text(examples=["GET"])]
FieldName = Annotated[str, AfterValidator(check_field_name), _text(examples=["x-beta"])]
FieldValue = Annotated[str, AfterValidator(check_field_value), _text()]
Cidr = Annotated[str, AfterValidator(check_cidr), _text(examples=["10.0.0.0/8", "2001:db8::/32"])]
LiteralPath = Annotated[str, AfterValidator(check_path), _text(examples=["/api"], pattern="^/")]
HostPattern = Annotated[
    str, AfterValidator(check_host_pattern), _text(examples=["example.com", "*.example.com"])
]
