"""One mistake, one message: at the right place, saying what to write instead."""

from __future__ import annotations

from pathlib import Path

import pytest

from frontdesk.errors import MAX_MISTAKES
from tests.unit.config.yaml_files import mistake, mistakes

BASE = """\
version: 1
services:
  users: {url: "http://127.0.0.1:9001"}
  orders: {url: "http://127.0.0.1:9002"}
"""

CASES = [
    # (added after BASE, line, column, path, part of the message, part of the hint)
    ("route: {}", 5, 1, "route", "unknown key `route`", "did you mean `routes`?"),
    ("consumers: {}", 5, 1, "consumers", "`consumers` is not available in this version", ""),
    ("store: {redis: x}", 5, 1, "store", "not available in this version", ""),
    ("listeners: {}", 5, 12, "listeners", "length of at least 1", ""),
    ("listeners: {web: {}}", 5, 13, "listeners.web", "`address` is missing", "0.0.0.0:8000"),
    ("listeners: {web: {address: 80}}", 5, 28, "listeners.web.address", "number 80", '":80"'),
    ('listeners: {web: {address: ":0"}}', 5, 28, "listeners.web.address", "port from 1", ""),
    ('listeners: {web: {address: "a:80"}}', 5, 28, "listeners.web.address", "expected", "names"),
    ('listeners: {web: {address: "::1:80"}}', 5, 28, "listeners.web.address", "expected", ""),
    ('listeners: {web: {address: "[::1]:99999"}}', 5, 28, "listeners.web.address", "65535", ""),
    ('listeners: {web: {address: "[fe80::1%eth0]:80"}}', 5, 28, "listeners.web.address", "", "zone"),
    ('listeners: {web: {address: ":80", tls: {}}}', 5, 35, "listeners.web.tls", "`certificates` is", ""),
    ('listeners: {web: {address: ":80", http3: true}}', 5, 35, "listeners.web.http3", "not available", ""),
    ('listeners: {web: {address: ":80", tcp: user}}', 5, 40, "listeners.web.tcp",
     "there is no service `user`", "`users`"),
    ('listeners: {web: {address: ":80", tcp: users}}', 5, 40, "listeners.web.tcp",
     "the targets of `users` are not tcp://", "tcp://host:port"),
    ('listeners: {web: {address: ":80", tcp: {}}}', 5, 35, "listeners.web.tcp",
     "neither service nor names", "service"),
    ('listeners: {web: {address: ":80", tcp: {names: {"a.*": users}}}}', 5, 49,
     "listeners.web.tcp.names.a.*", "expected a name", ""),
    ('listeners: {web: {address: ":80", tcp: {names: {a.test: nobody}}}}', 5, 57,
     "listeners.web.tcp.names.a.test", "there is no service", ""),
    ('listeners: {web: {address: ":80", underscores: keep}}', 5, 48, "listeners.web.underscores",
     'found "keep", expected one of drop, refuse or allow', ""),
    ('listeners: {web: {address: ":80", proxy_protocol: yes}}', 5, 51,
     "listeners.web.proxy_protocol", 'found "yes", expected true or false', ""),
    ('listeners: {web: {address: ":80", proxy_protocol: true}}', 5, 13, "listeners.web",
     "no proxy is trusted", "trusted_proxies"),
    ('listeners: {web: {address: ":80", limits: {head_size: 64KB}}}', 5, 55,
     "listeners.web.limits.head_size", "expected a size", "64KiB"),
    ('listeners: {web: {address: ":80", limits: {head_size: 2MiB}}}', 5, 55,
     "listeners.web.limits.head_size", "from 1KiB to 1MiB", ""),
    ('listeners: {web: {address: ":80", limits: {head_timeout: 10}}}', 5, 58,
     "listeners.web.limits.head_timeout", "found the number 10, expected a duration", "10s"),
    ('listeners: {web: {address: ":80", trusted_proxies: [10.0.0.0/99]}}', 5, 53,
     "listeners.web.trusted_proxies[0]", "10.0.0.0/99", ""),
    ('listeners: {a: {address: ":80"}, b: {address: "0.0.0.0:80"}}', 5, 47, "listeners.b.address",
     "listener `a` has the same address", ""),
    ('listeners: {a: {address: ":8007"}}', 5, 26, "listeners.a.address", "status listener", "port"),
    ("process: {workers: 0}", 5, 20, "process.workers", "at least 1", ""),
    ("process: {workers: 1.5}", 5, 20, "process.workers", "whole number", ""),
    ('process: {workers: "2"}', 5, 20, "process.workers", "whole number", "quotes"),
    ("process: {threads: many}", 5, 20, "process.threads", "auto or a whole number", ""),
    ("process: {threads: 0}", 5, 20, "process.threads", "auto or a whole number", ""),
    ("process: {drain: 366d}", 5, 18, "process.drain", "from 1ms to 365d", ""),
    ("observe: {tracing: {}}", 5, 11, "observe.tracing", "not available", ""),
    ("observe: {access_log: {sample: 101%}}", 5, 32, "observe.access_log.sample", "0% to 100%", ""),
    ("observe: {access_log: {fields: [tme]}}", 5, 33, "observe.access_log.fields[0]",
     "expected one of time", "did you mean `time`?"),
    ("observe: {access_log: {fields: [consumer]}}", 5, 33, "observe.access_log.fields[0]",
     "not available", ""),
    ("observe: {access_log: {to: logs/}}", 5, 28, "observe.access_log.to", "name of a file", ""),
    ("policies: {rate_limit: {}}", 5, 12, "policies.rate_limit", "not available", ""),
    ("policies: {ip_filtr: {}}", 5, 12, "policies.ip_filtr", "unknown policy", "`ip_filter`"),
    ("policies: {ip_filter: {}}", 5, 12, "policies.ip_filter", "neither allow nor deny", "network"),
    ("policies: {ip_filter: true}", 5, 23, "policies.ip_filter", "expected a map", ""),
    ("policies: {ip_filter: {deny: [10.0.0.1/8]}}", 5, 31, "policies.ip_filter.deny[0]",
     "without bits beyond the prefix", "write 10.0.0.0/8"),
    ("policies: {ip_filter: {deny: 10.0.0.0/8}}", 5, 30, "policies.ip_filter.deny",
     "expected a list", "[10.0.0.0/8]"),
]  # fmt: skip

