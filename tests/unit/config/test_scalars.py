"""Plain scalars follow the core schema of YAML 1.2, not the habits of YAML 1.1."""

from __future__ import annotations

import math

import pytest

from frontdesk.config.scalars import resolve


@pytest.mark.parametrize(
    "text",
    ["no", "yes", "on", "off", "y", "n", "1:30", "2027-01-01", "0b11", "1_000", "0o8", "0xg", "1.2.3",
     "+", "-", ".", "e5", "nul", "TrUe", "012a", "9" * 41, "::1", "=", "<<"],
)  # fmt: skip
def test_strings(text: str) -> None:
    assert resolve(text) == text


@pytest.mark.parametrize(
    ("text", "value"),
    [("0", 0), ("012", 12), ("-7", -7), ("+7", 7), ("0o17", 15), ("0xfF", 255), ("1.5", 1.5),
     ("-.5", -0.5), ("1e3", 1000.0), ("2.", 2.0), (".inf", math.inf), ("-.INF", -math.inf),
     ("true", True), ("False", False), ("TRUE", True), ("null", None), ("~", None), ("", None)],
)  # fmt: skip
def test_other_types(text: str, value: object) -> None:
    result = resolve(text)
    assert result == value
    assert type(result) is type(value)


def test_not_a_number() -> None:
    result = resolve(".NaN")
    assert isinstance(result, float)
    assert math.isnan(result)
