"""From a loaded configuration to a valid one, or to every mistake in it at once."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from pydantic import ValidationError

from frontdesk.config import checks, references
from frontdesk.config.errors import Problem, from_pydantic, placed
from frontdesk.config.models.root import Config
from frontdesk.errors import MAX_MISTAKES, ConfigError, ConfigErrors

if TYPE_CHECKING:
    from collections.abc import Iterable

    from frontdesk.config.load import Loaded


def validate(loaded: Loaded) -> Config:
    """The configuration as models.

    Raises:
        ConfigErrors: all mistakes, those of the loading included.
    """
    config: Config | None = None
    # One more than are told, of each kind: enough to know that there are more.
    enough = MAX_MISTAKES + 1
    problems: list[Problem] = list(islice(references.unknown_services(loaded.value), enough))
    try:
        config = Config.model_validate(loaded.value)
    except ValidationError as invalid:
        details = invalid.errors(include_url=False)
        problems += [from_pydantic(error, loaded) for error in details[:enough]]
    else:
        problems += islice(checks.problems(config), enough)
    errors = located(loaded, problems)
    if config is None or errors or loaded.problems:
        raise ConfigErrors([*loaded.problems, *errors])
    return config


def located(loaded: Loaded, problems: Iterable[Problem]) -> list[ConfigError]:
    """The problems with their places; without those that only follow from another."""
    found = (placed(loaded, problem) for problem in problems)
    return [error for error in found if error is not None]
