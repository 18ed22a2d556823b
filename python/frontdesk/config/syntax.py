"""Mistakes of YAML itself, said in words that help."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from yaml import MarkedYAMLError

    from frontdesk.config.positions import Source
    from frontdesk.errors import ConfigError

_ADVICE: dict[str, tuple[str, str]] = {
    "mapping values are not allowed in this context": (
        "a colon where no key can stand",
        "indent by the same number of spaces as the line before, or put the text into quotes",
    ),
    "did not find expected key": (
        "the indentation does not fit the lines before",
        "keys of one map begin in the same column",
    ),
    "could not find expected ':'": ("a key without a colon after it", "write `key: value`"),
    "did not find expected ',' or ']'": ("the list is not closed", "a `]` or a comma is missing"),
    "did not find expected ',' or '}'": ("the map is not closed", "a `}` or a comma is missing"),
    "did not find expected '-' indicator": (
        "the indentation does not fit the list before",
        "items of one list begin in the same column",
    ),
    "found unexpected end of stream": ("the text ends within a quoted string", "close the quote"),
    "found character that cannot start any token": (
        "a character that cannot begin a value",
        "put the value into quotes",
    ),
    "did not find expected <document start>": (
        "text after the end of the document",
        "a configuration is one map; check the indentation",
    ),
    "did not find expected node content": ("a value is missing here", ""),
    "found unknown escape character": (
        "an escape that YAML does not know",
        "double the backslash, or use single quotes",
    ),
    "found invalid Unicode character escape code": (
        "an escape that is no character",
        "a character beyond U+FFFF is written \\U0001F600, not as two surrogates",
    ),
    "block sequence entries are not allowed in this context": (
        "a list item where no list can stand",
        "begin the list on a line of its own",
    ),
}


def syntax_error(source: Source, error: MarkedYAMLError) -> ConfigError:
    """The error of YAML text that cannot be parsed, at the place where the parser stopped."""
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
    problem = error.problem or error.context or "not YAML"
    message, hint = _ADVICE.get(problem, (problem, ""))
    if _is_tab(source, line, column):
        message, hint = "a tab, where YAML takes only spaces", "indent with spaces"
    elif error.context_mark and error.context_mark.line + 1 != line:
        message += f" (it began in line {error.context_mark.line + 1})"
    return source.error(line, column, message, hint=hint)


def _is_tab(source: Source, line: int, column: int) -> bool:
    text = source.lines[line - 1] if 0 < line <= len(source.lines) else ""
    return "\t" in text[: len(text) - len(text.lstrip())] or text[column - 1 : column] == "\t"
