"""Snapshot to bytes and back.

The bytes are canonical JSON: keys sorted, no white space, UTF-8, nothing escaped beyond what RFC 8259
section 7 requires. Equal snapshots are equal bytes, in Python and in the engine.
"""

from __future__ import annotations

import json

from pydantic import ValidationError

from frontdesk.errors import SnapshotInvalid
from frontdesk.snapshot.model import Model, Snapshot
from frontdesk.snapshot.shape import schema_hash

__all__ = ["decode", "encode", "schema_hash"]


def encode(snapshot: Model) -> bytes:
    """The canonical bytes of a snapshot, or of a part of one."""
    return json.dumps(
        snapshot.model_dump(mode="json"),
        ensure_ascii=False,
        sort_keys=True,
        separators=(",", ":"),
    ).encode()


def decode(encoded: bytes) -> Snapshot:
    """Read a snapshot, strictly: unknown, missing or mistyped fields are refused.

    Raises:
        SnapshotInvalid: the bytes are no snapshot, or one whose shape is not this version's.
    """
    try:
        snapshot = Snapshot.model_validate_json(encoded)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise SnapshotInvalid(f"not a snapshot: {where or 'document'}: {first['msg']}") from None
    if snapshot.schema_hash != schema_hash():
        raise SnapshotInvalid(
            f"snapshot of schema {snapshot.schema_hash}, this version reads {schema_hash()}: "
            "compile the configuration again"
        )
    return snapshot
