"""Every YAML block of the documentation that is a complete file, and every example, is valid."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from frontdesk.compiler import compile_file
from tests.harness.certificates import Authority

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```ya?ml[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
EXAMPLES = sorted((ROOT / "examples").rglob("*.y*ml"))


def blocks() -> list[tuple[str, str]]:
    """Each complete configuration in the pages: `version:` makes a block one."""
    found = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8") if page.is_file() else ""
        for number, block in enumerate(BLOCK.findall(text), 1):
            if re.search(r"^version: ", block, re.MULTILINE):
                found.append((f"{page.relative_to(ROOT)}#{number}", block))
    return found


@pytest.mark.parametrize(("name", "text"), blocks(), ids=[name for name, _ in blocks()])
def test_a_block_of_the_documentation(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / "gateway.yaml"
    path.write_text(text, encoding="utf-8")
    provide_certificates(tmp_path / "certs", text)
    assert compile_file(path).encoded


def provide_certificates(folder: Path, text: str) -> None:
    """The files that a block names as `certs/….pem`, `certs/….key` and `certs/…-ca.pem`."""
    stems = set(re.findall(r"\bcerts/([a-z-]+)\.pem", text))
    if not stems:
        return
    authority = Authority(folder)
    for stem in stems:
        if stem.endswith("-ca"):
            shutil.copy(authority.pem, folder / f"{stem}.pem")
        else:
            authority.issue("example.com", file=stem)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example(path: Path) -> None:
    if not re.search(r"^version: ", path.read_text(encoding="utf-8"), re.MULTILINE):
        pytest.skip("not a configuration of the gateway")
    assert compile_file(path).encoded
