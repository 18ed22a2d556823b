"""What must hold between settings that are each fine alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from frontdesk import engine
from frontdesk.config.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from frontdesk.config.models.matches import Match
    from frontdesk.config.models.root import Config
    from frontdesk.config.models.routes import Route
    from frontdesk.fields.addresses import Address


def problems(config: Config) -> Iterator[Problem]:
    """Every mistake of a valid configuration that only shows across its parts."""
    yield from listener_addresses(config)
    yield from targets(config)
    yield from passed_through(config)
    for name, route in config.routes.items():
        yield from strip_prefix(name, route)
        yield from templates(name, route)


def listener_addresses(config: Config) -> Iterator[Problem]:
    """Addresses that two listeners, or a listener and the status listener, would share."""
    seen: dict[str, str] = {}
    for name, listener in config.listeners.items():
        first = seen.setdefault(str(listener.address), name)
        if first != name:
            path = ("listeners", name, "address")
            yield Problem(path, f"the listener `{first}` has the same address")
    status: Address | None = config.observe.metrics.address
    for name, listener in config.listeners.items():
        if status is not None and listener.address.clashes_with(status):
            yield Problem(
                ("listeners", name, "address"),
                "the status listener (observe.metrics.address) has the same port",
                "choose another port, or set observe.metrics.address",
            )


def targets(config: Config) -> Iterator[Problem]:
    """The same target twice in a service, and services whose targets all have weight 0."""
    for name, service in config.services.items():
        if service.targets is None:
            continue
        path = ("services", name, "targets")
        seen: dict[object, int] = {}
        for index, target in enumerate(service.targets):
            first = seen.setdefault(target.url, index)
            if first != index:
                message = f"the same target as targets[{first}]"
                yield Problem((*path, index), message, "use weight to give it a larger share")
        if not any(target.weight for target in service.targets):
            yield Problem(path, "no target has a weight above 0", "give one a weight, such as 1")


def passed_through(config: Config) -> Iterator[Problem]:
    """Services for connections where requests are sent, and the other way round."""
    tcp = {name for name, service in config.services.items() if service.is_tcp()}
    for name, listener in config.listeners.items():
        if listener.tcp is None:
            continue
        for server_name, service in listener.tcp.services().items():
            if service in config.services and service not in tcp:
                inner = ("names", server_name) if server_name else ("service",)
                yield Problem(
                    ("listeners", name, "tcp", *inner),
                    f"the targets of `{service}` are not tcp://",
                    "write tcp://host:port there, or send requests to it by routes",
                )
    for name, route in config.routes.items():
        mirrored = [route.mirror.service] if route.mirror else []
        for service in [*(route.service or ()), *mirrored]:
            if service in tcp:
                yield Problem(
                    ("routes", name),
                    f"the targets of `{service}` are tcp://, which no request can be sent to",
                    "write http:// there, or pass connections through by a listener's tcp",
                    at_key=True,
                )


def strip_prefix(name: str, route: Route) -> Iterator[Problem]:
    """A prefix to strip that not every request of the route begins with."""
    prefix = route.strip_prefix
    if not prefix:
        return
    for match in route.match:
        if (
            (path := match.path_rule()) is None
            or path.kind == "regex"
            or not _begins(match, prefix)
        ):
            rule = "a match without path rule" if path is None else "the path rule"
            yield Problem(
                ("routes", name, "strip_prefix"),
                f"{rule} takes paths that do not begin with this prefix",
                "match the prefix followed by /**, or a path below it",
                expected="a prefix of the path rule",
            )
            return


def templates(name: str, route: Route) -> Iterator[Problem]:
    """Templates that are malformed, or refer to variables that a match does not have."""
    checked = []
    if route.rewrite is not None:
        checked.append((("rewrite", "path"), route.rewrite.path, "path"))
    if route.redirect is not None:
        checked.append((("redirect", "to"), route.redirect.to, "location"))
    for path, template, kind in checked:
        try:
            engine.check_template(template, _variables(route), kind)
        except engine.CheckFailed as reason:
            yield Problem(("routes", name, *path), str(reason), expected=f"a {kind} template")


def _variables(route: Route) -> list[str]:
    """The variables that every match of a route has, in the order of the first."""
    captured = [path.variables if (path := match.path_rule()) else () for match in route.match]
    return [name for name in captured[0] if all(name in others for others in captured)]


def _begins(match: Match, prefix: str) -> bool:
    path = match.path_rule()
    value = path.value if path else ""
    return value == prefix or value.startswith(f"{prefix}/")
