"""Services: targets with their weights, timeouts and pools."""

from __future__ import annotations

from typing import TYPE_CHECKING

from frontdesk.config.models.tls import UpstreamTls
from frontdesk.snapshot import model

if TYPE_CHECKING:
    from frontdesk.compiler.material import Material
    from frontdesk.config.models.services import Service, Target

RETRY_FLOOR_PER_SECOND = 10
"""Retries that a service always has, so that a quiet one can retry at all."""


def compile_service(name: str, service: Service, material: Material) -> model.Service:
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
        protocol=compile_protocol(service),
        proxy_protocol=service.proxy_protocol or 0,
        tls=compile_tls(service, material),
    )


def compile_protocol(service: Service) -> model.Protocol:
    """What the engine speaks: only over TLS is there anything to choose."""
    match service.protocol:
        case "h2" | "h2c":
            return model.Protocol.http2
        case "auto" if is_secure(service):
            return model.Protocol.auto
    return model.Protocol.http1


def is_secure(service: Service) -> bool:
    """Whether the targets are `https://`; all are, or none."""
    return all(target.url.scheme == "https" for target in service.all_targets())


def compile_tls(service: Service, material: Material) -> model.UpstreamTls | None:
    """TLS of a service whose targets are `https://`: verified by the system where nothing is said."""
    if not is_secure(service):
        return None
    tls = service.tls or UpstreamTls()
    ca, chain, key = (
        None if file is None else material.reference(file)
        for file in (tls.ca, tls.certificate, tls.key)
    )
    return model.UpstreamTls(
        ca=ca,
        verify=tls.verify,
        server_name=tls.server_name,
        chain=chain,
        key=key,
        fingerprint=material.fingerprint(ca, chain, key),
    )


def compile_target(target: Target) -> model.Target:
    """One target."""
    return model.Target(
        scheme=target.url.scheme,
        host=target.url.host,
        port=target.url.port,
        path_prefix=target.url.path,
        weight=target.weight,
    )
