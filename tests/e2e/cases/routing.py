"""A table of routes over four services, and which service must take which request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

ROUTES: dict[str, Any] = {
    "exact": {"match": {"path": "/p/exact"}, "service": "a"},
    "template": {"match": {"path": "/p/{name}"}, "service": "b"},
    "long-prefix": {"match": {"path": "/p/long/**"}, "service": "c"},
    "short-prefix": {"match": {"path": "/p/**"}, "service": "d"},
    "regex": {"match": {"path": {"regex": "^/(p|r)/[0-9]+/deep$"}}, "service": "a"},
    "host-exact": {"match": {"host": "x.hosts.test", "path": "/h/**"}, "service": "a"},
    "host-deeper-wildcard": {"match": {"host": "*.x.hosts.test", "path": "/h/**"}, "service": "b"},
    "host-wildcard": {"match": {"host": "*.hosts.test", "path": "/h/exact"}, "service": "c"},
    "host-any": {"match": {"path": "/h/**"}, "service": "d"},
    "method": {"match": {"path": "/m", "methods": ["POST"]}, "service": "a"},
    "no-method": {"match": {"path": "/m"}, "service": "b"},
    "two-headers": {"match": {"path": "/f", "headers": {"x-a": "1", "x-b": "*"}}, "service": "a"},
    "one-header": {"match": {"path": "/f", "headers": {"x-a": "1"}}, "service": "b"},
    "query": {"match": {"path": "/f", "query": {"debug": "*"}}, "service": "c"},
    "plain": {"match": {"path": "/f"}, "service": "d"},
    "preferred": {"match": {"path": "/prio/**"}, "priority": 10, "service": "a"},
    "outvoted": {"match": {"path": "/prio/exact"}, "service": "b"},
    "only-get": {"match": {"path": "/only", "methods": ["GET", "DELETE"]}, "service": "a"},
    "only-put": {"match": {"path": "/only", "methods": ["PUT"]}, "service": "a"},
    "either": {"match": [{"path": "/e1"}, {"path": "/e2", "methods": ["GET"]}], "service": "c"},
    "stripped": {"match": {"path": "/api/users/**"}, "strip_prefix": "/api", "service": "a"},
    "rewritten": {
        "match": {"path": "/orders/{id}/lines/{line}"},
        "rewrite": {"path": "/v2/{line}/of/{id}"},
        "service": "a",
    },
    "to-target": {"match": {"path": "/to-target"}, "service": "to-target"},
    "to-literal": {"match": {"path": "/to-literal"}, "service": "to-literal"},
    "least": {"match": {"path": "/least"}, "service": "least"},
    "prefixed": {"match": {"path": "/based/**"}, "service": "based"},
    "legacy": {
        "match": {"path": {"regex": "^/v[0-9]+/old/(?P<rest>.*)$"}},
        "redirect": {"to": "https://example.test/new/{rest}", "status": 301},
    },
    "moved": {"match": {"path": "/moved/{id}"}, "redirect": {"to": "/now/{id}"}},
    "robots": {
        "match": {"path": "/robots.txt"},
        "respond": {"status": 200, "body": "User-agent: *\n", "content_type": "text/plain"},
    },
    "teapot": {"match": {"path": "/teapot"}, "respond": {"status": 418}},
    "split": {"match": {"path": "/split"}, "service": {"a": 90, "b": 10}},
    "split-off": {"match": {"path": "/split-off"}, "service": {"a": 1, "b": 0}},
    "weighted": {"match": {"path": "/weighted"}, "service": "weighted"},
    "mirrored": {"match": {"path": "/mirrored"}, "service": "a", "mirror": {"service": "b"}},
}


@dataclass(frozen=True)
class Choice:
    """A request and the service that must take it."""

    target: str
    service: str
    options: dict[str, Any]


def _choice(target: str, service: str, **options: Any) -> Choice:
    return Choice(target, service, options)


PRECEDENCE = {
    "exact-over-template": _choice("/p/exact", "a"),
    "template-over-prefix": _choice("/p/other", "b"),
    "template-is-one-segment": _choice("/p/other/more", "d"),
    "template-needs-a-segment": _choice("/p/", "d"),
    "longer-prefix": _choice("/p/long/x", "c"),
    "prefix-is-segment-wise": _choice("/p/longer/x", "d"),
    "prefix-matches-itself-but-template-first": _choice("/p/long", "b"),
    "prefix-root": _choice("/p", "d"),
    "regex-is-last": _choice("/p/12/deep", "d"),
    "regex-where-nothing-else": _choice("/r/12/deep", "a"),
    "host-exact": _choice("/h/exact", "a", host="x.hosts.test"),
    "host-case": _choice("/h/exact", "a", host="X.Hosts.TEST"),
    "host-port": _choice("/h/exact", "a", host="x.hosts.test:8000"),
    "host-empty-port": _choice("/h/exact", "a", host="x.hosts.test:"),
    "host-trailing-dot": _choice("/h/exact", "a", host="x.hosts.test."),
    "host-longer-wildcard": _choice("/h/exact", "b", host="y.x.hosts.test"),
    "host-wildcard-over-any": _choice("/h/exact", "c", host="y.hosts.test"),
    "host-wildcard-two-labels": _choice("/h/exact", "c", host="z.y.hosts.test"),
    "host-wildcard-is-not-the-apex": _choice("/h/exact", "d", host="hosts.test"),
    "host-wildcard-other-path-falls-through": _choice("/h/other", "d", host="y.hosts.test"),
    "host-suffix-without-dot": _choice("/h/exact", "d", host="yhosts.test"),
    "host-ipv6": _choice("/h/exact", "d", host="[::1]:80"),
    "method": _choice("/m", "a", method="POST"),
    "without-method": _choice("/m", "b", method="PUT"),
    "two-headers": _choice("/f", "a", headers=[("X-A", "1"), ("X-B", "anything")]),
    "one-header": _choice("/f", "b", headers=[("X-A", "1")]),
    "header-other-value": _choice("/f", "d", headers=[("X-A", "2")]),
    "header-over-query": _choice("/f?debug=1", "b", headers=[("X-A", "1")]),
    "query": _choice("/f?x=1&debug=", "c"),
    "query-name-is-exact": _choice("/f?debugging=1", "d"),
    "nothing-special": _choice("/f", "d"),
    "priority-before-all": _choice("/prio/exact", "a"),
    "any-of-first": _choice("/e1", "c", method="POST"),
    "any-of-second": _choice("/e2", "c"),
    "own-method-token": _choice("/p/exact", "a", method="PURGE"),
    "method-is-case-sensitive": _choice("/m", "b", method="post"),
}
