"""What the pages say is complete: links lead somewhere, and tables name everything there is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from frontdesk import engine
from frontdesk.config.models.listeners import Limits
from frontdesk.config.models.services import Pool, Retries, Timeouts
from frontdesk.policies import ORDER

ROOT = Path(__file__).parents[2]
GUIDES = ROOT / "docs" / "guides"
FOLDERS = [ROOT / "docs", ROOT / "examples"]
# The pages of docs/benchmarks link to tables that only a run of the benchmark writes.
PAGES = [
    page
    for page in sorted(
        [*ROOT.glob("*.md"), *(p for folder in FOLDERS for p in folder.rglob("*.md"))]
    )
    if page.parent.name != "benchmarks"
]
CODE_BLOCK = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def _prose(page: Path) -> str:
    return CODE_BLOCK.sub("", page.read_text(encoding="utf-8"))


def _anchors(page: Path) -> set[str]:
    """The names under which headings can be linked, as GitHub makes them."""
    headings = HEADING.findall(_prose(page))
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.strip().replace(" ", "-") for heading in plain}


def _fields(model: Any) -> list[str]:
    return list(model.model_fields)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for link in LINK.findall(_prose(page)):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), f"{link} leads nowhere"
        if anchor:
            assert anchor in _anchors(target), f"{link}: there is no such heading"


def test_every_page_is_in_the_index() -> None:
    index = ROOT / "docs" / "README.md"
    linked = {
        (index.parent / link.partition("#")[0]).resolve() for link in LINK.findall(_prose(index))
    }
    pages = {
        page
        for folder in ("guides", "concepts", "reference")
        for page in (ROOT / "docs" / folder).glob("*.md")
    }
    assert pages <= linked, f"add to docs/README.md: {sorted(page.name for page in pages - linked)}"


def test_every_code_has_its_row() -> None:
    rows = set(re.findall(r"^\| `(\w+)` \|", (GUIDES / "errors.md").read_text(), re.MULTILINE))
    assert rows == set(engine.ERROR_CODES)


def test_every_log_field_has_its_row() -> None:
    page = (GUIDES / "observing.md").read_text()
    table = page.partition("| field | what |")[2].partition("\n\n")[0]
    cells = [row.split("|")[1] for row in table.splitlines()[2:]]
    assert re.findall(r"`(\w+)`", " ".join(cells)) == list(engine.LOG_FIELDS)


@pytest.mark.parametrize(
    ("page", "model"),
    [
        ("listeners-and-limits.md", Limits),
        ("services.md", Timeouts),
        ("services.md", Retries),
        ("services.md", Pool),
    ],
)
def test_every_setting_is_told(page: str, model: Any) -> None:
    text = (GUIDES / page).read_text()
    missing = [name for name in _fields(model) if f"`{name}`" not in text]
    assert not missing, f"docs/guides/{page} does not mention {missing}"


def test_every_policy_has_a_guide() -> None:
    missing = [policy.name for policy in ORDER if not (GUIDES / f"{policy.name}.md").exists()]
    assert not missing
