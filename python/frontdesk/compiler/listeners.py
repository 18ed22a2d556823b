"""Listeners: their limits in milliseconds and bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from frontdesk.compiler.policies import of_service
from frontdesk.snapshot import model

if TYPE_CHECKING:
    from frontdesk.compiler.material import Material
    from frontdesk.config.models.listeners import Limits, Listener
    from frontdesk.config.models.root import Config
    from frontdesk.config.models.tls import Certificate, Hsts


def compile_listener(
    name: str, listener: Listener, config: Config, material: Material
) -> model.Listener:
    """One listener."""
    redirect = listener.redirect_https
    hsts = listener.tls.hsts if listener.tls else None
    return model.Listener(
        name=name,
        host=listener.address.host,
        port=listener.address.port,
        trusted_proxies=listener.trusted_proxies,
        proxy_protocol=listener.proxy_protocol,
        underscores=model.Underscores(listener.underscores),
        lf_line_ends=listener.lf_line_ends,
        merge_slashes=listener.merge_slashes,
        tls=compile_tls(listener, material),
        hsts=hsts_value(hsts) if hsts else None,
        http2=listener.http2,
        redirect_https=(
            model.RedirectHttps(port=redirect.port, status=redirect.status) if redirect else None
        ),
        tcp=compile_tcp(listener, config) if listener.tcp else None,
        limits=compile_limits(listener.limits),
    )


def compile_tcp(listener: Listener, config: Config) -> model.Tcp:
    """Connections that are passed through, with the policies of what they go to."""
    assert listener.tcp is not None
    return model.Tcp(
        routes=[
            model.TcpRoute(name=name, service=service, policies=of_service(service, config))
            for name, service in listener.tcp.services().items()
        ],
        idle_ms=listener.tcp.idle,
        hello_ms=listener.limits.tls_handshake,
    )


def compile_tls(listener: Listener, material: Material) -> model.ListenerTls | None:
    """Certificates by reference."""
    tls = listener.tls
    if tls is None:
        return None
    return model.ListenerTls(
        certificates=[compile_certificate(one, material) for one in tls.certificates],
        only_1_3=tls.min_version == "TLSv1.3",
        strict_names=tls.strict_names,
        handshake_ms=listener.limits.tls_handshake,
    )


def compile_certificate(certificate: Certificate, material: Material) -> model.Certificate:
    """One certificate."""
    chain, key = material.reference(certificate.certificate), material.reference(certificate.key)
    ocsp = None if certificate.ocsp is None else material.reference(certificate.ocsp, binary=True)
    fingerprint = material.fingerprint(chain, key, ocsp)
    return model.Certificate(chain=chain, key=key, ocsp=ocsp, fingerprint=fingerprint)


def hsts_value(hsts: Hsts) -> str:
    """The field value (RFC 6797 section 6.1)."""
    parts = [f"max-age={hsts.max_age // 1000}"]
    parts += ["includeSubDomains"] * hsts.subdomains + ["preload"] * hsts.preload
    return "; ".join(parts)


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
        http2_streams=limits.http2_streams,
        http2_stream_window_bytes=limits.http2_stream_window,
        http2_connection_window_bytes=limits.http2_connection_window,
        http2_header_list_bytes=limits.http2_header_list,
    )
