"""The two entry points: compile a file, or a configuration that was already validated."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from frontdesk.compiler import conflicts, policies
from frontdesk.compiler.listeners import compile_listener
from frontdesk.compiler.material import Material
from frontdesk.compiler.observe import compile_observe, compile_process
from frontdesk.compiler.routes import compile_route
from frontdesk.compiler.services import compile_service
from frontdesk.config.errors import Problem
from frontdesk.config.load import load
from frontdesk.config.positions import path_text
from frontdesk.config.validate import located, validate
from frontdesk.errors import ConfigErrors
from frontdesk.snapshot.codec import encode, schema_hash
from frontdesk.snapshot.hash import snapshot_hash
from frontdesk.snapshot.model import Snapshot

if TYPE_CHECKING:
    from collections.abc import Iterator

    from frontdesk.config.load import Loaded
    from frontdesk.config.models.root import Config
    from frontdesk.errors import ConfigError


@dataclass(frozen=True)
class Compiled:
    """A compiled configuration: the engine's part, and what the supervisor and control need.

    `threads` is nothing for "one for each core"; `status_address` is nothing when it is off.
    `secrets` goes to the engine beside the snapshot and is never written anywhere. `files` are those it
    comes from, `places` where the settings stand that only the machine can refuse.
    """

    snapshot: Snapshot
    encoded: bytes = field(repr=False)
    secrets: dict[str, str] = field(repr=False)
    files: list[Path]
    warnings: list[str]
    workers: int
    threads: int | None
    status_address: str | None
    places: dict[str, ConfigError] = field(default_factory=dict)

    @property
    def hash(self) -> str:
        """The name of the snapshot."""
        return snapshot_hash(self.encoded)


def compile_file(path: Path | str) -> Compiled:
    """Read, validate and compile a configuration file, or a folder of them.

    Raises:
        ConfigErrors: all mistakes that were found, with their places.
    """
    with _collector_at_rest():
        loaded = load(Path(path))
        validated = validate(loaded)
        config, errors = validated.config, validated.errors
        if config is None:
            raise ConfigErrors(errors)
        material = Material(config, loaded.path)
        errors += located(loaded, [*policies.split_conflicts(config), *material.problems])
        if errors:
            rules = compile_config(
                conflicts.rules_alone(config, validated.doubtful), loaded.path, material
            )
            errors += conflicts.equal_routes(loaded, rules.encoded)
            raise ConfigErrors(errors, material.files)
        compiled = compile_config(config, loaded.path, material)
        if errors := conflicts.equal_routes(loaded, compiled.encoded):
            raise ConfigErrors(errors)
        return replace(compiled, places=_places(loaded, config))


def _places(loaded: Loaded, config: Config) -> dict[str, ConfigError]:
    paths = [
        *(("listeners", name, "address") for name in config.listeners),
        ("observe", "metrics", "address"),
        ("observe", "access_log", "to"),
    ]
    return {
        path_text(path): placed for path in paths for placed in located(loaded, [Problem(path, "")])
    }


@contextmanager
def _collector_at_rest() -> Iterator[None]:
    """Keep the cyclic collector from walking a growing tree again and again: half of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def compile_config(config: Config, path: Path, material: Material) -> Compiled:
    """Compile a valid configuration; `path` is where relative file names start."""
    snapshot = Snapshot(
        schema_hash=schema_hash(),
        listeners=[compile_listener(*item, config, material) for item in config.listeners.items()],
        services=[compile_service(*item, material) for item in config.services.items()],
        routes=[compile_route(name, route, config) for name, route in config.routes.items()],
        observe=compile_observe(config.observe, path),
        process=compile_process(config.process),
    )
    status = config.observe.metrics.address
    return Compiled(
        snapshot=snapshot,
        encoded=encode(snapshot),
        secrets=material.texts,
        files=material.files,
        warnings=material.warnings,
        workers=config.process.workers,
        threads=config.process.threads or None,
        status_address=None if status is None else str(status),
    )
