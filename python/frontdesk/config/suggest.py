"""Did you mean …?"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

SHOWN_NAMES = 12
"""Names that a hint lists when none is close."""


def suggest(word: str, known: Iterable[str], noun: str) -> str:
    """A hint for an unknown word: the closest known one, or the list when it is short.

    Words of any length are compared after cutting, so that a hostile one costs no more.
    """
    names = sorted(known)
    lowered = {name.lower().replace("-", "_"): name for name in names}
    close = get_close_matches(word[:100].lower().replace("-", "_"), lowered, n=1, cutoff=0.6)
    if close:
        return f"did you mean `{lowered[close[0]]}`?"
    if not names:
        return f"the configuration has no {noun} at all"
    listed = ", ".join(names[:SHOWN_NAMES])
    return f"known: {listed}" + (" …" if len(names) > SHOWN_NAMES else "")
