"""Folders of files, and what is watched."""

from __future__ import annotations

from pathlib import Path

import pytest

from frontdesk.compiler import compile_file
from frontdesk.config.load import load, watched_files
from frontdesk.errors import ConfigErrors
from tests.unit.config.yaml_files import written


def test_files_of_a_folder_are_merged_in_sorted_order(tmp_path: Path) -> None:
    written(tmp_path, "version: 1\nservices: {b: {url: http://b}}\n", "20-b.yml")
    written(
        tmp_path, "version: 1\nservices: {a: {url: http://a}}\nprocess: {workers: 2}\n", "10-a.yaml"
    )
    written(tmp_path, "process: {drain: 1s}\n", "30.yaml")
    written(tmp_path, "# nothing yet\n", "40.yaml")
    written(tmp_path, "not: read", "notes.txt")
    written(tmp_path, "not: read", ".hidden.yaml")
    compiled = compile_file(tmp_path)
    assert [service.name for service in compiled.snapshot.services] == ["a", "b"]
    assert (compiled.workers, compiled.snapshot.process.drain_ms) == (2, 1000)


def test_a_name_given_in_two_files_is_told_with_both_places(tmp_path: Path) -> None:
    written(tmp_path, "version: 1\nroutes:\n  x: {match: {}, respond: {}}\n", "a.yaml")
    written(tmp_path, "version: 1\nroutes:\n  x: {match: {}, respond: {}}\n", "b.yaml")
    with pytest.raises(ConfigErrors) as raised:
        compile_file(tmp_path)
    (error,) = raised.value.errors
    assert (error.file, error.line, error.column) == (str(tmp_path / "b.yaml"), 3, 3)
    assert error.path == "routes.x"
    assert f"{tmp_path / 'a.yaml'}:3:3" in error.message


@pytest.mark.parametrize("second", ["version: 2", "routes: text", "version: true"])
def test_sections_that_cannot_be_united(tmp_path: Path, second: str) -> None:
    written(tmp_path, "version: 1\nroutes: {}\n", "a.yaml")
    written(tmp_path, f"{second}\n", "b.yaml")
    loaded = load(tmp_path)
    (problem,) = loaded.problems
    assert problem.file.endswith("b.yaml")
    assert "already given" in problem.message


def test_a_mistake_in_a_merged_file_has_that_files_place(tmp_path: Path) -> None:
    written(tmp_path, "version: 1\nservices: {s: {url: http://a}}\n", "a.yaml")
    written(tmp_path, "\nservices:\n  t: {url: http://b, balnce: x}\n", "b.yaml")
    with pytest.raises(ConfigErrors) as raised:
        compile_file(tmp_path)
    (error,) = raised.value.errors
    assert (Path(error.file).name, error.line, error.column) == ("b.yaml", 3, 22)
    assert "balance" in error.hint


def test_watched_are_files_folder_and_references(tmp_path: Path) -> None:
    a = written(tmp_path, "x: ${file:keys/one.txt}\ny: ${file:/etc/two}\n", "a.yaml")
    b = written(tmp_path, "broken: [${file:three}", "b.yml")
    assert watched_files(tmp_path) == [
        tmp_path, a, tmp_path / "keys/one.txt", Path("/etc/two"), b, tmp_path / "three",
    ]  # fmt: skip


def test_watched_is_the_file_itself_even_while_it_is_missing(tmp_path: Path) -> None:
    assert watched_files(tmp_path / "gone.yaml") == [tmp_path / "gone.yaml"]
    assert watched_files(tmp_path) == [tmp_path]
