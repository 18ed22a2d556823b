"""docs/reference/observability.md, from the engine's own lists."""

from __future__ import annotations

from frontdesk import engine
from frontdesk.config.models.observe import LOG_FIELDS
from reference.markdown import page, table


def observability_page() -> str:
    """The fields of the access log, the metrics, and the codes of the gateway's own answers."""
    metrics = [[f"`{name}`", kind, text] for name, kind, text in engine.METRICS]
    return page(
        "Seeing",
        [
            "## Access log",
            "Fields of a record, in their default order: "
            + ", ".join(f"`{name}`" for name in LOG_FIELDS)
            + ".",
            "## Metrics of the engine",
            table(["metric", "kind", "meaning"], metrics),
            "## Error codes",
            "The `fault` field of the access log and the last part of the problem's `type`: "
            + ", ".join(f"`{code}`" for code in engine.ERROR_CODES)
            + ".",
        ],
    )
