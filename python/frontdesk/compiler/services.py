"""Services: targets with their weights, timeouts and pools."""

from __future__ import annotations

from typing import TYPE_CHECKING

from frontdesk.snapshot import model

if TYPE_CHECKING:
    from frontdesk.config.models.services import Service, Target

RETRY_FLOOR_PER_SECOND = 10
"""Retries that a service always has, so that a quiet one can retry at all."""


def compile_service(name: str, service: Service) -> model.Service:
    """One service."""
    timeouts, retries, pool = service.timeouts, service.retries, service.pool
    return model.Service(
        name=name,
        targets=[compile_target(target) for target in service.all_targets()],
        balance=model.Balance(service.balance),
        timeouts=model.Timeouts(
            connect_ms=timeouts.connect,
            first_byte_ms=timeouts.first_byte,
            idle_ms=timeouts.idle,
            total_ms=timeouts.total,
        ),
        retries=model.Retries(
            attempts=retries.attempts,
            budget_percent=retries.budget,
            budget_per_second=RETRY_FLOOR_PER_SECOND,
        ),
        pool=model.Pool(idle_ms=pool.idle, max_idle=pool.max_idle),
        host=service.host,
        lf_line_ends=service.lf_line_ends,
    )


def compile_target(target: Target) -> model.Target:
    """One target."""
    return model.Target(
        scheme="http",
        host=target.url.host,
        port=target.url.port,
        path_prefix=target.url.path,
        weight=target.weight,
    )
