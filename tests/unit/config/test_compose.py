"""What the loader makes of YAML text, and what it refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from frontdesk.config.compose import MAX_DEPTH, Composer
from frontdesk.config.interpolate import Interpolation
from frontdesk.config.positions import Source, Spot, find
from frontdesk.errors import ConfigError, ConfigErrors


def compose(text: str) -> tuple[Any, Spot, list[ConfigError]]:
    composer = Composer(Source("f.yaml", Path(), text), Interpolation(Path()))
    root = composer.run()
    assert root is not None
    return *root, composer.problems


def refusal(text: str) -> ConfigError:
    """The error that ends the reading, or the only one that it collects."""
    try:
        _, _, problems = compose(text)
    except ConfigErrors as errors:
        problems = errors.errors
    assert len(problems) == 1, problems
    return problems[0]


def test_values_of_every_kind() -> None:
    value, _, problems = compose('a: [1, no, "1", true]\nb:\n  c: |\n    text\n')
    assert value == {"a": [1, "no", "1", True], "b": {"c": "text\n"}}
    assert problems == []


def test_keys_are_always_text() -> None:
    value, _, _ = compose("200: a\ntrue: b\n1.0: c\n")
    assert value == {"200": "a", "true": "b", "1.0": "c"}


def test_places_of_keys_and_values() -> None:
    _, spot, _ = compose("top:\n  list:\n    - one\n    - {key:   two}\n")
    place = find(spot, ("top", "list", 1, "key"))
    assert place.key == (4, 8)
    assert (place.spot.line, place.spot.column) == (4, 15)


def test_a_place_that_the_file_does_not_have_is_that_of_its_parent() -> None:
    _, spot, _ = compose("a: {b: text}\n")
    place = find(spot, ("a", 0, "b", "url"))
    assert place.path == ("a", "b")
    assert (place.spot.line, place.spot.column) == (1, 8)


def test_an_alias_repeats_a_value() -> None:
    value, _, problems = compose("a: &x {b: [1]}\nc: *x\nd: [*x]\n")
    assert value["c"] == value["a"] == value["d"][0]
    assert problems == []


@pytest.mark.parametrize(
    ("text", "line", "column", "fragment"),
    [
        ("a: 1\nb: 2\na: 3\n", 3, 1, "`a` was already given in line 1"),
        ("a: !!python/object:os.system x\n", 1, 4, "tag"),
        ("a: !x {}\n", 1, 4, "tag !x"),
        ("a: !!str 1\n", 1, 4, "tag"),
        ("<<: {a: 1}\n", 1, 1, "merge keys"),
        ("? [a]\n: b\n", 1, 3, "cannot be a key"),
        ("a: &k x\n*k : y\n", 2, 1, "alias cannot be a key"),
        ('"": x\n', 1, 1, "is empty"),
        ("a:\nb: 1\n", 1, 1, "has no value"),
        ("a: [1, ~]\n", 1, 8, "has no value"),
        ("a: 1\n---\nb: 2\n", 2, 1, "second document"),
        ("a: *gone\n", 1, 4, "names no anchor"),
        ("a: &x [*x]\n", 1, 8, "stands within"),
        ("a: [1\n", 2, 1, "list is not closed"),
        ("a: {b: 1\n", 2, 1, "map is not closed"),
        ('a: "x\n', 2, 1, "quoted"),
        ("a: b: c\n", 1, 5, "colon"),
        ("a: 1\n  b: 2\n", 2, 4, "colon"),
        ("a:\n\tb: 1\n", 2, 1, "tab"),
        ("a: @x\n", 1, 4, "cannot begin a value"),
        ("%YAML 3.0\n---\na: 1\n", 1, 1, "YAML"),
        ('a: "\\q"\n', 1, 5, "escape"),
        ('a: "\\uD83D"\n', 1, 7, "no character"),
    ],
)
def test_refusals(text: str, line: int, column: int, fragment: str) -> None:
    error = refusal(text)
    assert fragment in error.message
    assert (error.line, error.column) == (line, column)


def test_every_duplicate_is_told_and_the_first_value_stays() -> None:
    value, _, problems = compose("a: 1\na: 2\nb: {c: 1, c: 2}\n")
    assert value == {"a": 1, "b": {"c": 1}}
    assert [problem.path for problem in problems] == ["a", "b.c"]


def test_nesting_is_bounded_however_deep() -> None:
    assert compose("[" * MAX_DEPTH + "]" * MAX_DEPTH)[0]
    for depth in (MAX_DEPTH + 1, 100_000):
        assert "nested more than" in refusal("[" * depth).message


def test_nesting_of_blocks_is_bounded_too() -> None:
    assert "nested more than" in refusal("- " * 5_000 + "x").message


def test_an_alias_bomb_is_refused() -> None:
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    levels += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    error = refusal("\n".join(levels))
    assert "expand to too much" in error.message


def test_a_long_string_repeated_by_aliases_counts_by_its_length() -> None:
    text = f"a: &a {'x' * 1_000_000}\nb: [{', '.join(['*a'] * 100)}]\n"
    assert "expand to too much" in refusal(text).message
