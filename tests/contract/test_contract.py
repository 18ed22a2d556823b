"""Python's models and the engine's mirror of them agree, byte for byte. Each failure says the repair."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from frontdesk import engine
from frontdesk.config.models.observe import LOG_FIELDS
from frontdesk.policies import ORDER
from frontdesk.snapshot import model
from frontdesk.snapshot.codec import encode, schema_hash
from frontdesk.snapshot.shape import models, shape
from tests.contract.instances import KINDS, instance

VARIANT = re.compile(r'\.kind:"\w+"$')
MIRROR = "crates/frontdesk-engine/src/snapshot.rs"


def full_tree() -> dict[str, Any]:
    """A full snapshot as JSON, with a route for each kind of action."""
    tree: dict[str, Any] = json.loads(encode(instance(model.Snapshot, "full")))
    actions = [instance(kind, "full") for kind in (model.Forward, model.Redirect, model.Respond)]
    route = tree["routes"][0]
    tree["routes"] = [{**route, "action": json.loads(encode(action))} for action in actions]
    return tree


@pytest.mark.parametrize("kind", KINDS)
def test_a_snapshot_comes_back_byte_for_byte(kind: str) -> None:
    encoded = encode(instance(model.Snapshot, kind))
    assert engine.roundtrip(encoded) == encoded, (
        f"the engine reads or writes a field differently: compare {MIRROR} with snapshot/model.py"
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", sorted(models()))
def test_every_model_comes_back_within_a_snapshot(name: str, kind: str) -> None:
    """The model's own extreme stands in an otherwise full snapshot, so that one fault is one failure."""
    tree = full_tree()
    part = json.loads(encode(instance(models()[name], kind)))
    places = list(_places(tree, model.Snapshot, name))
    if name != "Snapshot":
        assert places, f"no place of a snapshot holds a {name}"
    for parent, key in places:
        parent[key] = part
    encoded = json.dumps(tree, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    assert engine.roundtrip(encoded) == encoded


def test_both_sides_know_the_same_fields() -> None:
    # The engine reads a `kind` as the name of a variant, not as a field; the round trips cover it.
    ours = {line.partition(":")[0] for line in shape() if not VARIANT.search(line)}
    theirs = set(engine.SCHEMA_SHAPE.split())
    assert theirs == ours, (
        f"add to {MIRROR}: {sorted(ours - theirs)}; remove from it, or add to snapshot/model.py: "
        f"{sorted(theirs - ours)}; then run `make docs` and build again"
    )


def test_the_engine_was_built_for_this_schema() -> None:
    assert schema_hash() == engine.SCHEMA_HASH, "run `make docs`, then build the engine again"


def test_both_sides_know_the_same_log_fields_in_the_same_order() -> None:
    assert list(LOG_FIELDS) == list(engine.LOG_FIELDS), (
        "make config/models/observe.py and the engine's observe/access_log.rs list the same fields"
    )


def test_both_sides_know_the_same_policies_in_the_same_order() -> None:
    assert [policy.name for policy in ORDER] == list(engine.POLICIES), (
        "make policies/__init__.py and crates/frontdesk-policies/src/lib.rs list the same policies"
    )


def test_an_unknown_field_is_refused() -> None:
    tree = json.loads(encode(instance(model.Snapshot, "full")))
    tree["process"]["more"] = 1
    with pytest.raises(ValueError, match="more"):
        engine.roundtrip(json.dumps(tree).encode())


@pytest.mark.parametrize("path", [("process", "drain_ms"), ("observe", "access_log")])
def test_a_missing_field_is_refused(path: tuple[str, str]) -> None:
    tree = json.loads(encode(instance(model.Snapshot, "full")))
    del tree[path[0]][path[1]]
    with pytest.raises(ValueError, match=path[1]):
        engine.roundtrip(json.dumps(tree).encode())


def test_another_schema_is_refused_by_name() -> None:
    tree = json.loads(encode(instance(model.Snapshot, "full")))
    tree["schema_hash"] = "f" * 16
    with pytest.raises(ValueError, match="f" * 16):
        engine.roundtrip(json.dumps(tree).encode())


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff", b"[" * 10_000])
def test_other_documents_are_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        engine.roundtrip(content)


def test_lists_of_names_are_well_formed() -> None:
    assert engine.ERROR_CODES
    assert len(set(engine.ERROR_CODES)) == len(engine.ERROR_CODES)
    names = [name for name, _, _ in engine.METRICS]
    assert names
    assert len(set(names)) == len(names)
    assert all(name.startswith("frontdesk_") for name in names)


def _places(tree: Any, owner: Any, name: str) -> Any:
    """Every place of a snapshot's JSON that holds a model of this name."""
    for key, info in owner.model_fields.items():
        items = enumerate(tree[key]) if isinstance(tree[key], list) else [(None, tree[key])]
        for index, item in list(items):
            inner = _model_of(info.annotation, item)
            if inner is None:
                continue
            if inner.__name__ == name:
                yield (tree, key) if index is None else (tree[key], index)
            else:
                yield from _places(item, inner, name)


def _model_of(annotation: Any, item: Any) -> Any:
    """The model that a JSON object is an instance of, by the names of its fields."""
    if not isinstance(item, dict):
        return None
    return next(
        m for m in models().values() if set(m.model_fields) == set(item) and _named(m, annotation)
    )


def _named(candidate: Any, annotation: Any) -> bool:
    return candidate.__name__ in str(annotation)
