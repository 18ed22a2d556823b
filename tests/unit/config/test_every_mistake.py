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


WITHIN_ONE = [
    ("{match: {path: /a, methods: [get]}, service: users, redirect: {to: /x}}",
     [".match.methods[0]", "service and redirect"]),
    ("{match: {path: /a, host: 'x y'}, strip_prefix: /b, mirror: {service: users}}",
     [".match.host", "none of service", ".strip_prefix"]),
    ("{match: {path: /a, headers: {x: 1}}, redirect: {to: '/{nope}'}}", [".match.headers.x", "nope"]),
    ("{match: {path: /a}, service: users, redirect: {to: '/{nope}'}, strip_prefix: /a, rewrite: {path: /b}}",
     ["service and redirect", "both strip_prefix and rewrite", "nope"]),
    ("{match: {path: /a}, respond: {}, rewrite: {path: /b}, mirror: {service: users}}",
     ["rewrite works only", "mirror works only"]),
    ("{match: {path: /a/**}, service: {users: 0}, strip_prefix: /b}",
     ["no service has a weight", "do not begin"]),
    ("{match: [{path: /a}, {path: b}], respond: {status: 204, body: x}, upgrades: [a b]}",
     [".match[1].path", "has no body", ".upgrades[0]"]),
]  # fmt: skip


@pytest.mark.parametrize(("route", "parts"), WITHIN_ONE)
def test_mistakes_of_one_route_do_not_hide_each_other(
    tmp_path: Path, route: str, parts: list[str]
) -> None:
    found = told(tmp_path, f"{BASE}routes:\n  x: {route}\n")
    texts = [f"{path} {message}" for _, path, message in found]
    assert len(found) == len(parts), texts
    for part in parts:
        assert any(part in text for text in texts), (part, texts)


def test_mistakes_of_one_service_or_listener_do_not_hide_each_other(tmp_path: Path) -> None:
    text = """\
        version: 1
        listeners:
          a:
            address: 80
            redirect_https: true
            tls: {certificates: [{certificate: gone.pem, key: "${env:NOT_SET_ANYWHERE}"}]}
        services:
          s: {url: ftp://a, targets: [http://b], tls: {}, protocol: h2}
        """
    assert [(line, path) for line, path, _ in told(tmp_path, text)] == [
        (3, "listeners.a"),
        (4, "listeners.a.address"),
        (6, "listeners.a.tls.certificates[0].certificate"),
        (6, "listeners.a.tls.certificates[0].key"),
        (8, "services.s"),
        (8, "services.s"),
        (8, "services.s.url"),
    ]


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
