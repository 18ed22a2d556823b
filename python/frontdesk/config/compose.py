"""From YAML text to plain values and their places, in one pass over the parser's events.

PyYAML's own composer recurses in C and can be made to overflow the stack; this one keeps a list, so
nesting is bounded, and it refuses on the way what a configuration must not hold: tags, duplicate and
non-scalar keys, several documents, aliases that grow without bound.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn, Protocol

import yaml
from yaml._yaml import CParser

from frontdesk.config.aliases import Aliases
from frontdesk.config.interpolate import MARK, Interpolation, Unresolved
from frontdesk.config.positions import Key, PathPart, Source, Spot, path_text
from frontdesk.config.scalars import resolve
from frontdesk.config.syntax import syntax_error
from frontdesk.errors import ConfigError, ConfigErrors

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_DEPTH = 64


class _Mark(Protocol):
    line: int
    column: int


class _Frame:
    """A map or list that is being filled."""

    __slots__ = ("anchor", "key", "key_mark", "size", "skip", "spot", "value")

    def __init__(self, value: dict[str, Any] | list[Any], spot: Spot, anchor: str | None) -> None:
        self.value = value
        self.spot = spot
        self.anchor = anchor
        self.key: str | None = None
        self.key_mark: _Mark | None = None
        self.skip = False
        self.size = 1


class Composer:
    """Builds the value of one file. `problems` collects mistakes that do not end the reading."""

    def __init__(self, source: Source, interpolation: Interpolation) -> None:
        self.source = source
        self.interpolation = interpolation
        self.problems: list[ConfigError] = []
        self.root: tuple[Any, Spot] | None = None
        self._stack: list[_Frame] = []
        self._aliases = Aliases()
        self._documents = 0
        self._handlers: dict[type, Callable[[Any], None]] = {
            yaml.ScalarEvent: self._scalar,
            yaml.MappingStartEvent: self._start_map,
            yaml.MappingEndEvent: self._end,
            yaml.SequenceStartEvent: self._start_list,
            yaml.SequenceEndEvent: self._end,
            yaml.AliasEvent: self._alias,
            yaml.DocumentStartEvent: self._document,
        }

    def run(self) -> tuple[Any, Spot] | None:
        """The value of the file and its places; nothing when the file holds no value.

        Raises:
            ConfigErrors: the text is not YAML, or not YAML that a configuration may use.
        """
        parser = CParser(self.source.text)
        handlers, next_event = self._handlers, parser.get_event
        try:
            while self._documents < 2 and (event := next_event()) is not None:
                handler = handlers.get(type(event))
                if handler is not None:
                    handler(event)
        except yaml.MarkedYAMLError as error:
            raise ConfigErrors([*self.problems, syntax_error(self.source, error)]) from None
        except yaml.YAMLError as error:
            raise ConfigErrors([ConfigError(self.source.name, 0, 0, "", str(error))]) from None
        finally:
            parser.dispose()
        return self.root

    def _scalar(self, event: Any) -> None:
        text, plain = event.value, not event.style
        mark = event.start_mark
        if event.tag is not None:
            self._problem(mark, *_tagged(event.tag))
        frame = self._stack[-1] if self._stack else None
        if frame is not None and frame.key is None and type(frame.value) is dict:
            self._key(frame, text, plain, event)
            return
        spot = Spot(self.source, mark.line + 1, mark.column + 1)
        spot.broken = event.tag is not None
        if MARK in text:
            text = self._interpolated(text, spot)
        value = resolve(text) if plain else text
        if value is None and frame is not None and not spot.broken:
            self._no_value(spot, frame)
        self._put(value, spot, 1 + len(text) // 32, event.anchor)

    def _key(self, frame: _Frame, text: str, plain: bool, event: Any) -> None:
        mark = event.start_mark
        frame.key, frame.key_mark = text, mark
        if event.anchor is not None:
            self._aliases.define(event.anchor, text, self._spot(mark), 1)
        if plain and text == "<<":
            # What it would have brought is not missed as well.
            frame.skip = frame.spot.broken = True
            self._problem(mark, "merge keys are not part of YAML 1.2", "repeat the keys, or use an "
                          "alias as a whole value")  # fmt: skip
        if not text:
            self._no_key(frame, mark, "the key before the colon is empty")
        children = frame.spot.children
        if isinstance(children, dict) and text in children:
            frame.skip = True
            first = children[text]
            self._problem(
                mark, f"the key `{text}` was already given in line {first.line}", "keep one of them"
            )

    def _no_key(self, frame: _Frame, where: _Mark | Spot, message: str) -> None:
        """Pass over a key that is none, and over its value."""
        self._problem(where, message)
        frame.key, frame.skip = "", True

    def _interpolated(self, text: str, spot: Spot) -> str:
        spot.raw = text
        try:
            return self.interpolation.resolve(text)
        except Unresolved as problem:
            spot.broken = True
            self._problem(spot, str(problem), problem.hint)
            return "unresolved"

    def _no_value(self, spot: Spot, frame: _Frame) -> None:
        spot.broken = True
        where: _Mark | Spot = spot
        if frame.key_mark is not None and isinstance(frame.value, dict):
            where = frame.key_mark
        self._problem(
            where, "has no value", "give it one, or leave the key out; {} is an empty map"
        )

    def _start_map(self, event: Any) -> None:
        self._open(event, {})
        self._stack[-1].spot.children = {}

    def _start_list(self, event: Any) -> None:
        self._open(event, [])
        self._stack[-1].spot.children = []

    def _open(self, event: Any, value: dict[str, Any] | list[Any]) -> None:
        mark = event.start_mark
        if event.tag is not None:
            self._problem(mark, *_tagged(event.tag))
        if len(self._stack) >= MAX_DEPTH:
            self._fatal(mark, f"nested more than {MAX_DEPTH} levels deep")
        self._stack.append(_Frame(value, self._spot(mark), event.anchor))

    def _end(self, _event: Any) -> None:
        frame = self._stack.pop()
        self._put(frame.value, frame.spot, frame.size, frame.anchor)

    def _alias(self, event: Any) -> None:
        mark, name = event.start_mark, event.anchor
        frame = self._stack[-1] if self._stack else None
        if frame is not None and frame.key is None and type(frame.value) is dict:
            self._no_key(frame, mark, "an alias cannot be a key")
            return
        anchored = self._aliases.get(name)
        if anchored is None:
            inside = any(frame.anchor == name for frame in self._stack)
            what = "stands within the value it names" if inside else "names no anchor above it"
            self._problem(mark, f"the alias *{name} {what}")
            spot = self._spot(mark)
            spot.broken = True
            self._put(None, spot, 1, None)
            return
        if self._aliases.exhausted_by(anchored):
            hint = "write the values out, or name a service once and refer to it"
            self._fatal(mark, "the aliases of this file expand to too much", hint)
        self._put(*anchored, None)

    def _document(self, event: Any) -> None:
        self._documents += 1
        if self._documents > 1:
            self._problem(event.start_mark, "a second document begins here",
                          "put it into a file of its own and load the folder")  # fmt: skip

    def _put(self, value: Any, spot: Spot, size: int, anchor: str | None) -> None:
        if anchor is not None:
            self._aliases.define(anchor, value, spot, size)
        if not self._stack:
            self.root = (value, spot)
            return
        frame = self._stack[-1]
        frame.size += size
        if isinstance(frame.value, list):
            frame.value.append(value)
            frame.spot.children.append(spot)  # type: ignore[union-attr]
            return
        key, mark = frame.key, frame.key_mark
        if key is None:
            self._no_key(frame, spot, "a map or list cannot be a key")
            return
        if not frame.skip and mark is not None:
            frame.value[key] = value
            frame.spot.children[key] = Key(mark.line + 1, mark.column + 1, spot)  # type: ignore[index, call-overload]
        frame.key, frame.skip = None, False

    def _spot(self, mark: _Mark) -> Spot:
        return Spot(self.source, mark.line + 1, mark.column + 1)

    def _problem(self, where: _Mark | Spot, message: str, hint: str = "") -> None:
        shift = 0 if isinstance(where, Spot) else 1
        self.problems.append(
            self.source.error(
                where.line + shift, where.column + shift, message, hint=hint, path=self._path()
            )
        )

    def _fatal(self, mark: _Mark, message: str, hint: str = "") -> NoReturn:
        self._problem(mark, message, hint)
        raise ConfigErrors(self.problems)

    def _path(self) -> str:
        parts: list[PathPart] = []
        for frame in self._stack:
            part = len(frame.value) if isinstance(frame.value, list) else frame.key
            if part is not None and part != "":
                parts.append(part)
        return path_text(tuple(parts))


def _tagged(tag: str) -> tuple[str, str]:
    return f"the tag {tag} is not taken", "put a string into quotes; nothing else needs a tag"