SERVICES = [
    ("{}", "", "neither url nor targets", ""),
    ("{url: http://a, targets: [http://b]}", "", "both url and targets", ""),
    ("{url: http://a, tls: {verify: false}}", "", "the targets are http://", "https://"),
    ("{url: https://a, tls: {certificate: a.pem}}", ".tls", "there is no key", "add key"),
    ("{url: https://a, tls: {verify: false, ca: a.pem}}", ".tls", "verify is off", "remove"),
    ("{url: https://a, tls: {ca: gone.pem}}", ".tls.ca", "cannot be read", ""),
    ("{url: a:80}", ".url", "expected a URL", "http://a:80"),
    ("{url: 'tcp://a'}", ".url", "a host and a port", ""),
    ("{url: 'tcp://a:1/x'}", ".url", "a host and a port", ""),
    ("{targets: ['tcp://a:1', http://b]}", "", "some are tcp://", "two services"),
    ("{url: 'tcp://a:1', tls: {verify: false}}", "", "the targets are tcp://", "https://"),
    ("{url: 'tcp://a:1', protocol: h2c}", "", "protocol is given", "leave it out"),
    ("{url: http://a, proxy_protocol: 2}", "", "only for tcp://", "X-Forwarded-For"),
    ("{url: 'tcp://a:1', proxy_protocol: 3}", ".proxy_protocol", "expected one of 1 or 2", ""),
    ("{url: ftp://a}", ".url", "expected a URL", ""),
    ('{url: "http://u:p@a"}', ".url", "user information", ""),
    ('{url: "http://a/?x"}', ".url", "without query", ""),
    ('{url: "http://a/#x"}', ".url", "without query and fragment", ""),
    ('{url: "http://a:0"}', ".url", "port from 1", ""),
    ('{url: "http://a:x"}', ".url", "expected a URL", ""),
    ('{url: "http://[::1"}', ".url", "expected a URL", ""),
    ('{url: "http://*.a"}', ".url", "expected a URL", ""),
    ('{url: "http://a b"}', ".url", "without spaces", ""),
    ("{url: 80}", ".url", "found the number 80", ""),
    ("{targets: []}", ".targets", "length of at least 1", ""),
    ("{targets: [{weight: 2}]}", ".targets[0]", "`url` is missing", ""),
    ("{targets: [https://a, http://b]}", "", "some are https://", "two services"),
    ("{targets: [http://a, {url: http://a:80}]}", ".targets[1]", "same target as targets[0]", ""),
    ("{targets: [{url: http://a, weight: 0}]}", ".targets", "no target has a weight", ""),
    ("{targets: [{url: http://a, weight: -1}]}", ".targets[0].weight", "at least 0", ""),
    ("{url: http://a, balance: ewma}", ".balance", "`ewma` is not available", ""),
    ("{url: http://a, balance: random_robin}", ".balance", "expected one of", "`round_robin`"),
    ("{url: http://a, health: {}}", ".health", "not available", ""),
    ("{url: http://a, retries: {on: [reset]}}", ".retries.on", "not available", ""),
    ("{url: http://a, retries: {attempts: 11}}", ".retries.attempts", "at most 10", ""),
    ("{url: http://a, retries: {budget: 20.5%}}", ".retries.budget", "whole percentage", ""),
    ("{url: http://a, timeouts: {connect: off}}", ".timeouts.connect", "expected a duration", ""),
    ('{url: http://a, host: "http://b"}', ".host", "expected client, target", ""),
    ("{url: http://a, tiemouts: {}}", ".tiemouts", "unknown key", "`timeouts`"),
]  # fmt: skip

