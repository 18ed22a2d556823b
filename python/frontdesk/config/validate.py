"""From a loaded configuration to a valid one, or to every mistake in it at once."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

from pydantic import ValidationError

from frontdesk.config import checks, references
from frontdesk.config.errors import Problem, from_pydantic, placed
from frontdesk.config.models.root import Config
from frontdesk.config.salvage import Salvaged, salvage
from frontdesk.errors import MAX_MISTAKES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from frontdesk.config.load import Loaded
    from frontdesk.errors import ConfigError


@dataclass
class Validated:
    """A configuration as models, and every mistake in it, those of the loading included.

    With mistakes the models hold what is sound, for further checks; nothing when that is too little. Of
    `doubtful` routes it is not known which requests they take.
    """

    config: Config | None
    errors: list[ConfigError]
    doubtful: set[str] = field(default_factory=set)


def validate(loaded: Loaded) -> Validated:
    """The configuration as models, and every mistake in it."""
    # One more than are told, of each kind: enough to know that there are more.
    enough = MAX_MISTAKES + 1
    left = Salvaged()
    try:
        left.config = Config.model_validate(loaded.value)
    except ValidationError:
        left = salvage(loaded.value)
    problems = [from_pydantic(error, loaded) for error in left.found[:enough]]
    if loaded.incomplete:
        problems = [problem for problem in problems if problem.path]
    else:
        problems += islice(references.unknown_services(loaded.value), enough)
    if left.config is not None:
        known = left.config.model_copy(update={"routes": left.routes(left.pathless)})
        found = (p for p in checks.problems(known) if p.path[1] not in left.standins)
        problems += islice(found, enough)
    errors = [*loaded.problems, *located(loaded, problems)]
    return Validated(left.config, errors, left.doubtful)


def located(loaded: Loaded, problems: Iterable[Problem]) -> list[ConfigError]:
    """The problems with their places; without those that only follow from another."""
    found = (placed(loaded, problem) for problem in problems)
    return [error for error in found if error is not None]
