"""Small configurations that the tests of running a gateway share."""

from __future__ import annotations

from typing import Any


def answering(text: str, **more: Any) -> dict[str, Any]:
    """Every path answers 200 with this text, without any upstream."""
    route = {"match": {"path": "/**"}, "respond": {"status": 200, "body": text}}
    return {"routes": {"all": route}, **more}


def forwarding(url: str, **more: Any) -> dict[str, Any]:
    """Every path goes to one upstream."""
    return {
        "services": {"app": {"url": url}},
        "routes": {"all": {"match": {"path": "/**"}, "service": "app"}},
        **more,
    }
