"""Write every file that is derived from the models, or check that the committed ones are current.

python tools/generate.py            write
python tools/generate.py --check    exit 1 and name what is stale
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parent))

from frontdesk.config.schema import schema_text
from frontdesk.snapshot.codec import schema_hash
from reference import cli_page, configuration_page, observability_page, policies_page

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parent.parent

OUTPUTS: dict[str, Callable[[], str]] = {
    "schema/config.schema.json": schema_text,
    "crates/frontdesk-engine/src/schema.hash": lambda: schema_hash() + "\n",
    "docs/reference/configuration.md": configuration_page,
    "docs/reference/policies.md": policies_page,
    "docs/reference/cli.md": cli_page,
    "docs/reference/observability.md": observability_page,
}
"""Each generated file and what writes it."""


def main(arguments: list[str]) -> int:
    stale = [name for name, render in OUTPUTS.items() if _is_stale(ROOT / name, render())]
    if "--check" in arguments:
        for name in stale:
            print(f"{name} is stale: run `make docs` (python tools/generate.py) and commit it")
        return 1 if stale else 0
    for name in stale:
        path = ROOT / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(OUTPUTS[name](), encoding="utf-8")
        print(f"wrote {name}")
    return 0


def _is_stale(path: Path, text: str) -> bool:
    return not path.is_file() or path.read_text(encoding="utf-8") != text


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
