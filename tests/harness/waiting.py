"""Waiting for a condition instead of for a time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(probe: Callable[[], T], *, within: float = 10.0, what: str = "") -> T:
    """Call `probe` until it returns something true and return that.

    Args:
        within: seconds after which the test fails; generous, because speed is not tested here.

    Raises:
        AssertionError: the condition never held; the last value is in the message.
    """
    deadline = time.monotonic() + within
    while True:
        value = probe()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within} s: {what or probe}, last value {value!r}")
        time.sleep(0.02)
