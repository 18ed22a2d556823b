"""Check the rules of the layout: which package may import which, and what a policy consists of.

Exits with 1 and names every breach. Importing nothing of the project, it runs before anything is built.
"""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "frontdesk"

LAYERS: list[set[str]] = [
    {"__init__", "errors"},
    {"engine"},
    {"fields"},
    {"sdk", "policies"},
    {"config", "snapshot"},
    {"compiler"},
    {"control"},
    {"discovery", "analytics", "demo"},
    {"admin", "portal", "cli"},
]
"""A package imports from its own layer only itself, and else only from layers above it in this list."""

NATIVE = f"{PACKAGE}._engine"
NATIVE_IMPORTER = "engine"


def main() -> int:
    breaches = [*imports(ROOT / "python" / PACKAGE), *policies(ROOT)]
    for breach in breaches:
        print(breach)
    return 1 if breaches else 0


def imports(package: Path) -> Iterator[str]:
    """Imports against the direction, and importers of the native module other than the one."""
    levels = {name: level for level, names in enumerate(LAYERS) for name in names}
    for file in sorted(package.rglob("*.py")):
        part = file.relative_to(package).parts[0].removesuffix(".py")
        shown = file.relative_to(ROOT)
        if part not in levels:
            yield f"{shown}: `{part}` has no place in LAYERS of tools/check_layout.py"
            continue
        for line, module in imported(file):
            other = module.removeprefix(f"{PACKAGE}.").split(".")[0] if module != PACKAGE else None
            if module == NATIVE and part != NATIVE_IMPORTER:
                yield f"{shown}:{line}: only {PACKAGE}.engine imports the native module"
            elif other in levels and other != part and levels[other] >= levels[part]:
                yield f"{shown}:{line}: `{part}` must not import `{other}`, which is not below it"


def imported(file: Path) -> Iterator[tuple[int, str]]:
    """Line and full name of every import of a module of the project."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        yield from (
            (node.lineno, name)
            for name in names
            if name == PACKAGE or name.startswith(f"{PACKAGE}.")
        )


def policies(root: Path) -> Iterator[str]:
    """Files that a policy lacks, and policies that one of the two lists does not name."""
    listed = set(
        re.findall(r'Policy\(\s*"(\w+)"', _read(root / "python/frontdesk/policies/__init__.py"))
    )
    files = {path.stem for path in (root / "python/frontdesk/policies").glob("*.py")}
    for name in sorted(files - listed - {"__init__", "base"}):
        yield f"python/frontdesk/policies/{name}.py is in no list: add it to policies/__init__.py"
    rust = _read(root / "crates/frontdesk-policies/src/lib.rs")
    for name in sorted(listed):
        if name not in rust:
            yield f"policy `{name}` is not named in crates/frontdesk-policies/src/lib.rs"
        for needed in needed_files(name):
            if not any((root / choice).exists() for choice in needed):
                yield f"policy `{name}` lacks {needed[0]}"


def needed_files(name: str) -> list[list[str]]:
    """What a policy consists of; where a file may have become a folder, both."""
    return [
        [f"python/frontdesk/policies/{name}.py", f"python/frontdesk/policies/{name}"],
        [f"crates/frontdesk-policies/src/{name}.rs", f"crates/frontdesk-policies/src/{name}"],
        [f"tests/golden/{name}.yaml"],
        [f"tests/golden/{name}.snapshot.json"],
        [f"tests/e2e/test_policies_{name}.py", f"tests/e2e/test_{name}.py"],
        [f"docs/guides/{name}.md"],
    ]


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""


if __name__ == "__main__":
    sys.exit(main())
