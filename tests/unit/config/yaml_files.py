"""Configurations for the tests of this folder."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from frontdesk.compiler import Compiled, compile_file
from frontdesk.errors import ConfigError, ConfigErrors


def written(folder: Path, text: str, name: str = "gateway.yaml") -> Path:
    """A file with this text, dedented."""
    path = folder / name
    path.write_text(dedent(text), encoding="utf-8")
    return path


def compiled(folder: Path, text: str) -> Compiled:
    """The text as a compiled configuration."""
    return compile_file(written(folder, text))


def mistakes(folder: Path, text: str) -> list[ConfigError]:
    """Every mistake of a configuration that must have some."""
    path = written(folder, text)
    with pytest.raises(ConfigErrors) as raised:
        compile_file(path)
    assert all(error.file == str(path) for error in raised.value.errors)
    return raised.value.errors


def mistake(folder: Path, text: str) -> ConfigError:
    """The only mistake of a configuration."""
    found = mistakes(folder, text)
    assert len(found) == 1, "\n".join(error.render() for error in found)
    return found[0]
