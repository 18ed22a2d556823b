"""`ip_filter`: who may call, by the address of the client.

The client address is the right-most one that no trusted proxy vouches for, see
`listeners.*.trusted_proxies`. A refused request is answered 403.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from frontdesk.fields.base import Consistent, lacking
from frontdesk.fields.checked import Cidr

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic_core import PydanticCustomError


class IpFilter(Consistent):
    """Allows or refuses requests by the client's address. `deny` wins over `allow`."""

    allow: list[Cidr] = Field(
        default=[],
        description="Addresses and networks that may call. When empty, all may that are not denied.",
    )
    deny: list[Cidr] = Field(
        default=[], description="Addresses and networks that may not call, even when allowed."
    )

    def contradictions(self) -> Iterator[PydanticCustomError]:
        """Settings that do not go together."""
        if not self.allow and not self.deny:
            yield lacking(
                "neither allow nor deny lists an address",
                "name at least one network, or write `ip_filter: false` to switch it off",
            )
