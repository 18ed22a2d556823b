"""Routes whose rules are equal, so that nobody could say which wins. The engine's router judges."""

from __future__ import annotations

from typing import TYPE_CHECKING

from frontdesk import engine
from frontdesk.config.errors import Problem
from frontdesk.config.models.policies import Policies
from frontdesk.config.models.routes import Respond
from frontdesk.config.positions import find
from frontdesk.config.validate import located
from frontdesk.errors import ConfigError

if TYPE_CHECKING:
    from frontdesk.config.load import Loaded
    from frontdesk.config.models.root import Config


def equal_routes(loaded: Loaded, encoded: bytes) -> list[ConfigError]:
    """An error for each pair of equal routes, at the second, naming the place of the first."""
    try:
        pairs = engine.check_routes(encoded)
    except (engine.CheckFailed, engine.EngineRefused) as reason:
        return [ConfigError(str(loaded.path), 0, 0, "routes", str(reason))]
    return located(loaded, [_problem(loaded, first, second) for first, second in pairs])


def rules_alone(config: Config, doubtful: set[str]) -> Config:
    """Only the rules of routes, but the doubtful ones: what routes refer to may be missing or broken."""
    answer = {"service": None, "redirect": None, "respond": Respond(), "policies": Policies()}
    action = answer | {"strip_prefix": None, "rewrite": None, "mirror": None}
    routes = {
        name: route.model_copy(update=action)
        for name, route in config.routes.items()
        if name not in doubtful
    }
    return config.model_copy(
        update={"listeners": {}, "services": {}, "policies": Policies(), "routes": routes}
    )


def _problem(loaded: Loaded, first: str, second: str) -> Problem:
    place = find(loaded.spot, ("routes", first))
    line = place.key[0] if place.key else place.spot.line
    return Problem(
        ("routes", second),
        f"takes the same requests as the route `{first}` in {place.spot.source.name}:{line}",
        "give one of them a further rule or another priority",
        at_key=True,
    )
