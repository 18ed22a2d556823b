"""The README's table: only what is between the marks changes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benches.harness.readme import BEGIN, END, update

CONDITIONS = {"cpu": "A CPU", "cores": "2", "date": "2026-01-02 03:04 UTC", "commit": "abc"}


def document(**cpu_us: float | None) -> dict[str, Any]:
    records = [
        {"name": name, "cpu_us": value, "ratio": value and value / 10, "pss_bytes": 3 * 2**20}
        for name, value in cpu_us.items()
    ]
    return {"rows": {"proxy": {"records": records, "conditions": CONDITIONS}}}


def test_the_table_replaces_what_is_between_the_marks(tmp_path: Path) -> None:
    page = tmp_path / "README.md"
    page.write_text(f"above\n{BEGIN}\nold\n{END}\nbelow\n")
    update(page, document(frontdesk=8.0, nginx=10.0))
    text = page.read_text()
    assert text.startswith(f"above\n{BEGIN}\n")
    assert text.endswith(f"{END}\nbelow\n")
    assert "| frontdesk | 8.0 | 0.80 | – | 3 |" in text
    assert "old" not in text


def test_a_void_row_shows_no_number(tmp_path: Path) -> None:
    page = tmp_path / "README.md"
    page.write_text(f"{BEGIN}\n{END}\n")
    update(page, document(frontdesk=None))
    assert "| frontdesk | – | – | – | 3 |" in page.read_text()


def test_a_page_without_marks_or_a_run_without_the_row_changes_nothing(tmp_path: Path) -> None:
    page = tmp_path / "README.md"
    for text, run in ((f"{BEGIN} open", document(nginx=1.0)), (f"{BEGIN}{END}", {"rows": {}})):
        page.write_text(text)
        update(page, run)
        assert page.read_text() == text
