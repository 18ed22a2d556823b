"""The commands that need no running gateway, from outside: output, exit codes, speed of the help."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from frontdesk import __version__
from frontdesk.cli import run
from frontdesk.cli.lazy import COMMANDS
from tests.unit.config.yaml_files import written

VALID = """\
version: 1
services: {users: {url: "http://127.0.0.1:9001"}}
routes: {users: {match: {path: "/users/{id}"}, service: users}}
"""


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in COMMANDS)


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from frontdesk.cli import run; run(['--help'])\n"
        "heavy = {'pydantic', 'yaml', 'asyncio', 'structlog', 'frontdesk.engine'} & set(sys.modules)\n"
        "sys.exit(' '.join(heavy) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "arguments",
    [[], ["nonsense"], ["validate"], ["validate", "--nonsense", "x"], ["validate", "x", "-o", "xml"],
     ["--nonsense"], ["explain", "x", "GET"]],
)  # fmt: skip
def test_wrong_usage_is_64(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == 64
    captured = capsys.readouterr()
    assert "frontdesk" in captured.out + captured.err


def test_a_valid_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path, VALID)
    assert run(["validate", str(path)]) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith(f"{path} is valid: 1 listener, 1 service, 1 route; snapshot ")
    assert captured.err == ""


def test_a_valid_file_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["validate", str(written(tmp_path, VALID)), "-o", "json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["valid"] is True
    assert (answer["routes"], len(answer["hash"])) == (1, 16)


def test_mistakes_go_to_stderr(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path, "version: 1\nroute: {}\n")
    assert run(["validate", str(path)]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == (
        f"{path}:2:1: route: unknown key `route`\n"
        "    route: {}\n"
        "    ^\n"
        "    hint: did you mean `routes`?\n"
        "1 mistake found\n"
    )


def test_mistakes_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path, "version: 1\nroute: {}\nroutes: {a: {}}\n")
    assert run(["validate", str(path), "-o", "json"]) == 1
    captured = capsys.readouterr()
    answer = json.loads(captured.out)
    assert answer["valid"] is False
    assert [error["path"] for error in answer["errors"]] == ["route", "routes.a"]
    assert answer["errors"][0]["file"] == str(path)
    assert captured.err == ""


def test_a_missing_file_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["validate", str(tmp_path / "gone.yaml")]) == 1
    assert "cannot be read: no such file or directory" in capsys.readouterr().err


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["version"]) == 0
    assert capsys.readouterr().out.startswith(f"frontdesk {__version__} ")


def test_schema_is_printed_and_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["schema"]) == 0
    printed = capsys.readouterr().out
    assert json.loads(printed)["$schema"].startswith("https://json-schema.org/")
    target = tmp_path / "schema.json"
    assert run(["schema", "--write", str(target)]) == 0
    assert target.read_text(encoding="utf-8") == printed
    assert run(["schema", "--write", str(tmp_path / "no" / "where.json")]) == 1
    assert "cannot be written" in capsys.readouterr().err


def test_explain_names_the_route_and_the_reasons(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    beta = 'beta: {match: {path: "/users/{id}", headers: {x-beta: "1"}}, service: users}'
    text = VALID.replace("routes: {", f"routes: {{{beta}, ")
    path = str(written(tmp_path, text))
    assert run(["explain", path, "GET", "http://localhost/users/7"]) == 0
    shown = capsys.readouterr().out
    assert "taken by route users" in shown
    assert "beta" in shown
    assert run(["explain", path, "GET", "/users/7", "-H", "X-Beta: 1", "-o", "json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["verdict"], answer["route"]) == ("route", "beta")
    assert answer["upstream"]["target"] == "/users/7"


def test_explain_of_what_is_not_served(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(written(tmp_path, VALID))
    assert run(["explain", path, "GET", "/nowhere"]) == 0
    assert "404" in capsys.readouterr().out


@pytest.mark.parametrize("extra", [["-H", "no colon"], ["--client", "nobody"]])
def test_explain_refuses_arguments_that_are_none(
    tmp_path: Path, extra: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["explain", str(written(tmp_path, VALID)), "GET", "/users/7", *extra]) == 64
    assert "Error" in capsys.readouterr().err
