"""Finding the settings model that a path of an error belongs to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, get_args, get_origin

from frontdesk.fields.base import Settings

if TYPE_CHECKING:
    from frontdesk.config.positions import PathPart


def model_at(root: type[Settings], path: tuple[PathPart, ...]) -> type[Settings] | None:
    """The model whose keys stand at `path`, or nothing when no model does."""
    annotation: Any = root
    for part in path:
        annotation = _inside(annotation, part)
        if annotation is None:
            return None
    found = _plain(annotation)
    return found if isinstance(found, type) and issubclass(found, Settings) else None


def keys_of(model: type[Settings]) -> list[str]:
    """The keys that a model takes."""
    return list(model.model_fields)


def _inside(annotation: Any, part: PathPart) -> Any:
    annotation = _plain(annotation)
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is dict:
        return arguments[1]
    if origin is list:
        return arguments[0]
    if isinstance(annotation, type) and issubclass(annotation, Settings):
        info = annotation.model_fields.get(str(part))
        return info.annotation if info else None
    return None


def _plain(annotation: Any) -> Any:
    """The type itself, without metadata and without the `None` of an optional one."""
    while True:
        origin, arguments = get_origin(annotation), get_args(annotation)
        if origin is Annotated:
            annotation = arguments[0]
        elif type(None) in arguments:
            annotation = next(part for part in arguments if part is not type(None))
        else:
            return annotation
