"""`${…}`: where it works, what is wrong with it, and that its values stay unseen."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from frontdesk.config.load import load
from tests.unit.config.yaml_files import compiled, mistake, mistakes, written

SECRET = "hunter2-is-secret"


def loaded(folder: Path, text: str) -> object:
    result = load(written(folder, text))
    assert result.problems == []
    return result.value["a"]


def test_a_variable_within_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FD_HOST", "10.0.0.1")
    assert loaded(tmp_path, 'a: "http://${env:FD_HOST}:80/${env:FD_HOST}"') == (
        "http://10.0.0.1:80/10.0.0.1"
    )


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: ${env:FD_NONE:-5}", 5),
        ('a: "${env:FD_NONE:-5}"', "5"),
        ("a: ${env:FD_NONE:-true}", True),
        ("a: ${env:FD_NONE:-}x", "x"),
        ("a: ${env:FD_EMPTY:-y}", "y"),
        ("a: $${env:FD_NONE}", "${env:FD_NONE}"),
        ("a: costs $5 {x}", "costs $5 {x}"),
        ('a: "${env:FD_EMPTY}"', ""),
    ],
)
def test_defaults_and_escapes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, value: object
) -> None:
    monkeypatch.setenv("FD_EMPTY", "")
    assert loaded(tmp_path, text) == value


def test_a_file_beside_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "key.txt").write_text("content\n\n")
    assert loaded(tmp_path, "a: ${file:key.txt}") == "content\n"


@pytest.mark.parametrize(
    ("reference", "fragment"),
    [
        ("${env:FD_NONE}", "FD_NONE is not set"),
        ("${env:1A}", "unknown reference"),
        ("${vault:x}", "unknown reference"),
        ("${}", "unknown reference"),
        ("${env:A", "closing brace"),
        ("${env:FD_NONE:-${env:B}}", "cannot hold another"),
        ("${file:gone.txt}", "no such file"),
        ("${file:.}", "it is a folder"),
        ("${file:binary}", "not UTF-8"),
        ("${file:large}", "larger than"),
    ],
)
def test_mistakes(tmp_path: Path, reference: str, fragment: str) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    (tmp_path / "large").write_bytes(b"x" * (2**20 + 1))
    text = f'version: 1\nroutes:\n  a: {{match: {{}}, respond: {{body: "{reference}"}}}}\n'
    error = mistake(tmp_path, text)
    assert fragment in error.message
    assert (error.line, error.path) == (3, "routes.a.respond.body")


def test_a_variable_that_is_not_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FD_BYTES", "\udcff")
    error = mistake(tmp_path, 'version: 1\nservices: {a: {url: "${env:FD_BYTES}"}}\n')
    assert "not UTF-8" in error.message


@pytest.mark.parametrize(
    "setting",
    [
        'services: {a: {url: "${env:FD_SECRET}"}}',
        'services: {a: {url: "http://a", host: "${env:FD_SECRET} "}}',
        'services: {a: {url: "http://a", timeouts: {connect: "${env:FD_SECRET}"}}}',
        'listeners: {a: {address: "${env:FD_SECRET}"}}',
        'listeners: {a: {address: ":80", trusted_proxies: ["${env:FD_SECRET}"]}}',
        'routes: {a: {match: {path: "${env:FD_SECRET}"}, respond: {}}}',
        'routes: {a: {match: {path: {regex: "(${env:FD_SECRET}"}}, respond: {}}}',
        'routes: {a: {match: {host: "${env:FD_SECRET} "}, respond: {}}}',
        'routes: {a: {match: {}, service: "${env:FD_SECRET}"}}',
        'routes: {a: {match: {}, redirect: {to: "/{${env:FD_SECRET}}"}}}',
        'routes: {a: {match: {methods: ["${env:FD_SECRET}?"]}, respond: {}}}',
        'observe: {access_log: {format: "${env:FD_SECRET}"}}',
        'process: {workers: "${env:FD_SECRET}"}',
    ],
)
def test_a_value_from_outside_is_in_no_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, setting: str
) -> None:
    monkeypatch.setenv("FD_SECRET", SECRET)
    for error in mistakes(tmp_path, f"version: 1\n{setting}\n"):
        assert SECRET not in error.render()
        assert SECRET not in json.dumps(error.as_dict())
        assert "${env:FD_SECRET}" in error.message


def test_a_value_from_outside_is_not_in_the_message_about_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FD_SECRET", "/hunter2-path")
    text = """\
        version: 1
        services: {a: {url: "http://a"}}
        routes: {a: {match: {path: "${env:FD_SECRET}"}, service: a, strip_prefix: /x}}
        """
    error = mistake(tmp_path, text)
    assert error.path == "routes.a.strip_prefix"
    assert "hunter2" not in error.render()


def test_a_number_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FD_WORKERS", "3")
    assert compiled(tmp_path, "version: 1\nprocess:\n  workers: ${env:FD_WORKERS}\n").workers == 3
