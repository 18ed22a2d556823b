"""Reading a configuration: one file, or a folder of files merged into one value."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from frontdesk.config.compose import Composer
from frontdesk.config.files import MAX_FILE_BYTES, config_files, read_bounded, read_source
from frontdesk.config.interpolate import Interpolation, referenced_files
from frontdesk.config.positions import Key, Source, Spot, path_text
from frontdesk.errors import ConfigError, ConfigErrors

if TYPE_CHECKING:
    from pathlib import Path


@dataclass
class Loaded:
    """A configuration as read: its value, its places, and the mistakes found so far.

    `references` maps each value that came from the environment or a file to its `${…}`. `incomplete` says
    that a file of the folder could not be read, so that what is not here may be there.
    """

    path: Path
    value: dict[str, Any]
    spot: Spot
    problems: list[ConfigError] = field(default_factory=list)
    references: dict[str, str] = field(default_factory=dict)
    incomplete: bool = False


def load(path: Path) -> Loaded:
    """Read a configuration file, or merge those of a folder.

    Mistakes that leave a value to work with are in `problems`, so that they are told together with
    those of the validation.

    Raises:
        ConfigErrors: no file is readable, and YAML that holds a map.
    """
    fatal: list[ConfigError] = []
    parts: list[Loaded] = []
    for file in config_files(path):
        try:
            part = _load_file(file)
        except ConfigErrors as errors:
            fatal += errors.errors
        else:
            if part is not None:
                parts.append(part)
    if fatal and not parts:
        raise ConfigErrors(fatal)
    if not parts:
        place = (0, 0) if path.is_dir() else (1, 1)
        hint = "a configuration begins with `version: 1`"
        raise ConfigErrors([ConfigError(str(path), *place, "", "is empty", hint)])
    merged = parts[0]
    for part in parts[1:]:
        _merge(merged, part)
    merged.path = path
    merged.problems += fatal
    merged.incomplete = bool(fatal)
    return merged


def watched_files(path: Path) -> list[Path]:
    """What to watch for changes: the files (and folder) of a configuration, and what they refer to.

    Works on broken and on missing files as well: their repair is what one waits for.
    """
    watched = [path]
    try:
        files = config_files(path)
    except ConfigErrors:
        return watched
    for file in files:
        watched.append(file)
        try:
            text = read_bounded(file, MAX_FILE_BYTES).decode(errors="replace")
        except OSError:
            continue
        watched += referenced_files(text, file.parent)
    return list(dict.fromkeys(watched))


def _load_file(path: Path) -> Loaded | None:
    source = read_source(path)
    interpolation = Interpolation(path.parent)
    composer = Composer(source, interpolation)
    root = composer.run()
    if root is None or root[0] is None:
        return None
    value, spot = root
    if not isinstance(value, dict):
        message = "the file holds no map at its top"
        raise ConfigErrors(
            [source.error(spot.line, spot.column, message, hint="begin with `version: 1`")]
        )
    return Loaded(path, value, spot, composer.problems, interpolation.seen)


def _merge(merged: Loaded, part: Loaded) -> None:
    """Add one file: sections are united, and a name that both give is a mistake.

    `version` may stand in each file as long as all agree.
    """
    merged.problems += part.problems
    merged.references |= part.references
    for section, value in part.value.items():
        key = _children(part.spot)[section]
        if section not in merged.value:
            merged.value[section] = value
            _children(merged.spot)[section] = key
        elif isinstance(value, dict) and isinstance(merged.value[section], dict):
            _merge_section(merged, part, section)
        elif section != "version" or repr(value) != repr(merged.value[section]):
            first = _children(merged.spot)[section]
            merged.problems.append(_given_twice(section, key, first))


def _merge_section(merged: Loaded, part: Loaded, section: str) -> None:
    into, known = merged.value[section], _children(_children(merged.spot)[section].spot)
    added = _children(_children(part.spot)[section].spot)
    for name, value in part.value[section].items():
        if name in into:
            path = path_text((section, name))
            merged.problems.append(_given_twice(path, added[name], known[name]))
        else:
            into[name] = value
            known[name] = added[name]


def _given_twice(path: str, key: Key, first: Key) -> ConfigError:
    origin = first.spot.source.name
    return _source(key).error(
        key.line,
        key.column,
        f"was already given in {origin}:{first.line}:{first.column}",
        hint="keep one of them, or rename one",
        path=path,
    )


def _source(key: Key) -> Source:
    return key.spot.source


def _children(spot: Spot) -> dict[str, Key]:
    return spot.children if isinstance(spot.children, dict) else {}
