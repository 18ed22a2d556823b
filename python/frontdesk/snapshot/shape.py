"""The shape of the snapshot models, as text: what both languages must agree on.

One line per field, `Model.field:type`, sorted. Bounds and descriptions are left out on purpose: the
Python models enforce them before a snapshot exists, and the engine reads the same JSON either way.
"""

from __future__ import annotations

import enum
import types
from functools import cache
from hashlib import sha256
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from frontdesk.snapshot import model

HASH_LENGTH = 16


@cache
def shape() -> tuple[str, ...]:
    """Every field of every snapshot model as `Model.field:type`, sorted."""
    return tuple(
        sorted(
            f"{name}.{field}:{type_name(info.annotation)}"
            for name, owner in models().items()
            for field, info in owner.model_fields.items()
        )
    )


@cache
def schema_hash() -> str:
    """The name of the shape: the first 16 hex digits of the SHA-256 of its lines."""
    text = "".join(f"{line}\n" for line in shape())
    return sha256(text.encode()).hexdigest()[:HASH_LENGTH]


def models() -> dict[str, type[model.Model]]:
    """All snapshot models by name, in the order of their definition."""
    return {
        name: value
        for name, value in vars(model).items()
        if isinstance(value, type)
        and issubclass(value, model.Model)
        and value is not model.Model
        and value.__name__ == name
    }


def type_name(annotation: Any) -> str:
    """The type of a field as text that does not depend on the version of Python."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return type_name(arguments[0])
    if origin in (Union, types.UnionType):
        return "|".join(type_name(part) for part in arguments)
    if origin is Literal:
        return "|".join(f'"{part}"' for part in arguments)
    if origin is list:
        return f"list[{type_name(arguments[0])}]"
    if annotation is type(None):
        return "null"
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        return "|".join(f'"{member.value}"' for member in annotation)
    return str(annotation.__name__)
