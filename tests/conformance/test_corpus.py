"""Where the corpus and two other parsers agree, and where, on record, they do not."""

from __future__ import annotations

import pytest

from tests.conformance.corpus import Entry, load
from tests.conformance.readers import READERS

ENTRIES = [pytest.param(entry, id=entry.id) for entry in load()]


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("entry", ENTRIES)
def test_other_parser_agrees_or_is_on_record(entry: Entry, reader: str) -> None:
    reading = READERS[reader](entry.data)
    agrees = reading.accepted is entry.accepted
    assert agrees is (reader not in entry.differs), reading
    if agrees and entry.accepted:
        (request,) = reading.requests
        assert request.body == entry.body


def test_whatever_we_accept_one_other_parser_accepts() -> None:
    """Nothing in the corpus is accepted by us alone."""
    alone = [entry.id for entry in load() if entry.accepted and entry.differs >= READERS.keys()]
    assert alone == []
