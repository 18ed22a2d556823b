"""Every YAML block of the documentation that is a complete file, and every example, is valid."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from frontdesk.compiler import compile_file
from tests.harness import Authority, Issued

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


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def issued(authority: Authority) -> Issued:
    return authority.issue("localhost")


def compiles(folder: Path, text: str, authority: Authority, issued: Issued) -> None:
    """Compile a configuration beside the certificate files that it names."""
    contents = {
        "certificate": issued.certificate.read_bytes(),
        "key": issued.key.read_bytes(),
        "ca": authority.pem.read_bytes(),
        "ocsp": authority.ocsp_response(issued),
    }
    for setting, name in files_named(yaml.safe_load(text)):
        file = folder / name
        assert file.is_relative_to(folder), f"{name}: name it relative to the configuration"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(contents[setting])
    path = folder / "gateway.yaml"
    path.write_text(text, encoding="utf-8")
    assert compile_file(path).encoded


def files_named(value: Any) -> Iterator[tuple[str, str]]:
    """The certificate files of every `tls`: which setting names which file."""
    children = value.values() if isinstance(value, dict) else value
    if isinstance(value, dict) and "tls" in value:
        tls = value["tls"]
        for holder in (tls, *tls.get("certificates", [])):
            for setting in ("certificate", "key", "ca", "ocsp"):
                if setting in holder:
                    yield setting, holder[setting]
    for child in children if isinstance(value, dict | list) else []:
        yield from files_named(child)


@pytest.mark.parametrize(("name", "text"), blocks(), ids=[name for name, _ in blocks()])
def test_a_block_of_the_documentation(
    tmp_path: Path, name: str, text: str, authority: Authority, issued: Issued
) -> None:
    compiles(tmp_path, text, authority, issued)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example(path: Path, tmp_path: Path, authority: Authority, issued: Issued) -> None:
    text = path.read_text(encoding="utf-8")
    if not re.search(r"^version: ", text, re.MULTILINE):
        pytest.skip("not a configuration of the gateway")
    compiles(tmp_path, text, authority, issued)
