"""Bytes, hash and shape of a snapshot."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from frontdesk.errors import SnapshotInvalid
from frontdesk.snapshot import model
from frontdesk.snapshot.codec import decode, encode, schema_hash
from frontdesk.snapshot.hash import snapshot_hash
from frontdesk.snapshot.shape import models, shape, type_name
from tests.unit.config.yaml_files import compiled


@pytest.fixture
def encoded(tmp_path: Path) -> bytes:
    return compiled(tmp_path, "version: 1\nservices: {a: {url: http://a}}\n").encoded


def test_bytes_are_canonical(encoded: bytes) -> None:
    tree = json.loads(encoded)
    again = json.dumps(tree, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    assert encoded == again


def test_nothing_is_escaped_that_need_not_be() -> None:
    text = 'ä\u2028😀/<>&"\\\x00\x1f\x7f\n'
    part = model.Respond(kind="respond", status=200, body=text, content_type="a")
    assert (
        b'"body":"\xc3\xa4\xe2\x80\xa8\xf0\x9f\x98\x80/<>&\\"\\\\\\u0000\\u001f\x7f\\n"'
        in encode(part)
    )


def test_a_snapshot_comes_back(encoded: bytes) -> None:
    assert encode(decode(encoded)) == encoded


@pytest.mark.parametrize(
    ("change", "fragment"),
    [
        ({"schema_hash": "0" * 16}, "compile the configuration again"),
        ({"extra": 1}, "extra"),
        ({"listeners": None}, "listeners"),
        ({"process": {}}, "process"),
    ],
)
def test_other_bytes_are_refused(encoded: bytes, change: dict[str, object], fragment: str) -> None:
    changed = json.dumps({**json.loads(encoded), **change}).encode()
    with pytest.raises(SnapshotInvalid, match=fragment):
        decode(changed)


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"\xff", b"nul"])
def test_other_documents_are_refused(content: bytes) -> None:
    with pytest.raises(SnapshotInvalid, match="not a snapshot"):
        decode(content)


def test_the_hash_names_the_bytes(encoded: bytes) -> None:
    assert len(snapshot_hash(encoded)) == 16
    assert snapshot_hash(encoded) != snapshot_hash(encoded + b" ")


def test_the_shape_lists_every_field_with_its_type() -> None:
    lines = shape()
    assert len(lines) == sum(len(owner.model_fields) for owner in models().values())
    assert "Route.action:Forward|Redirect|Respond" in lines
    assert "Match.host:str|null" in lines
    assert 'Service.balance:"round_robin"|"least_requests"' in lines
    assert len(schema_hash()) == 16


def test_types_are_named_without_their_bounds() -> None:
    assert type_name(list[model.Name | None]) == "list[str|null]"


def test_models_are_frozen_and_strict() -> None:
    share = model.Share(service="a", weight=1)
    with pytest.raises(ValueError, match="frozen"):
        share.weight = 2  # type: ignore[misc]
    with pytest.raises(ValueError, match="valid integer"):
        model.Share.model_validate({"service": "a", "weight": "1"})
