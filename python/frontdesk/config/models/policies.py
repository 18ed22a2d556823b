"""`policies:` of any scope, built from the list of policies so that a new one needs no line here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, create_model
from pydantic_core import core_schema

from frontdesk.fields.base import Settings
from frontdesk.policies import ORDER, UNAVAILABLE

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler


class OrOff:
    """Annotation metadata: settings, or `false`, which switches off a wider scope's policy."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        """Let `false` pass by the settings' own validation."""

        def or_off(value: Any, validate: core_schema.ValidatorFunctionWrapHandler) -> Any:
            return False if value is False else validate(value)

        return core_schema.no_info_wrap_validator_function(or_off, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Offer both to an editor."""
        return {"anyOf": [handler(schema), {"const": False}]}


class PolicySet(Settings):
    """Policies by name. The order in the file does not matter: the gateway's own order does."""

    unavailable = UNAVAILABLE

    def named(self) -> dict[str, Settings | Literal[False]]:
        """The policies that this scope names; `False` where it switches one off."""
        values = ((policy.name, getattr(self, policy.name)) for policy in ORDER)
        return {name: value for name, value in values if value is not None}


_fields: dict[str, Any] = {
    policy.name: (
        Annotated[policy.settings, OrOff()] | None,
        Field(default=None, description=(policy.settings.__doc__ or "").split("\n", 1)[0]),
    )
    for policy in ORDER
}

if TYPE_CHECKING:
    Policies = PolicySet
else:
    Policies = create_model("Policies", __base__=PolicySet, __doc__=PolicySet.__doc__, **_fields)
