"""`observe:` what is written and told about requests."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, PlainValidator, WithJsonSchema

from frontdesk.fields.addresses import Address, parse_address
from frontdesk.fields.base import Settings, default, invalid
from frontdesk.fields.shorthand import not_yet
from frontdesk.fields.units import OFF, Sample, parse_ppm

LogField = Literal[
    "time", "request_id", "client", "method", "host", "path", "query", "protocol", "status",
    "route", "service", "target", "duration", "upstream_duration", "bytes_in", "bytes_out",
    "user_agent", "referer", "trace_id", "fault", "grpc_status",
]  # fmt: skip

LOG_FIELDS: tuple[LogField, ...] = LogField.__args__  # type: ignore[attr-defined]
"""Every field of an access record, in the order in which they are written by default."""


def _address_or_off(value: Any) -> Address | None:
    return None if value == OFF else parse_address(value)


def _file_name(value: str) -> str:
    if not value.isprintable() or value.endswith("/"):
        raise invalid("stdout, off, or the name of a file")
    return value


StatusAddress = Annotated[
    Address | None,
    PlainValidator(_address_or_off),
    WithJsonSchema({"type": "string", "examples": ["127.0.0.1:8007", OFF]}),
]


class AccessLog(Settings):
    """One record per request."""

    to: Annotated[str, AfterValidator(_file_name)] = Field(
        default="stdout", min_length=1, max_length=4_096,
        description="`stdout`, `off`, or a file; a relative name starts at the configuration's "
        "folder. SIGUSR1 opens the file again.",
    )  # fmt: skip
    format: Literal["json", "common"] = Field(
        default="json", description="One JSON object a line, or the common log format."
    )
    fields: Annotated[list[Annotated[LogField, not_yet("consumer")]], Field(min_length=1)] = Field(
        default=list(LOG_FIELDS), description="Fields of a JSON record, in their order."
    )
    sample: Sample = default("100%", parse_ppm, "Share of the requests that are written.")


class Metrics(Settings):
    """The status listener: `/healthz`, `/readyz`, `/metrics`."""

    address: StatusAddress = default("127.0.0.1:8007", _address_or_off, "Where it listens, or off.")


class Observe(Settings):
    """What is written and told about requests."""

    unavailable = frozenset({"tracing", "analytics", "alerts"})

    access_log: AccessLog = Field(default_factory=AccessLog, description="One record per request.")
    metrics: Metrics = Field(default_factory=Metrics, description="The status listener.")
