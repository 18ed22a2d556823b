"""The native engine, typed. Nothing else in Frontdesk imports `frontdesk._engine`."""

from __future__ import annotations

from frontdesk.errors import EngineMissing

try:
    from frontdesk import _engine
except ImportError as missing:
    raise EngineMissing(
        f"the native engine of Frontdesk cannot be loaded ({missing}); "
        "install the package, or build it in a checkout with `make build`"
    ) from missing

CheckFailed = _engine.CheckFailed
Engine = _engine.Engine
EngineRefused = _engine.EngineRefused

ERROR_CODES = _engine.ERROR_CODES
LOG_FIELDS = _engine.LOG_FIELDS
METRICS = _engine.METRICS
POLICIES = _engine.POLICIES
SCHEMA_HASH = _engine.SCHEMA_HASH
SCHEMA_SHAPE = _engine.SCHEMA_SHAPE

check_chain = _engine.check_chain
check_cidr = _engine.check_cidr
check_header_name = _engine.check_header_name
check_header_value = _engine.check_header_value
check_host_pattern = _engine.check_host_pattern
check_key_pair = _engine.check_key_pair
check_method = _engine.check_method
check_path = _engine.check_path
check_path_pattern = _engine.check_path_pattern
check_path_regex = _engine.check_path_regex
check_roots = _engine.check_roots
check_routes = _engine.check_routes
check_template = _engine.check_template
explain = _engine.explain
roundtrip = _engine.roundtrip

__all__ = [
    "ERROR_CODES",
    "LOG_FIELDS",
    "METRICS",
    "POLICIES",
    "SCHEMA_HASH",
    "SCHEMA_SHAPE",
    "CheckFailed",
    "Engine",
    "EngineRefused",
    "check_chain",
    "check_cidr",
    "check_header_name",
    "check_header_value",
    "check_host_pattern",
    "check_key_pair",
    "check_method",
    "check_path",
    "check_path_pattern",
    "check_path_regex",
    "check_roots",
    "check_routes",
    "check_template",
    "explain",
    "roundtrip",
]
