"""The whole configuration."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from frontdesk.config.models.listeners import Listener, default_listeners
from frontdesk.config.models.observe import Observe
from frontdesk.config.models.policies import Policies
from frontdesk.config.models.process import Process
from frontdesk.config.models.routes import Route
from frontdesk.config.models.services import Service
from frontdesk.fields.base import Settings
from frontdesk.fields.checked import Name


class Config(Settings):
    """A Frontdesk configuration: listeners, services, routes, and what goes with them."""

    unavailable = frozenset(
        {
            "admin", "alerts", "analytics", "certificates", "consumers", "discovery", "plans",
            "plugins", "portal", "products", "store", "tls", "tracing", "vault",
        }
    )  # fmt: skip

    version: Literal[1] = Field(description="Version of the configuration language.")
    listeners: dict[Name, Listener] = Field(
        default_factory=default_listeners,
        min_length=1,
        description='Where the gateway listens. When left out: `web: {address: "0.0.0.0:8000"}`.',
    )
    services: dict[Name, Service] = Field(
        default={}, description="The APIs behind the gateway, by name."
    )
    routes: dict[Name, Route] = Field(default={}, description="Which requests go where, by name.")
    policies: Policies = Field(default_factory=Policies, description="Policies of every request.")
    observe: Observe = Field(
        default_factory=Observe, description="What is written and told about requests."
    )
    process: Process = Field(
        default_factory=Process, description="Processes, threads, and their end."
    )
