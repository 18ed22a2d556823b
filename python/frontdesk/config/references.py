"""Names that must exist: checked on the raw value, so that it works beside other mistakes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from frontdesk.config.errors import Problem
from frontdesk.config.suggest import suggest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from frontdesk.config.positions import PathPart


def unknown_services(value: dict[str, Any]) -> Iterator[Problem]:
    """Routes, mirrors and listeners that name a service which is not there."""
    known = _map(value.get("services"))
    for name, listener in _map(value.get("listeners")).items():
        tcp, place = _map(listener).get("tcp"), ("listeners", name, "tcp")
        if isinstance(tcp, str):
            yield from _unknown(tcp, place, known)
        yield from _unknown(_map(tcp).get("service"), (*place, "service"), known)
        for server_name, service in _map(_map(tcp).get("names")).items():
            yield from _unknown(service, (*place, "names", server_name), known)
    for name, route in _map(value.get("routes")).items():
        path: tuple[PathPart, ...] = ("routes", name)
        yield from _unknown(_map(route).get("service"), (*path, "service"), known)
        mirror = _map(_map(route).get("mirror"))
        yield from _unknown(mirror.get("service"), (*path, "mirror", "service"), known)


def _unknown(service: Any, path: tuple[PathPart, ...], known: dict[str, Any]) -> Iterator[Problem]:
    if isinstance(service, str) and service not in known:
        yield _problem(path, service, known, at_key=False)
    if isinstance(service, dict):
        for name in service:
            if name not in known:
                yield _problem((*path, name), name, known, at_key=True)


def _problem(
    path: tuple[PathPart, ...], name: str, known: dict[str, Any], *, at_key: bool
) -> Problem:
    return Problem(
        path,
        f"there is no service `{name}`",
        suggest(name, known, "service"),
        at_key,
        "the name of a service",
    )


def _map(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
