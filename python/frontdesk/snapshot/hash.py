"""The name of a snapshot: a short hash of its canonical bytes."""

from __future__ import annotations

from hashlib import sha256

HASH_LENGTH = 16
"""Hex digits kept: 64 bits, which tell configurations apart and still fit into a log line."""


def snapshot_hash(encoded: bytes) -> str:
    """The hash of an encoded snapshot: the first 16 hex digits of its SHA-256."""
    return sha256(encoded).hexdigest()[:HASH_LENGTH]
