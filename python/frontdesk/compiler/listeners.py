"""Listeners: their limits in milliseconds and bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from frontdesk.snapshot import model

if TYPE_CHECKING:
    from frontdesk.config.models.listeners import Limits, Listener


def compile_listener(name: str, listener: Listener) -> model.Listener:
    """One listener."""
    return model.Listener(
        name=name,
        host=listener.address.host,
        port=listener.address.port,
        trusted_proxies=listener.trusted_proxies,
        proxy_protocol=listener.proxy_protocol,
        underscores=model.Underscores(listener.underscores),
        lf_line_ends=listener.lf_line_ends,
        merge_slashes=listener.merge_slashes,
        limits=compile_limits(listener.limits),
    )


def compile_limits(limits: Limits) -> model.Limits:
    """What one connection may take."""
    return model.Limits(
        head_timeout_ms=limits.head_timeout,
        body_idle_ms=limits.body_idle,
        body_min_rate=limits.body_min_rate,
        body_min_rate_after_ms=limits.body_min_rate_after,
        write_idle_ms=limits.write_idle,
        keepalive_idle_ms=limits.keepalive_idle,
        keepalive_requests=limits.keepalive_requests,
        connection_age_ms=limits.connection_age,
        head_bytes=limits.head_size,
        head_fields=limits.head_fields,
        target_bytes=limits.target_size,
        chunk_extension_bytes=limits.chunk_extensions,
        early_answer_drain_bytes=limits.early_answer_drain,
    )