ROUTES = [
    ("{service: users}", "", "`match` is missing", "/users/**"),
    ("{match: {}}", "", "none of service, redirect and respond is given", ""),
    ("{match: {}, service: users, respond: {}}", "", "service and respond are given", ""),
    ("{match: [], service: users}", ".match", "length of at least 1", ""),
    ("{match: /users, service: users}", ".match", "expected a list", ""),
    ("{match: {pth: /x}, service: users}", ".match.pth", "unknown key", "`path`"),
    ("{match: [{path: /x}, {pth: /x}], service: users}", ".match[1].pth", "unknown key", "`path`"),
    ("{match: {path: users}, service: users}", ".match.path", "users", ""),
    ("{match: {path: [x]}, service: users}", ".match.path", "found a list, expected a path", ""),
    ("{match: {path: {}}, service: users}", ".match.path", "`regex` is missing", ""),
    ("{match: {path: {regx: x}}, service: users}", ".match.path", "`regex` is missing", ""),
    ('{match: {path: {regex: "("}}, service: users}', ".match.path.regex",
     "path regex `(`: unclosed group", ""),
    ("{match: {methods: []}, service: users}", ".match.methods", "the list is empty", ""),
    ("{match: {methods: GET}, service: users}", ".match.methods", "expected a list", "[GET]"),
    ("{match: {methods: [get]}, service: users}", ".match.methods[0]", "upper case", "GET"),
    ("{match: {methods: [TRACE]}, service: users}", ".match.methods[0]", "answered 405", ""),
    ("{match: {host: 'a b'}, service: users}", ".match.host", "a b", ""),
    ("{match: {headers: {x: 1}}, service: users}", ".match.headers.x", "expected a string", '"1"'),
    ("{match: {headers: {x: a, X: b}}, service: users}", ".match.headers", "named twice", ""),
    ("{match: {headers: {'x y': a}}, service: users}", ".match.headers.x y", "x y", ""),
    ("{match: {query: {x: true}}, service: users}", ".match.query.x", "boolean true", '"true"'),
    ("{match: {version: {}}, service: users}", ".match.version", "not available", ""),
    ("{match: {}, service: user}", ".service", "there is no service `user`", "`users`"),
    ("{match: {}, service: {users: 1, order: 2}}", ".service.order", "no service `order`", "`orders`"),
    ("{match: {}, service: {users: 0}}", ".service", "no service has a weight", ""),
    ("{match: {}, service: {users: -1}}", ".service.users", "at least 0", ""),
    ("{match: {}, service: [users]}", ".service", "expected the name of a service", ""),
    ("{match: {}, service: users, mirror: {service: nobody}}", ".mirror.service", "nobody", ""),
    ("{match: {}, respond: {}, mirror: {service: users}}", "", "mirror works only with service", ""),
    ("{match: {}, service: users, mirror: {service: users, percent: 101}}", ".mirror.percent",
     "0% to 100%", ""),
    ("{match: {}, compose: {}, respond: {}}", ".compose", "not available", ""),
    ("{match: {}, service: users, strip_prefix: /a}", ".strip_prefix", "a match without path", ""),
    ("{match: {path: /ab/**}, service: users, strip_prefix: /a}", ".strip_prefix", "do not begin", ""),
    ("{match: {path: /a/**}, service: users, strip_prefix: a}", ".strip_prefix", "", ""),
    ("{match: {path: /a/**}, service: users, strip_prefix: /a, rewrite: {path: /b}}", "",
     "both strip_prefix and rewrite", ""),
    ("{match: {path: '/a/{id}'}, service: users, rewrite: {path: '/b/{ids}'}}", ".rewrite.path",
     "ids", ""),
    ("{match: [{path: '/a/{id}'}, {path: /b}], service: users, rewrite: {path: '/c/{id}'}}",
     ".rewrite.path", "id", ""),
    ("{match: {}, redirect: {to: /x, status: 200}}", ".redirect.status", "expected one of 301", ""),
    ("{match: {}, redirect: {}}", ".redirect", "`to` is missing", ""),
    ("{match: {}, redirect: {to: '/{x}'}}", ".redirect.to", "x", ""),
    ("{match: {}, respond: {status: 199}}", ".respond.status", "at least 200", ""),
    ("{match: {}, respond: {status: 204, body: x}}", ".respond", "has no body", ""),
    ("{match: {}, respond: {body: 5}}", ".respond.body", "expected a string", '"5"'),
    ("{match: {}, service: users, max_body: 1MB}", ".max_body", "expected a size", "1MiB"),
    ("{match: {}, service: users, max_body: 0B}", ".max_body", "at least 1B, or off", ""),
    ("{match: {}, service: users, upgrades: [a b]}", ".upgrades[0]", "upgrade token", ""),
    ("{match: {}, service: users, websocket: {ping: 1m}}", ".websocket", "ping is not shorter", "off"),
    ("{match: {}, service: users, websocket: {origins: [app.test]}}", ".websocket.origins[0]",
     "expected an origin", "no path"),
    ("{match: {}, service: users, websocket: {origins: ['https://a.test/']}}",
     ".websocket.origins[0]", "expected an origin", "no path"),
    ("{match: {}, service: users, websocket: {max_message: 1kb}}", ".websocket.max_message",
     "expected a size", ""),
    ("{match: {}, service: users, upgrades: [], websocket: {}}", "", "upgrades is empty", "leave"),
    ("{match: {}, service: users, priority: high}", ".priority", "whole number", ""),
]  # fmt: skip


