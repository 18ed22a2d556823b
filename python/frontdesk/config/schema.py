"""The JSON Schema of the configuration, for editors."""

from __future__ import annotations

import json
from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from frontdesk.config.models.root import Config

DIALECT = "https://json-schema.org/draft/2020-12/schema"

REFERENCE = r"\$\{(env|file):"
"""An interpolated value may stand wherever a pattern is asked for."""


class _Schema(GenerateJsonSchema):
    """Without the titles that pydantic derives from names: they say nothing new."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002
        return False


def config_schema() -> dict[str, Any]:
    """The schema as a value, with descriptions and defaults as a user writes them."""
    schema = _for_editors(Config.model_json_schema(schema_generator=_Schema))
    return {"$schema": DIALECT, **schema, "title": "Frontdesk configuration"}


def schema_text() -> str:
    """The schema as it is committed and printed."""
    return json.dumps(config_schema(), indent=2, ensure_ascii=False) + "\n"


def _for_editors(node: Any) -> Any:
    """The schema of what is written rather than of what is read."""
    if isinstance(node, list):
        return [_for_editors(item) for item in node]
    if not isinstance(node, dict):
        return node
    node = {key: value for key, value in _without_null(node).items() if key != "title"}
    if isinstance(pattern := node.get("pattern"), str):
        node["pattern"] = f"{pattern}|{REFERENCE}"
    return {key: _for_editors(value) for key, value in node.items()}


def _without_null(node: dict[str, Any]) -> dict[str, Any]:
    """Drop the `null` of an optional field: a key is given a value or left out."""
    null = {"type": "null"}
    choices = node.get("anyOf", [])
    if null not in choices:
        return node
    rest = [choice for choice in choices if choice != null]
    bare = {key: value for key, value in node.items() if key not in ("anyOf", "default")}
    return {**rest[0], **bare} if len(rest) == 1 else {**bare, "anyOf": rest}
