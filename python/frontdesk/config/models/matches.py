"""`match:` of a route: which requests it takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from pydantic import AfterValidator, Field, PlainValidator, WithJsonSchema
from pydantic_core import core_schema

from frontdesk import engine
from frontdesk.fields.base import Consistent, Settings, contradiction, invalid
from frontdesk.fields.checked import (
    FieldName,
    FieldValue,
    HostPattern,
    Method,
    judged,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic_core import PydanticCustomError

ANY = "*"
"""The value of a header or query rule that asks for presence alone."""

MAX_REGEX_LENGTH = 10_000


class Regex(NamedTuple):
    """A judged regular expression and its named groups."""

    text: str
    names: list[str]


def parse_regex(value: Any) -> Regex:
    """A regular expression as the engine takes it: linear time, the whole path."""
    if not isinstance(value, str) or not 0 < len(value) <= MAX_REGEX_LENGTH:
        raise invalid(f"a regular expression of at most {MAX_REGEX_LENGTH} characters")
    return Regex(value, judged(engine.check_path_regex, value, "a regular expression"))


class RegexPath(Settings):
    """A path rule that is a regular expression, the last resort in precedence."""

    regex: Annotated[Regex, PlainValidator(parse_regex), WithJsonSchema({"type": "string"})] = (
        Field(
            description="Matches the whole path in linear time; named groups become variables.",
        )
    )


@dataclass(frozen=True, slots=True)
class PathRule:
    """A judged path rule: its kind, its canonical text, and the variables that it captures."""

    kind: str
    value: str
    variables: tuple[str, ...]

    @classmethod
    def parse(cls, value: Any, as_map: core_schema.ValidatorFunctionWrapHandler) -> PathRule:
        """Read `/a`, `/a/{id}`, `/a/**`, or `{regex: …}`."""
        if isinstance(value, str):
            kind, pattern, names = judged(engine.check_path_pattern, value, "a path pattern")
            return cls(kind, pattern, tuple(names))
        if not isinstance(value, dict):
            raise invalid("a path such as /users/{id} or /users/**, or a map with regex")
        regex: Regex = as_map(value).regex
        return cls("regex", regex.text, tuple(regex.names))

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        """Parse once, at the border."""
        return core_schema.no_info_wrap_validator_function(
            cls.parse, handler.generate_schema(RegexPath)
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Offer both forms to an editor."""
        text = {"type": "string", "pattern": "^/", "examples": ["/users/{id}", "/users/**"]}
        return {"anyOf": [text, handler(schema)]}


def _not_empty(methods: list[str]) -> list[str]:
    if not methods:
        raise contradiction("the list is empty", "leave methods out to take every method")
    return list(dict.fromkeys(methods))


def _distinct(headers: dict[str, str], given: int) -> dict[str, str]:
    if len(headers) != given:
        raise contradiction("the same header is named twice", "header names ignore case")
    return headers


class HeaderRules:
    """Annotation metadata: names that become equal in lower case are a mistake, not a choice."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        """Compare the number of names before and after."""

        def check(value: Any, validate: core_schema.ValidatorFunctionWrapHandler) -> Any:
            return _distinct(validate(value), len(value))

        return core_schema.no_info_wrap_validator_function(check, handler(source))


class GrpcMatch(Settings):
    """A gRPC service, or one of its methods."""

    service: str = Field(
        pattern=r"^([A-Za-z_][A-Za-z0-9_]*\.)*[A-Za-z_][A-Za-z0-9_]*$",
        max_length=500,
        description="Full name of the service, such as `shop.Orders`.",
    )
    method: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z_][A-Za-z0-9_]*$",
        max_length=200,
        description="Name of a method; without it all of the service's.",
    )

    def path(self) -> PathRule:
        """Where the calls go (PROTOCOL-HTTP2.md of the gRPC project)."""
        if self.method is None:
            return PathRule("prefix", f"/{self.service}/**", ())
        return PathRule("exact", f"/{self.service}/{self.method}", ())


class Match(Consistent):
    """Rules that must all hold. A rule that is left out holds for every request."""

    unavailable = frozenset({"version", "client", "claims"})

    host: HostPattern | None = Field(
        default=None, description="`example.com`, or `*.example.com` for every host below it."
    )
    path: PathRule | None = Field(
        default=None,
        description="`/a` exactly; `/a/{id}` with a variable for one segment; `/a/**` for /a and "
        "everything below it; or `{regex: …}`.",
    )
    grpc: GrpcMatch | None = Field(
        default=None,
        description="A gRPC service or method, in place of `path` and `methods`.",
    )
    methods: Annotated[list[Method], AfterValidator(_not_empty)] | None = Field(
        default=None, description="Request methods; GET serves HEAD too. All when left out."
    )
    headers: Annotated[dict[FieldName, FieldValue], HeaderRules()] = Field(
        default={}, description='Header fields and the value each must have; "*" is any value.'
    )
    query: dict[Annotated[str, Field(min_length=1, max_length=200)], str] = Field(
        default={}, description='Query parameters and the value each must have; "*" is any value.'
    )

    def contradictions(self) -> Iterator[PydanticCustomError]:
        """Settings that do not go together."""
        if self.grpc is not None and (self.path is not None or self.methods is not None):
            other = "path" if self.path is not None else "methods"
            yield contradiction(
                f"grpc and {other} are both given, and grpc says it already", "remove one of them"
            )

    def path_rule(self) -> PathRule | None:
        """The rule for the path, whichever way it was written."""
        return self.path if self.grpc is None else self.grpc.path()
