"""From a loaded configuration to a valid one, or to every mistake in it at once."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from frontdesk.config import checks, references
from frontdesk.config.errors import Problem, from_pydantic, placed
from frontdesk.config.salvage import salvage
from frontdesk.errors import MAX_MISTAKES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from frontdesk.config.load import Loaded
    from frontdesk.config.models.root import Config
    from frontdesk.errors import ConfigError


def validate(loaded: Loaded) -> tuple[Config | None, list[ConfigError]]:
    """The configuration as models, and every mistake in it, those of the loading included.

    With mistakes the models hold what is sound, for further checks; nothing when that is too little.
    """
    # One more than are told, of each kind: enough to know that there are more.
    enough = MAX_MISTAKES + 1
    config, details = salvage(loaded.value)
    problems = [from_pydantic(error, loaded) for error in details[:enough]]
    if loaded.incomplete:
        problems = [problem for problem in problems if problem.path]
    else:
        problems += islice(references.unknown_services(loaded.value), enough)
    if config is not None:
        problems += islice(checks.problems(config), enough)
    return config, [*loaded.problems, *located(loaded, problems)]


def located(loaded: Loaded, problems: Iterable[Problem]) -> list[ConfigError]:
    """The problems with their places; without those that only follow from another."""
    found = (placed(loaded, problem) for problem in problems)
    return [error for error in found if error is not None]