@pytest.mark.parametrize(("added", "line", "column", "path", "message", "hint"), CASES)
def test_mistakes_at_the_top(
    tmp_path: Path, added: str, line: int, column: int, path: str, message: str, hint: str
) -> None:
    error = mistake(tmp_path, f"{BASE}{added}\n")
    assert (error.line, error.column, error.path) == (line, column, path)
    assert message in error.message
    assert hint in error.hint
    assert error.source_line == added


@pytest.mark.parametrize(("service", "path", "message", "hint"), SERVICES)
def test_mistakes_in_a_service(
    tmp_path: Path, service: str, path: str, message: str, hint: str
) -> None:
    error = mistakes(tmp_path, f"version: 1\nservices:\n  x: {service}\n")[0]
    assert (error.line, error.path) == (3, f"services.x{path}")
    assert message in error.message
    assert hint in error.hint


@pytest.mark.parametrize(("route", "path", "message", "hint"), ROUTES)
def test_mistakes_in_a_route(
    tmp_path: Path, route: str, path: str, message: str, hint: str
) -> None:
    error = mistakes(tmp_path, f"{BASE}routes:\n  x: {route}\n")[0]
    assert (error.line, error.path) == (6, f"routes.x{path}")
    assert message in error.message
    assert hint in error.hint


