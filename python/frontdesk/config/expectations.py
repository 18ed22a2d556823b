"""What pydantic's standard types expected, in our words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from frontdesk.config.suggest import suggest

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic_core import ErrorDetails

SENTENCES: dict[str, str] = {
    "string_type": "a string",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "bool_type": "true or false",
    "dict_type": "a map",
    "model_type": "a map",
    "list_type": "a list",
    "string_pattern_mismatch": "letters, digits, `.`, `_` and `-`, at most 100",
    "greater_than_equal": "at least {ge}",
    "less_than_equal": "at most {le}",
    "string_too_short": "a length of at least {min_length}",
    "too_short": "a length of at least {min_length}",
    "string_too_long": "a length of at most {max_length}",
    "too_long": "a length of at most {max_length}",
}
"""Completes "found …, expected …", by pydantic's error type."""


def expectation(error: ErrorDetails) -> tuple[str, str]:
    """What was expected, and a hint what to write instead."""
    kind, context = error["type"], error.get("ctx") or {}
    if kind == "literal_error":
        words = str(context["expected"]).replace("'", "")
        return f"one of {words}" if " or " in words else words, _close(error, words)
    expected = SENTENCES.get(kind)
    hint = HINTS.get(kind)
    return (
        _unforeseen(error["msg"]) if expected is None else expected.format_map(context),
        hint(error.get("input")) if hint is not None else "",
    )


def _close(error: ErrorDetails, words: str) -> str:
    hint = suggest(str(error.get("input")), words.replace(" or ", ", ").split(", "), "word")
    return hint if hint.startswith("did you mean") else ""


def _quote(value: Any) -> str:
    if isinstance(value, bool):
        return f'write "{str(value).lower()}" in quotes'
    return f'write "{value}" in quotes' if isinstance(value, int | float) else ""


def _unquote(value: Any) -> str:
    quoted = isinstance(value, str) and value.lstrip("-").isdecimal()
    return "leave out the quotes" if quoted else ""


def _bracket(value: Any) -> str:
    return f"write [{value}]" if isinstance(value, str | int) and len(str(value)) < 40 else ""


HINTS: dict[str, Callable[[Any], str]] = {
    "string_type": _quote,
    "int_type": _unquote,
    "list_type": _bracket,
}


def _unforeseen(message: str) -> str:
    """An unforeseen message of pydantic's, to follow the word "expected"."""
    text = message.removeprefix("Input should be ").removeprefix("Value error, ")
    return text[:1].lower() + text[1:]
