"""`ip_filter`: who may call, by the address of the client.

The client address is the right-most one that no trusted proxy vouches for, see
`listeners.*.trusted_proxies`. A refused request is answered 403.
"""

from __future__ import annotations

from pydantic import Field, model_validator

from frontdesk.fields.base import Settings, lacking
from frontdesk.fields.checked import Cidr


class IpFilter(Settings):
    """Allows or refuses requests by the client's address. `deny` wins over `allow`."""

    allow: list[Cidr] = Field(
        default=[],
        description="Addresses and networks that may call. When empty, all may that are not denied.",
    )
    deny: list[Cidr] = Field(
        default=[], description="Addresses and networks that may not call, even when allowed."
    )

    @model_validator(mode="after")
    def _has_a_rule(self) -> IpFilter:
        if not self.allow and not self.deny:
            raise lacking(
                "neither allow nor deny lists an address",
                "name at least one network, or write `ip_filter: false` to switch it off",
            )
        return self
