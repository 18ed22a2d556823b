"""Every mistake at once: none hides another, and none is told that only follows from one."""

from __future__ import annotations

from pathlib import Path

import pytest

from frontdesk.compiler import compile_file
from frontdesk.errors import ConfigErrors
from tests.unit.config.test_mistakes import BASE, ROUTES, SERVICES
from tests.unit.config.yaml_files import mistakes, written


def told(folder: Path, text: str) -> list[tuple[int, str, str]]:
    """Line, path and message of every mistake."""
    return [(error.line, error.path, error.message) for error in mistakes(folder, text)]


def test_mistakes_of_every_stage_are_told_together(tmp_path: Path) -> None:
    text = """\
        version: 1
        listeners:
          a: {address: ":8001", tls: {certificates: [{certificate: gone.pem, key: gone.key}]}}
          b: {address: ":8001"}
        services:
          s: {url: "ftp://a"}
          t: {targets: [http://a, http://a]}
          u: {<<: {url: http://a}, balance: !odd round_robin}
        routes:
          unknown: {match: {path: /1}, service: nobody}
          split: {match: {path: /2}, service: t, strip_prefix: /3}
          template: {match: {path: "/4/{x}"}, redirect: {to: "/{y}"}, priority: high}
          equal: {match: {path: "/1"}, respond: {}}
          twice: {match: {path: /5}, respond: {}, redirect: {to: /}, prioriti: 1}
          *odd : 1
        observe: {access_log: {sample: 200%}}
        """
    found = told(tmp_path, text)
    assert [(line, path) for line, path, _ in found] == [
        (3, "listeners.a.tls.certificates[0].certificate"),
        (3, "listeners.a.tls.certificates[0].key"),
        (4, "listeners.b.address"),
        (6, "services.s.url"),
        (7, "services.t.targets[1]"),
        (8, "services.u.<<"),
        (8, "services.u.balance"),
        (10, "routes.unknown.service"),
        (11, "routes.split.strip_prefix"),
        (12, "routes.template.redirect.to"),
        (12, "routes.template.priority"),
        (13, "routes.equal"),
        (14, "routes.twice"),
        (14, "routes.twice.prioriti"),
        (15, "routes"),
        (16, "observe.access_log.sample"),
    ]


def alone(folder: Path, line: int, text: str) -> set[tuple[int, str, str]]:
    """The mistakes of a file with one wrong entry in line 6, as if it stood in another line."""
    return {(line, path, message) for _, path, message in told(folder, text)}


def test_wrong_routes_do_not_hide_each_other(tmp_path: Path) -> None:
    """The same mistakes as each has alone, and none more than that some take the same requests."""
    lines = [f"  r{number}: {route}\n" for number, (route, *_) in enumerate(ROUTES)]
    expected = set()
    for number, line in enumerate(lines):
        expected |= alone(tmp_path, 6 + number, f"{BASE}routes:\n{line}")
    found = set(told(tmp_path, f"{BASE}routes:\n{''.join(lines)}"))
    assert found >= expected
    assert all("takes the same requests" in message for _, _, message in found - expected)


def test_wrong_services_do_not_hide_each_other(tmp_path: Path) -> None:
    lines = [f"  s{number}: {service}\n" for number, (service, *_) in enumerate(SERVICES)]
    expected = set()
    for number, line in enumerate(lines):
        expected |= alone(tmp_path, 3 + number, f"version: 1\nservices:\n{line}")
    assert set(told(tmp_path, f"version: 1\nservices:\n{''.join(lines)}")) == expected


@pytest.mark.parametrize(
    ("route", "paths"),
    [
        ("{match: {}, servce: users}", [".servce"]),
        ("{match: {pth: /a}, service: users, strip_prefix: /a}", [".match.pth"]),
        ("{match: {path: a}, redirect: {to: '/{x}'}}", [".match.path"]),
        ("{match: {}, service: {users: -1}}", [".service.users"]),
        ("{match: {path: /a/**}, service: [users], strip_prefix: /a}", [".service"]),
        ("{match: [5], service: users}", [".match[0]"]),
    ],
)
def test_what_only_follows_is_not_told(tmp_path: Path, route: str, paths: list[str]) -> None:
    found = told(tmp_path, f"{BASE}routes:\n  x: {route}\n")
    assert [path for _, path, _ in found] == [f"routes.x{path}" for path in paths]


def test_an_unreadable_file_of_a_folder_hides_no_mistake_of_the_others(tmp_path: Path) -> None:
    written(tmp_path, "version: 1\nroutes: [\n", "a.yaml")
    written(
        tmp_path, "services: {s: {url: ftp://b}}\nroutes: {x: {match: {}, service: t}}\n", "b.yaml"
    )
    (tmp_path / "c.yaml").write_bytes(b"services: {t: \xff}\n")
    written(tmp_path, "services: {a: {}, a: {}}\n", "d.yaml")
    with pytest.raises(ConfigErrors) as raised:
        compile_file(tmp_path)
    found = [(Path(error.file).name, error.line, error.path) for error in raised.value.errors]
    # That `t` is unknown, and `version` missing, cannot be said: c.yaml and a.yaml may hold them.
    assert found == [
        ("a.yaml", 3, ""),
        ("b.yaml", 1, "services.s.url"),
        ("c.yaml", 1, ""),
        ("d.yaml", 1, "services.a"),
        ("d.yaml", 1, "services.a"),
    ]
