"""All policies, in the order in which they see a request; responses pass them in reverse.

A policy's place is decided here and nowhere else. The engine has the same list under the same names,
and a contract test compares the two.
"""

from __future__ import annotations

from frontdesk.policies.base import Policy
from frontdesk.policies.ip_filter import IpFilter

ORDER: tuple[Policy, ...] = (
    Policy(
        "ip_filter",
        IpFilter,
        "First: it needs nothing but the client's address, so a barred caller costs nearly nothing.",
    ),
)

UNAVAILABLE: frozenset[str] = frozenset(
    {
        "auth", "authorize", "basic_auth", "bot_filter", "cache", "compress", "concurrency", "cors",
        "forward_auth", "hmac_auth", "jwt", "key_auth", "mtls", "oauth2_introspection",
        "oauth2_server", "oidc", "quota", "rate_limit", "request_size", "transform", "validate",
        "version",
    }
)  # fmt: skip
"""Policies that the configuration language has and this version does not."""
