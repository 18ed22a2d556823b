"""What the end-to-end tests stand on: a real gateway, recording upstreams, raw clients, load."""

from tests.harness.certificates import Authority, Issued, anybody
from tests.harness.gateway import Gateway
from tests.harness.load import Load
from tests.harness.ports import free_port
from tests.harness.raw import Connection, Response, raw, request
from tests.harness.upstream import (
    Drip,
    RecordedConnection,
    RecordedRequest,
    RecordingUpstream,
    Reset,
    Stall,
    Truncate,
    ok,
)
from tests.harness.waiting import eventually

__all__ = [
    "Authority",
    "Connection",
    "Drip",
    "Gateway",
    "Issued",
    "Load",
    "RecordedConnection",
    "RecordedRequest",
    "RecordingUpstream",
    "Reset",
    "Response",
    "Stall",
    "Truncate",
    "anybody",
    "eventually",
    "free_port",
    "ok",
    "raw",
    "request",
]