def test_everything_is_told_at_once_and_sorted(tmp_path: Path) -> None:
    text = f"{BASE}routes:\n  b: {{match: {{}}, service: nobody}}\n  a: {{match: {{path: /a}}, respnd: {{}}}}\n"
    found = mistakes(tmp_path, text + "process: {workers: 0}\nprocess: {}\n")
    assert [(error.line, error.path) for error in found] == [
        (6, "routes.b.service"),
        (7, "routes.a.respnd"),
        (8, "process.workers"),
        (9, "process"),
    ]


def test_the_version_is_asked_for(tmp_path: Path) -> None:
    error = mistake(tmp_path, "services: {}\n")
    assert (error.line, error.column) == (1, 1)
    assert "`version` is missing" in error.message
    assert "version: 1" in error.hint


def test_the_text_form(tmp_path: Path) -> None:
    error = mistake(tmp_path, "version: 1\nprocess: {worker: 2}\n")
    assert error.render().split("\n") == [
        f"{tmp_path}/gateway.yaml:2:11: process.worker: unknown key `worker`",
        "    process: {worker: 2}",
        "              ^",
        "    hint: did you mean `workers`?",
    ]


def test_a_long_line_is_cut_around_the_place(tmp_path: Path) -> None:
    names = ", ".join(f"http://host-{number}" for number in range(100))
    error = mistake(
        tmp_path, f"version: 1\nservices: {{x: {{targets: [{names}], tiemouts: {{}}}}}}\n"
    )
    _, line, caret, _ = error.render().split("\n")
    assert len(line) < 120
    assert line[caret.index("^") :].startswith("tiemouts")


def test_a_key_cannot_write_to_the_terminal(tmp_path: Path) -> None:
    error = mistake(tmp_path, 'version: 1\n"\\e[2J\\u202e": 1\n')
    assert error.render().replace("\n", "").isprintable()


def test_equal_routes_are_told_with_both_places(tmp_path: Path) -> None:
    routes = "  a: {match: {path: '/x/{b}'}, service: users}\n\n  b: {match: {path: '/x/{b}'}, respond: {}}\n"
    error = mistake(tmp_path, f"{BASE}routes:\n{routes}")
    assert (error.line, error.column, error.path) == (8, 3, "routes.b")
    assert f"route `a` in {tmp_path}/gateway.yaml:6" in error.message
    assert "priority" in error.hint


def test_services_of_a_split_must_agree_on_policies(tmp_path: Path) -> None:
    text = """\
        version: 1
        services:
          a: {url: http://a, policies: {ip_filter: {deny: [10.0.0.0/8]}}}
          b: {url: http://b}
        routes:
          x: {match: {}, service: {a: 1, b: 1}}
        """
    error = mistake(tmp_path, text)
    assert (error.line, error.path) == (6, "routes.x.service")
    assert "`ip_filter`" in error.message


def test_a_mistake_behind_an_alias_is_told_once(tmp_path: Path) -> None:
    text = """\
        version: 1
        services:
          a: {url: http://a, timeouts: &t {connect: 5}}
          b: {url: http://b, timeouts: *t}
        """
    error = mistake(tmp_path, text)
    assert (error.line, error.column, error.path) == (3, 45, "services.a.timeouts.connect")


def test_ten_thousand_mistakes_are_not_all_told(tmp_path: Path) -> None:
    routes = "".join(f"  r{n}: {{mtch: {{}}, service: usrs}}\n" for n in range(10_000))
    found = mistakes(tmp_path, f"{BASE}routes:\n{routes}")
    assert len(found) == MAX_MISTAKES + 1
    assert (found[0].line, found[0].path) == (6, "routes.r0")
    assert "further mistakes" in found[-1].message
