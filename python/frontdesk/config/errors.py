"""From pydantic's errors and our own checks to errors with a place in the file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from frontdesk.config.expectations import expectation
from frontdesk.config.models.root import Config
from frontdesk.config.positions import PathPart, Place, find, path_text
from frontdesk.config.schema_walk import keys_of, model_at
from frontdesk.config.suggest import suggest
from frontdesk.fields.base import describe

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

    from frontdesk.config.load import Loaded
    from frontdesk.errors import ConfigError

KEY = "[key]"
"""The last part of pydantic's path when the key of a map is wrong rather than its value."""

MIN_REDACTED = 4
"""A resolved value this long is replaced wherever it turns up; a shorter one would hit by chance."""


@dataclass(frozen=True)
class Problem:
    """A mistake that a check found, at a path of the configuration."""

    path: tuple[PathPart, ...]
    message: str
    hint: str = ""
    at_key: bool = False
    expected: str = ""
    """What to say instead of `message` when the value came from `${…}`."""


def placed(loaded: Loaded, problem: Problem) -> ConfigError | None:
    """The problem with its place; nothing when the value there was already reported as broken."""
    place = find(loaded.spot, problem.path)
    spot = place.spot
    if spot.broken:
        return None
    line, column = place.key if problem.at_key and place.key else (spot.line, spot.column)
    message, hint = problem.message, problem.hint
    if spot.raw is not None:
        expected = problem.expected or "something else"
        message, hint = f"`{spot.raw}` has a value that is not valid here, expected {expected}", ""
    return spot.source.error(
        line,
        column,
        redacted(message, loaded.references),
        hint=redacted(hint, loaded.references),
        path=path_text(place.path),
    )


def redacted(text: str, references: dict[str, str]) -> str:
    """The text with every value from the environment or a file replaced by its reference."""
    for value, reference in references.items():
        if len(value) >= MIN_REDACTED:
            text = text.replace(value, reference)
    return text


def from_pydantic(error: ErrorDetails, loaded: Loaded) -> Problem:
    """What one of pydantic's errors means to the person who wrote the file."""
    path = tuple(part for part in error["loc"] if part != KEY)
    context: dict[str, Any] = error.get("ctx") or {}
    kind, found = error["type"], describe(error.get("input"))
    if kind == "extra_forbidden":
        return _unknown_key(path)
    if kind == "missing":
        place = find(loaded.spot, path[:-1])
        return Problem(place.path, f"`{path[-1]}` is missing", _model_hint(path[-1]), at_key=True)
    if kind in ("contradiction", "lacking"):
        return Problem(path, context["message"], context["hint"], at_key=_is_map(loaded, path))
    if kind == "refused":
        return Problem(path, context["message"], "", error["loc"][-1] == KEY, context["expected"])
    if kind == "setting":
        message = f"found {found}, expected {context['expected']}"
        at_key = error["loc"][-1:] == (KEY,)
        return Problem(path, message, context["hint"], at_key, context["expected"])
    expected, hint = expectation(error)
    if error["loc"][-1:] == (KEY,):
        return Problem(path, f"`{path[-1]}` is no name, expected {expected}", hint, at_key=True)
    return Problem(path, f"found {found}, expected {expected}", hint, expected=expected)


def _unknown_key(path: tuple[PathPart, ...]) -> Problem:
    model, key = model_at(Config, path[:-1]), str(path[-1])
    if model is None:
        return Problem(path, f"unknown key `{key}`", at_key=True)
    if key in model.unavailable:
        message = f"`{key}` is not available in this version"
        return Problem(path, message, "leave it out", at_key=True)
    noun = "policy" if model.__name__ == "Policies" else "key"
    hint = suggest(key, keys_of(model), noun)
    return Problem(path, f"unknown {noun} `{key}`", hint, at_key=True)


def _is_map(loaded: Loaded, path: tuple[PathPart, ...]) -> bool:
    place: Place = find(loaded.spot, path)
    return place.spot.children is not None


MODEL_HINTS = {
    "version": "begin the file with `version: 1`",
    "match": 'say which requests it takes, for example match: {path: "/users/**"}',
    "address": 'for example address: "0.0.0.0:8000"',
    "url": 'for example url: "http://127.0.0.1:9001"',
    "to": "say where to redirect",
    "service": "name a service",
    "path": "give the new path",
}
"""What to write for a field that must be given."""


def _model_hint(field: PathPart) -> str:
    return MODEL_HINTS.get(str(field), "")
