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
        "heavy = {'pydantic', 'yaml', 'asyncio', 'frontdesk.engine'} & set(sys.modules)\n"
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
    assert [error["path"] for error in answer["errors"]] == ["route", "routes.a", "routes.a"]
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


@pytest.mark.parametrize(
    ("method", "url", "words"),
    [
        ("GET", "/a%2Fb", "invalid_path"),
        ("TRACE", "/users/7", "allowed: GET, HEAD, POST"),
        ("CONNECT", "/users/7", ""),
    ],
)
def test_explain_names_no_rule_where_none_was_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], method: str, url: str, words: str
) -> None:
    path = str(written(tmp_path, VALID))
    assert run(["explain", path, method, url]) == 0
    said = capsys.readouterr().out
    assert words in said
    assert "takes the request" not in said


def test_explain_knows_the_scheme(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(written(tmp_path, VALID))
    assert run(["explain", path, "GET", "https://localhost/users/7"]) == 0
    assert "x-forwarded-proto: https" in capsys.readouterr().out
    assert run(["explain", path, "GET", "ftp://localhost/users/7"]) == 64
    assert "ftp" in capsys.readouterr().err


TWO = """\
version: 1
listeners:
  plain: {address: "127.0.0.1:8001", redirect_https: true}
  raw: {address: "127.0.0.1:8002", tcp: {names: {a.test: bytes}}}
  strict: {address: "127.0.0.1:8003", merge_slashes: false}
services: {bytes: {url: "tcp://127.0.0.1:1"}}
routes: {pong: {match: {path: /pong}, respond: {}}}
"""

ASKED = [
    ("http://a.test:8003/pong", "strict", "route"),
    ("http://a.test:8003//pong", "strict", "not_found"),
    ("http://a.test:8001/pong", "plain", "listener"),
    ("http://a.test/pong", "plain", "listener"),
    ("/pong", "plain", "listener"),
    ("http://a.test:8002/pong", "plain", "listener"),
    ("http://[::1]:8003/pong", "strict", "route"),
]


@pytest.mark.parametrize(("url", "listener", "verdict"), ASKED)
def test_explain_asks_the_listener_of_the_port(
    tmp_path: Path, url: str, listener: str, verdict: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(written(tmp_path, TWO))
    assert run(["explain", path, "GET", url, "-o", "json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["listener"], answer["verdict"]) == (listener, verdict)
    assert run(["explain", path, "GET", url]) == 0
    said = capsys.readouterr().out
    assert "None" not in said
    assert f"over {listener}" in said


@pytest.mark.parametrize("extra", [["-H", "no colon"], ["--client", "nobody"]])
def test_explain_refuses_arguments_that_are_none(
    tmp_path: Path, extra: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["explain", str(written(tmp_path, VALID)), "GET", "/users/7", *extra]) == 64
    assert "Error" in capsys.readouterr().err


ROUTING = str(Path(__file__).parents[1] / "golden" / "routing.yaml")


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (["GET", "/api/orders/7"],
         ["taken by route one-order", "sent upstream GET /orders/7", "67.5%", "10.0%"]),
        (["POST", "/api/orders/7"], ["405", "allowed: GET, HEAD"]),
        (["GET", "/v1/old/x"], ["answered here: 308 to https://example.com/new/x"]),
        (["GET", "/robots.txt"], ["answered here: 200, 26 bytes"]),
        (["GET", "/api/search/x"], ["copied to orders-v2: 10%"]),
        (["GET", "/a/..%2fb"], ["refused: invalid_path"]),
        (["GET", "/api/%75sers//x"], ["request GET localhost/api/users/x", "sent upstream GET /users/x"]),
        (["GET", "http://a.beta.example.com/api/orders/7?debug", "-H", "x-beta: 1"],
         ["taken by route beta", "host: a.beta.example.com"]),
        (["GET", "/api/orders/7", "-H", "x y: 1"], ["refused: "]),
    ],
)  # fmt: skip
def test_explain_in_words(
    arguments: list[str], shown: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["explain", ROUTING, *arguments]) == 0
    text = capsys.readouterr().out
    for part in shown:
        assert part in text


def test_explain_lists_near_rules_first_and_says_how_many_are_hidden(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    routes = "".join(f"  r{n}: {{match: {{path: /{n}}}, respond: {{}}}}\n" for n in range(60))
    near = "  near: {match: {path: /here, methods: [PUT]}, respond: {}}\n"
    path = written(tmp_path, f"version: 1\nroutes:\n{routes}{near}")
    assert run(["explain", str(path), "GET", "/here"]) == 0
    text = capsys.readouterr().out
    assert text.index("near") < text.index("r0 ")
    assert "… and 21 further rules" in text


def test_explain_of_a_broken_file_tells_its_mistakes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["explain", str(written(tmp_path, "version: 2\n")), "GET", "/"]) == 1
    assert ":1:10: version: found the number 2, expected 1" in capsys.readouterr().err


def test_explain_shows_the_policies_of_the_route(capsys: pytest.CaptureFixture[str]) -> None:
    path = ROUTING.replace("routing.yaml", "ip_filter.yaml")
    arguments = ["explain", path, "GET", "/office/x", "--client", "203.0.113.9", "-o", "json"]
    assert run(arguments) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["policies"] == ["ip_filter"]
    assert (answer["verdict"], answer["status"]) == ("refused", 403)
