"""What is sound in a configuration that is not, so that further checks can tell their mistakes as well.

Pydantic looks at settings that belong together only when each alone is fine, and tells one contradiction of a
group at the most. Here what is wrong is left out, or replaced where a group cannot be without it, and the rest
validated again, until each setting is fine. Then all contradictions are asked for. That leaves gaps (a route
without the `service` that could not be read), and what is only missing because of a gap is not told.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError

from frontdesk.config.models.root import Config
from frontdesk.fields.base import LENIENT, Consistent

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic_core import PydanticCustomError

    from frontdesk.config.models.routes import Route

    Path = tuple[str | int, ...]

MAX_ROUNDS = 16
"""Each takes away at least one level of what is wrong, and a configuration has fewer."""

NOT_PATHS = frozenset({"host", "methods", "headers", "query"})
"""Rules of a match that leave the paths alone; an unknown key may have been meant for them."""

OF_GAPS = frozenset({"missing", "lacking", "too_short"})
"""Kinds of mistakes that a gap can cause."""


@dataclass
class Salvaged:
    """What is left of a configuration.

    Attributes:
        config: nothing when no part could be judged.
        found: every mistake, as pydantic tells them.
        doubtful: routes of which it is not known which requests they take.
        pathless: those of them of which not even the paths are known.
        standins: addresses of listeners that were none.
    """

    config: Config | None = None
    found: list[Any] = field(default_factory=list)
    doubtful: set[str] = field(default_factory=set)
    pathless: set[str] = field(default_factory=set)
    standins: set[str] = field(default_factory=set)
    gaps: set[Path] = field(default_factory=set)

    def routes(self, unknown: set[str]) -> dict[str, Route]:
        """The routes but some."""
        routes = self.config.routes if self.config else {}
        return {name: route for name, route in routes.items() if name not in unknown}


def salvage(value: dict[str, Any]) -> Salvaged:
    """Everything that can be said of a configuration that pydantic refuses."""
    left = Salvaged()
    value = copy.deepcopy(value)
    for _ in range(MAX_ROUNDS):
        try:
            left.config = Config.model_validate(value, context=LENIENT)
            break
        except ValidationError as invalid:
            errors = invalid.errors(include_url=False)
        places = [_given(value, error["loc"]) for error in errors]
        left.found += [
            error
            for error, place in zip(errors, places, strict=True)
            if error["type"] not in OF_GAPS or place not in left.gaps
        ]
        for error, place in zip(errors, places, strict=True):
            missing = error["loc"][-1] if error["type"] == "missing" else None
            _mend(value, place, missing, left)
    if left.config is not None:
        left.found += _contradictions(value, left)
    return left


def _given(value: Any, loc: Path) -> Path:
    """The part of pydantic's path that exists in the value as it was written."""
    followed: list[str | int] = []
    for part in loc:
        if isinstance(part, int) and not isinstance(value, list):
            continue
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            break
        followed.append(part)
    return tuple(followed)


def _mend(value: dict[str, Any], place: Path, missing: str | int | None, left: Salvaged) -> None:
    """Take away what is wrong at a place: the innermost key, never an item of a list."""
    while place and isinstance(place[-1], int):
        place = place[:-1]
    match (*place, *([] if missing is None else [missing])):
        case [] | ["version", *_]:
            value["version"] = 1
        case ["listeners", str(name), "address"]:
            left.standins.add(name)
            _set(value, ("listeners", name), "address", f"127.0.0.1:{len(left.standins)}")
        case ["routes", str(name), "match", *inner]:
            left.doubtful.add(name)
            if not NOT_PATHS & set(inner):
                left.pathless.add(name)
            if len(place) == 3 or not inner:
                _set(value, ("routes", name), "match", {})
            else:
                _cut(value, place, left.gaps)
        case _:
            _cut(value, place, left.gaps)


def _set(value: Any, path: Path, key: str, standin: Any) -> None:
    group = _inside(value, path)
    if isinstance(group, dict):
        group[key] = standin


def _cut(value: Any, place: Path, gaps: set[Path]) -> None:
    *above, key = place
    gaps.add(tuple(above))
    group = _inside(value, tuple(above))
    if isinstance(group, dict):
        group.pop(key, None)
        if not group:
            gaps.add(tuple(above[:-1]))


def _inside(value: Any, path: Path) -> Any:
    """What is at a path; nothing where an alias or a mistake further out has taken it away already."""
    for part in path:
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def _contradictions(value: dict[str, Any], left: Salvaged) -> Iterator[dict[str, Any]]:
    for path, error in _walk(left.config, ()):
        place = _given(value, path)
        if error.type not in OF_GAPS or place not in left.gaps:
            yield {"type": error.type, "loc": path, "ctx": error.context or {}, "input": None}


def _walk(value: Any, path: Path) -> Iterator[tuple[Path, PydanticCustomError]]:
    """Every contradiction below a value, with its path."""
    if isinstance(value, BaseModel):
        if isinstance(value, Consistent):
            yield from ((path, error) for error in value.contradictions())
        for name in value.model_fields_set:
            yield from _walk(getattr(value, name), (*path, name))
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _walk(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _walk(item, (*path, index))
