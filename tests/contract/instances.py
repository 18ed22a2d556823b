"""A minimal, a full and a boundary instance of every snapshot model, made from the models themselves."""

from __future__ import annotations

import enum
import types
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Le, MaxLen, MinLen

from frontdesk.snapshot.codec import schema_hash
from frontdesk.snapshot.model import Model

KINDS = ("minimal", "full", "boundary")
ODD_TEXT = 'ä"\\/\u2028\x00\x1f\x7f😀 {}'


def instance(owner: type[Model], kind: str) -> Model:
    """An instance whose every field is as small, as ordinary, or as far out as its type allows."""
    values = {
        name: value(info.annotation, list(info.metadata), kind)
        for name, info in owner.model_fields.items()
    }
    if "schema_hash" in values:
        values["schema_hash"] = schema_hash()
    return owner(**values)


def value(annotation: Any, metadata: list[Any], kind: str) -> Any:
    """A value of a type; bounds are in the metadata."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return value(arguments[0], [*metadata, *_flat(arguments[1:])], kind)
    if origin in (Union, types.UnionType):
        return _choice(list(arguments), metadata, kind)
    if origin is Literal:
        return arguments[0] if kind == "minimal" else arguments[-1]
    if origin is list:
        return _list(arguments[0], metadata, kind)
    if isinstance(annotation, type) and issubclass(annotation, Model):
        return instance(annotation, kind)
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        return list(annotation)[0 if kind == "minimal" else -1]
    return _plain(annotation, metadata, kind)


def _choice(parts: list[Any], metadata: list[Any], kind: str) -> Any:
    if type(None) in parts and kind == "minimal":
        return None
    chosen = [part for part in parts if part is not type(None)]
    return value(chosen[0 if kind == "full" else -1], metadata, kind)


def _list(item: Any, metadata: list[Any], kind: str) -> list[Any]:
    least = _bound(metadata, MinLen, "min_length", 0)
    count = {"minimal": least, "full": max(least, 2), "boundary": max(least, 1)}[kind]
    return [value(item, [], kind) for _ in range(count)]


def _plain(annotation: Any, metadata: list[Any], kind: str) -> Any:
    if annotation is bool:
        return kind != "minimal"
    if annotation is int:
        least, most = _bound(metadata, Ge, "ge", 0), _bound(metadata, Le, "le", 2**63 - 1)
        return {"minimal": least, "full": max(least, min(most, 7)), "boundary": most}[kind]
    least, most = (
        _bound(metadata, MinLen, "min_length", 0),
        _bound(metadata, MaxLen, "max_length", 40),
    )
    text = {"minimal": "m" * least, "full": "text", "boundary": ODD_TEXT}[kind]
    return text[:most].ljust(least, "x")


def _flat(metadata: Any) -> list[Any]:
    """Constraints, those inside pydantic's field information included."""
    return [part for item in metadata for part in (item, *getattr(item, "metadata", []))]


def _bound(metadata: list[Any], kind: type, name: str, otherwise: int) -> int:
    found = [getattr(item, name) for item in _flat(metadata) if isinstance(item, kind)]
    return int(found[0]) if found else otherwise
