"""Whatever is written, the answer is a configuration or a list of mistakes: never another exception."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from frontdesk.compiler import compile_file
from frontdesk.config.load import watched_files
from frontdesk.errors import ConfigErrors

FULL = (Path(__file__).parents[2] / "golden" / "full.yaml").read_text(encoding="utf-8")

WORDS = [
    "", "\n", "  ", "\t", ":", ": ", "- ", "? ", "&a ", "*a", "!!x ", "|", ">", "{", "}", "[", "]", "'", '"',
    "#", "---\n", "...\n", "%YAML 1.1\n", "<<: *a\n", "${", "${env:X}", "${file:/dev/zero}", "\\", "\0",
    "\x85", "\u2028", "\ufeff", "\U0001f600", "~", "1e999", "-1", "9" * 5000, "0x" + "f" * 30, ".nan",
]  # fmt: skip

VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(["http://", "/{", "/**/x", "(", "*", "off", "10.0.0.0/8", ":99999", "$${x"]),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=5), st.integers(), max_size=2),
)

hostile = settings(
    max_examples=int(os.environ.get("FRONTDESK_EXAMPLES", "300")),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def judge(path: Path, content: bytes) -> None:
    """Compile the content; a refusal must have places within the file and render."""
    path.write_bytes(content)
    lines = content.count(b"\n") + content.count(b"\r") + 1
    watched_files(path)
    try:
        compile_file(path)
    except ConfigErrors as errors:
        assert errors.errors
        for error in errors.errors:
            assert error.message
            assert 0 <= error.line <= lines + 1
            assert error.render()
            json.dumps(error.as_dict()).encode()


@hostile
@given(data=st.data())
def test_text_with_random_edits(tmp_path: Path, data: st.DataObject) -> None:
    text = FULL
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        length = data.draw(st.integers(0, 30))
        text = text[:start] + data.draw(st.sampled_from(WORDS)) + text[start + length :]
    judge(tmp_path / "gateway.yaml", text.encode())


@hostile
@given(data=st.data())
def test_bytes_with_random_edits(tmp_path: Path, data: st.DataObject) -> None:
    content = bytearray(FULL.encode())
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    judge(tmp_path / "gateway.yaml", bytes(content))


@hostile
@given(data=st.data())
def test_a_valid_tree_with_one_random_value(tmp_path: Path, data: st.DataObject) -> None:
    tree = yaml.safe_load(FULL)
    parent, key = data.draw(st.sampled_from(list(_places(tree))))
    parent[key] = data.draw(VALUES)
    judge(tmp_path / "gateway.yaml", yaml.safe_dump(tree, allow_unicode=True).encode())


@pytest.mark.parametrize(
    "text",
    ["[" * 200_000, "{a: " * 50_000, "- " * 50_000, "a: " + "&x " * 3, "? " * 10_000, "'" * 99_999,
     "a: |" + "\n " * 10_000, "\n" * 100_000, "!" * 10_000, "#" * 100_000, "a" * 1_000_000],
    ids=lambda text: f"{text[:4]}×{len(text)}",
)  # fmt: skip
def test_text_of_one_kind(tmp_path: Path, text: str) -> None:
    judge(tmp_path / "gateway.yaml", text.encode())


def _places(node: Any) -> Any:
    """Every place of a tree whose value can be replaced."""
    items = node.items() if isinstance(node, dict) else enumerate(node)
    for key, value in list(items):
        yield node, key
        if isinstance(value, dict | list):
            yield from _places(value)
