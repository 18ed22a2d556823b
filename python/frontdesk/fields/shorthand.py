"""Short and long forms of one setting, without the noise of a union's errors.

A pydantic union reports the failure of every branch. Here the short form is rewritten into the long
one before anything is judged, so that one mistake is one message.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import BeforeValidator
from pydantic_core import core_schema

from frontdesk.fields.base import contradiction

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler


@dataclass(frozen=True, eq=False)
class Shorthand:
    """Annotation metadata: `expand` turns the short form into the long one, or leaves it alone.

    `schema` describes the short form in the JSON Schema, beside the long one.
    """

    expand: Callable[[Any], Any]
    schema: dict[str, Any] | None = None

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        """Validate the long form after the rewriting."""
        return core_schema.no_info_before_validator_function(self.expand, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Offer both forms to an editor."""
        long_form = handler(schema)
        if self.schema is not None:
            return {"anyOf": [self.schema, long_form]}
        if long_form.get("type") == "array":
            return {"anyOf": [long_form["items"], long_form]}
        return dict(long_form)


def not_yet(*words: str) -> BeforeValidator:
    """Annotation metadata: words that the configuration language has and this version does not."""

    def check(value: Any) -> Any:
        if isinstance(value, str) and value in words:
            raise contradiction(f"`{value}` is not available in this version")
        return value

    return BeforeValidator(check)


def one_or_many() -> Shorthand:
    """A list that may be written as its only item when that item is a map."""
    return Shorthand(lambda value: [value] if isinstance(value, dict) else value)


def text_as(key: str) -> Shorthand:
    """A map that may be written as the string under its key `key`."""
    return Shorthand(
        lambda value: {key: value} if isinstance(value, str) else value, {"type": "string"}
    )
