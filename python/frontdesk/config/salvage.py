"""What is sound in a configuration that is not, so that further checks can tell their mistakes as well.

Pydantic looks at settings that belong together only when each alone is fine. Here what is wrong is left out and
the rest validated again, until nothing is wrong. That leaves gaps (a route without the `service` that could not
be read), and what is only missing because of a gap is not told.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from frontdesk.config.models.root import Config

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

    Path = tuple[str | int, ...]

MAX_ROUNDS = 16
"""Each takes away at least one level of what is wrong, and a configuration has fewer."""

OF_GAPS = frozenset({"missing", "lacking", "too_short"})
"""Kinds of mistakes that a gap can cause."""


def salvage(value: dict[str, Any]) -> tuple[Config | None, list[ErrorDetails]]:
    """The configuration without what is wrong in it, and every mistake.

    Routes whose match rules have a gap are left out: nobody knows which requests they would take. The
    configuration is nothing when no part is left that could be judged.
    """
    found: list[ErrorDetails] = []
    gaps: set[Path] = set()
    for _ in range(MAX_ROUNDS):
        try:
            return Config.model_validate(value), found
        except ValidationError as invalid:
            errors = invalid.errors(include_url=False)
        if not gaps:
            value = copy.deepcopy(value)
        places = [_given(value, error["loc"]) for error in errors]
        found += [
            error
            for error, place in zip(errors, places, strict=True)
            if error["type"] not in OF_GAPS or place not in gaps
        ]
        for place in places:
            _leave_out(value, place, gaps)
    return None, found


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


def _leave_out(value: dict[str, Any], place: Path, gaps: set[Path]) -> None:
    """Remove the innermost key of the place: never an item of a list, which would move the others."""
    while place and isinstance(place[-1], int):
        place = place[:-1]
    if place in ((), ("version",)):
        value["version"] = 1
        return
    if len(place) > 2 and place[0] == "routes" and place[2] == "match":
        place = place[:2]
    *above, key = place
    gaps.add(tuple(above))
    inner: Any = value
    for part in above:
        try:
            inner = inner[part]
        except (KeyError, IndexError):
            # An alias, or a mistake further out, has taken it away already.
            return
    inner.pop(key, None)
