"""Cases of a table of which some are known to fail."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pytest


def cases(names: Iterable[str], known: Mapping[str, str]) -> list[Any]:
    """Parameters; the known ones are expected to fail, with their reason."""
    return [
        pytest.param(name, marks=pytest.mark.xfail(strict=True, reason=known[name]))
        if name in known
        else name
        for name in names
    ]
