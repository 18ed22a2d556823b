"""What a policy is on the Python side: a name, settings, and why it runs where it runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from frontdesk.fields.base import Settings


@dataclass(frozen=True)
class Policy:
    """One kind of policy. `name` is its key in `policies:`, `reason` explains its place in the order."""

    name: str
    settings: type[Settings]
    reason: str
