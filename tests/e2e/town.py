"""A gateway in front of four services that answer with their own name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from tests.e2e.cases.routing import ROUTES
from tests.harness import Gateway, RecordingUpstream, Response, ok

SERVICES = ("a", "b", "c", "d")


@dataclass(frozen=True)
class Town:
    """The gateway and its services by name."""

    gateway: Gateway
    services: dict[str, RecordingUpstream]

    def ask(self, target: str, **options: Any) -> Response:
        """One request through the gateway."""
        return self.gateway.get(target, **options)

    def taken_by(self, target: str, **options: Any) -> str:
        """The body of a 200 answer: which service took it."""
        response = self.ask(target, **options)
        assert response.status == 200, response
        return response.body.decode()

    def clear(self) -> None:
        """Forget what every service recorded."""
        for service in self.services.values():
            service.clear()


def start_town(start: Callable[..., Gateway]) -> Iterator[Town]:
    """The town, started by a fixture's `start`; the services end with it."""
    with ExitStack() as stack:
        services = {
            name: stack.enter_context(RecordingUpstream(ok(name.encode()))) for name in SERVICES
        }
        urls = {name: service.url for name, service in services.items()}
        config = {
            "services": {
                **{name: {"url": url} for name, url in urls.items()},
                "based": {"url": urls["a"] + "/base"},
                "to-target": {"url": urls["a"], "host": "target"},
                "to-literal": {"url": urls["a"], "host": "internal.test:81"},
                "least": {"targets": [urls["c"], urls["d"]], "balance": "least_requests"},
                "weighted": {"targets": [{"url": urls["c"], "weight": 3}, {"url": urls["d"]}]},
            },
            "routes": ROUTES,
        }
        yield Town(start(config), services)
