"""The base of every settings model, and the one way in which a setting is refused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, model_validator
from pydantic_core import PydanticCustomError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Self

SHOWN_CHARACTERS = 60
"""Characters of a refused string that a message repeats."""


class Settings(BaseModel):
    """A group of settings: immutable, unknown keys refused, nothing converted behind one's back."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    unavailable: ClassVar[frozenset[str]] = frozenset()
    """Keys that the configuration language has and this version does not."""


class Consistent(Settings):
    """A group of settings of which some do not go together."""

    def contradictions(self) -> Iterator[PydanticCustomError]:
        """What does not go together, made by `contradiction` and `lacking`."""
        raise NotImplementedError

    @model_validator(mode="after")
    def _agrees(self, info: ValidationInfo) -> Self:
        """Refuse the first contradiction, unless all will be asked for later (`LENIENT`)."""
        if info.context is not LENIENT:
            for error in self.contradictions():
                raise error
        return self


LENIENT = {"contradictions": "later"}
"""The context of a validation that lets contradictions pass."""


def invalid(expected: str, hint: str = "") -> PydanticCustomError:
    """The error of a value that is not what the field takes; what was found is added on display.

    Args:
        expected: completes "expected …", for example "a duration such as 30s".
        hint: what to write instead, when that is known.
    """
    context = {"expected": expected, "hint": hint}
    return PydanticCustomError("setting", "expected {expected}", context)


def contradiction(message: str, hint: str = "") -> PydanticCustomError:
    """The error of settings that are each fine but not together; `message` repeats no value."""
    return PydanticCustomError("contradiction", "{message}", {"message": message, "hint": hint})


def lacking(message: str, hint: str = "") -> PydanticCustomError:
    """The error of settings that need another one, which is not there; `message` repeats no value."""
    return PydanticCustomError("lacking", "{message}", {"message": message, "hint": hint})


def refused(reason: str, expected: str) -> PydanticCustomError:
    """The error of a value that the engine's own checker refuses, with its reason."""
    context = {"message": reason, "expected": expected, "hint": ""}
    return PydanticCustomError("refused", "{message}", context)


def describe(value: object) -> str:
    """A value as a message names it: its kind, and its text when that is short."""
    match value:
        case None:
            return "nothing"
        case bool():
            return f"the boolean {str(value).lower()}"
        case int() | float():
            return f"the number {value}"
        case str():
            shown = value if len(value) <= SHOWN_CHARACTERS else value[:SHOWN_CHARACTERS] + "…"
            return json.dumps(shown, ensure_ascii=False)
        case dict():
            return "a map"
        case list():
            return "a list"
    return f"a {type(value).__name__}"


def default(text: str, parse: Callable[[Any], Any], description: str) -> Any:
    """A field whose default is written as a user would write it, and documented that way."""
    return Field(default=parse(text), description=description, json_schema_extra={"default": text})
