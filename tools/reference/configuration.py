"""docs/reference/configuration.md and policies.md, from the JSON Schema of the configuration."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from frontdesk.config.schema import config_schema
from frontdesk.policies import ORDER
from reference.markdown import page, table

if TYPE_CHECKING:
    from collections.abc import Iterator

Schema = dict[str, Any]

INTRODUCTION = """\
A configuration is one YAML file, or a folder whose `*.yaml` and `*.yml` files are merged. Scalars follow
YAML 1.2: only `true` and `false` are booleans, `no` and `on` are strings. Unknown keys, keys given
twice, tags, merge keys (`<<`) and keys without a value are mistakes.

Durations are written `250ms`, `30s`, `5m`, `1h`, `2d`; sizes `512B`, `8KiB`, `1MiB`, `1GiB`; percentages
`20%`. In any value `${env:NAME}`, `${env:NAME:-default}` and `${file:path}` are replaced, and `$${` is a
literal `${`. A value that is not in quotes is read again after the replacement, so
`workers: ${env:WORKERS:-1}` is a number. Names of files start at the folder of the configuration. What
came from the environment or a file is never repeated in a message."""


INTRODUCTION_POLICIES = """\
Policies see a request in this order, and its response in reverse. A policy is named once in `policies:`
of a scope; a narrower scope (global, then service, then route) replaces the whole object, and `false`
switches it off. On a route that splits its requests among services, the services must agree on each
policy that the route does not set itself."""


def configuration_page() -> str:
    """Every key of the configuration, section by section."""
    schema = config_schema()
    parts = [INTRODUCTION, *_sections("", schema, schema["$defs"], set())]
    return page("Configuration", parts)


def policies_page() -> str:
    """Every policy, in the order in which they run."""
    definitions = config_schema()["$defs"]
    parts = [
        INTRODUCTION_POLICIES,
        table(["policy", "why here"], ([f"`{policy.name}`", policy.reason] for policy in ORDER)),
    ]
    for policy in ORDER:
        definition = definitions[policy.settings.__name__]
        parts += [f"## {policy.name}", definition["description"], _keys(definition, definitions)]
    return page("Policies", parts)


def _sections(
    path: str, schema: Schema, definitions: dict[str, Schema], seen: set[str]
) -> Iterator[str]:
    """The section of one model, then those of the models inside it."""
    yield f"## {path or 'Top level'}"
    yield schema["description"]
    yield _keys(schema, definitions)
    for key, field in schema.get("properties", {}).items():
        for suffix, name in _models(field):
            if name not in seen and name not in {policy.settings.__name__ for policy in ORDER}:
                seen.add(name)
                inner = f"{path}.{key}{suffix}" if path else f"{key}{suffix}"
                yield from _sections(inner, definitions[name], definitions, seen)


def _models(field: Schema, suffix: str = "") -> Iterator[tuple[str, str]]:
    """The models that a field holds: as they are, in a list, or under names."""
    if "$ref" in field:
        yield suffix, field["$ref"].rpartition("/")[2]
    for choice in field.get("anyOf", []):
        yield from _models(choice, suffix)
    if "items" in field:
        yield from _models(field["items"], suffix or "[]")
    if isinstance(inner := field.get("additionalProperties"), dict):
        yield from _models(inner, f"{suffix}.NAME")
    for inner in field.get("patternProperties", {}).values():
        yield from _models(inner, f"{suffix}.NAME")


def _keys(schema: Schema, definitions: dict[str, Schema]) -> str:
    required = set(schema.get("required", []))
    rows = [
        [
            f"`{key}`",
            _type(field),
            "**required**" if key in required else _default(field),
            field.get("description") or _inherited(field, definitions),
        ]
        for key, field in schema.get("properties", {}).items()
    ]
    return table(["key", "value", "default", "meaning"], rows) if rows else "No keys."


def _inherited(field: Schema, definitions: dict[str, Schema]) -> str:
    """The description of the model that a field holds, where the field has none of its own."""
    name = str(field.get("$ref", "")).rpartition("/")[2]
    return str(definitions.get(name, {}).get("description", ""))


def _default(field: Schema) -> str:
    if "default" not in field:
        return ""
    text = json.dumps(field["default"], ensure_ascii=False)
    return f"`{text}`" if len(text) < 60 else "all"


def _type(field: Schema) -> str:
    if "anyOf" in field:
        return " or ".join(dict.fromkeys(filter(None, map(_type, field["anyOf"]))))
    if "$ref" in field or "additionalProperties" in field or "patternProperties" in field:
        return "map"
    if "enum" in field or "const" in field:
        words = field.get("enum", [field.get("const")])
        return ", ".join(
            f"`{word if isinstance(word, str) else json.dumps(word)}`" for word in words
        )
    if field.get("type") == "array":
        inner = _type(field["items"])
        return f"list, {inner}" if inner.startswith("such") else f"list of {inner}"
    if "examples" in field:
        return "such as " + ", ".join(f"`{example}`" for example in field["examples"])
    kind = str(field.get("type", ""))
    return {"integer": "whole number", "boolean": "true or false"}.get(kind, kind)
