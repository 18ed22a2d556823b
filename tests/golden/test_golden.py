"""Golden pairs: what each configuration of this folder compiles to.

A changed snapshot is either a mistake, or meant and then reviewed as the diff of its golden file:
`pytest tests/golden --update-golden`.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from frontdesk.compiler import compile_file
from frontdesk.snapshot.codec import decode, encode

FOLDER = Path(__file__).parent
CONFIGURATIONS = sorted(FOLDER.glob("*.yaml"))


@pytest.mark.parametrize("path", CONFIGURATIONS, ids=lambda path: path.stem)
def test_a_configuration_compiles_to_its_golden_snapshot(
    path: Path, pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FD_GOLDEN_PORT", "9009")
    snapshot = compile_file(path).snapshot
    shown = json.dumps(json.loads(encode(snapshot)), indent=1, ensure_ascii=False) + "\n"
    # Certificates are named by their absolute path, which is another one on every machine.
    shown = shown.replace(json.dumps(str(FOLDER), ensure_ascii=False)[1:-1], "FOLDER")
    golden = path.with_suffix(".snapshot.json")
    if pytestconfig.getoption("--update-golden"):
        golden.write_text(shown, encoding="utf-8")
    assert golden.is_file(), f"{golden} is missing: run pytest {FOLDER} --update-golden"
    assert shown == golden.read_text(encoding="utf-8")
    assert decode(encode(snapshot)) == snapshot


def test_every_golden_snapshot_has_its_configuration() -> None:
    snapshots = {
        path.name.removesuffix(".snapshot.json") for path in FOLDER.glob("*.snapshot.json")
    }
    assert snapshots == {path.stem for path in CONFIGURATIONS}
