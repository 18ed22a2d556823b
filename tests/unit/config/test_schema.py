"""The JSON Schema says of a file what the gateway says, as far as a schema can."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from frontdesk.config.schema import config_schema

GOLDEN = Path(__file__).parents[2] / "golden"


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    schema = config_schema()
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


class _Core(yaml.SafeLoader):
    """Reads `off` as the string that YAML 1.2 says it is."""


_Core.yaml_implicit_resolvers = {
    first: [
        (tag, pattern) for tag, pattern in resolvers if not tag.endswith((":bool", ":timestamp"))
    ]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Core.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("true|false"), ["t", "f"])


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.yaml")), ids=lambda path: path.stem)
def test_valid_files_are_valid(validator: Draft202012Validator, path: Path) -> None:
    tree = yaml.load(path.read_text(encoding="utf-8"), Loader=_Core)
    tree_errors = [error.message for error in validator.iter_errors(tree)]
    if path.stem == "interpolation":
        # A schema cannot know that a reference gives a number.
        tree_errors = [message for message in tree_errors if "${env:" not in message]
    assert tree_errors == []


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"unknown": {}},
        {"listeners": {"web": {}}},
        {"listeners": {"web": {"address": ":80", "limits": {"head_timeout": 5}}}},
        {"services": {"a": {"url": "ftp://a"}}},
        {"services": {"a": {"url": "http://a", "balance": "random"}}},
        {"routes": {"a": {"service": "a"}}},
        {"routes": {"a": {"match": {"pth": "/x"}, "service": "a"}}},
        {"routes": {"a": {"match": {}, "max_body": "1MB", "service": "a"}}},
        {"policies": {"ip_filter": True}},
        {"process": {"threads": "many"}},
    ],
)
def test_mistakes_are_found(validator: Draft202012Validator, change: dict[str, Any]) -> None:
    assert not validator.is_valid({"version": 1, **change})


def test_every_key_is_described() -> None:
    schema = config_schema()
    for name, model in [("Config", schema), *schema["$defs"].items()]:
        assert model.get("description"), name
        for key, field in model.get("properties", {}).items():
            described = field.get("description") or field.get("$ref")
            assert described, f"{name}.{key} has no description"
