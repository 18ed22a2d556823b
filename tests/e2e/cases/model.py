"""The shape of a case and small builders for raw requests."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

BAD = frozenset({400})


@dataclass(frozen=True)
class Case:
    """One hostile or unusual message: its bytes, the statuses that are right, and the rule behind them."""

    id: str
    data: bytes
    status: frozenset[int] = BAD
    rule: str = ""
    extra: dict[str, Any] = field(default_factory=dict)


def case(name: str, data: bytes, *status: int, rule: str = "", **extra: Any) -> Case:
    """A case that must be answered with one of `status`, 400 when none is given."""
    return Case(name, data, frozenset(status) if status else BAD, rule, extra)


def head(*lines: bytes | str, start: bytes = b"GET /echo HTTP/1.1", host: bool = True) -> bytes:
    """A request head of `start`, a Host field unless told otherwise, and `lines`."""
    fields = [line.encode("latin-1") if isinstance(line, str) else line for line in lines]
    return b"\r\n".join([start, *([b"Host: a.test"] if host else []), *fields, b"", b""])


def post(*lines: bytes | str, body: bytes = b"", path: bytes = b"/echo") -> bytes:
    """A POST head of `lines` followed by `body` as it stands."""
    return head(*lines, start=b"POST " + path + b" HTTP/1.1") + body


def chunked(body: bytes, *lines: bytes | str, path: bytes = b"/echo") -> bytes:
    """A chunked POST whose chunk bytes are `body` as they stand."""
    return post("Transfer-Encoding: chunked", *lines, body=body, path=path)


def params(cases: list[Case]) -> list[Any]:
    """The cases as pytest parameters under their own ids; a doubled id is an error."""
    ids = [entry.id for entry in cases]
    doubled = {name for name in ids if ids.count(name) > 1}
    if doubled:
        raise ValueError(f"case ids used twice: {sorted(doubled)}")
    return [pytest.param(entry, id=entry.id) for entry in cases]
