"""Which policies a route runs: global, then service, then route; the narrower scope replaces.

A route that splits its requests among services runs one list of policies, whichever service is
chosen, because policies run before the choice. So the services of a split must agree on each policy
that they set themselves, unless the route sets it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from frontdesk.config.errors import Problem
from frontdesk.policies import ORDER
from frontdesk.snapshot import model

if TYPE_CHECKING:
    from collections.abc import Iterator

    from frontdesk.config.models.root import Config
    from frontdesk.config.models.routes import Route
    from frontdesk.fields.base import Settings

SNAPSHOT_MODELS: dict[str, type[model.Policy]] = {"ip_filter": model.IpFilter}
"""The snapshot's model of each policy."""


def effective(route: Route, config: Config) -> list[model.Policy]:
    """The policies of a route in the order they run."""
    merged: dict[str, Settings | Literal[False]] = config.policies.named()
    for name in route.service or ():
        merged |= config.services[name].policies.named()
    merged |= route.policies.named()
    return _in_order(merged)


def of_service(name: str, config: Config) -> list[model.Policy]:
    """The policies of connections that are passed through to a service: there is no route."""
    return _in_order(config.policies.named() | config.services[name].policies.named())


def _in_order(merged: dict[str, Settings | Literal[False]]) -> list[model.Policy]:
    if not merged:
        return []
    return [
        snapshot_policy(policy.name, settings)
        for policy in ORDER
        if (settings := merged.get(policy.name))
    ]


def snapshot_policy(name: str, settings: Settings) -> model.Policy:
    """A policy as the engine takes it: the settings as they are, and the name as their kind."""
    return SNAPSHOT_MODELS[name].model_validate({"kind": name, **settings.model_dump()})


def split_conflicts(config: Config) -> Iterator[Problem]:
    """Routes whose services set a policy differently."""
    for name, route in config.routes.items():
        if not route.service or len(route.service) == 1:
            continue
        own = route.policies.named()
        services = [config.services.get(service) for service in route.service]
        # One that is missing is told elsewhere.
        scopes = [service.policies.named() for service in services if service is not None]
        for policy in ORDER:
            first = scopes[0].get(policy.name) if scopes else None
            if policy.name not in own and any(scope.get(policy.name) != first for scope in scopes):
                yield Problem(
                    ("routes", name, "service"),
                    f"the services of this split differ in their policy `{policy.name}`",
                    f"set {policy.name} on the route: it runs before a service is chosen",
                    at_key=True,
                )
