"""The page of the bench: results between the marks, what people wrote around them untouched."""

from pathlib import Path

import pytest

from bench import page
from bench.figures import Figure, Goal
from bench.inbound.section import Section

RATE = Goal("rate beside fdm", "x", 1.5, 2)
PLAIN = Section("plain", "one account", (Figure(RATE, (2.0, 2.25, 2.5)),), "| a table |", "2026-01-02")
TLS = Section("tls", "one account by POP3S", (Figure(RATE, ()),), "| another |", "2026-01-03")
WRITTEN = """words before

<!-- bench inbound: written by `python3 run.py bench inbound` -->

old

<!-- end -->

words after
"""


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(page, "PAGE", tmp_path / "performance.md")
    monkeypatch.setattr(page, "KEPT", tmp_path / "results.json")
    page.PAGE.write_text(WRITTEN, "utf-8")
    return page.PAGE


def test_one_scenario_measured_anew_leaves_the_others_as_they_were(written: Path) -> None:
    page.keep("inbound", [TLS, PLAIN], rounds=3, programs={"fdm": "1.9"})
    page.keep(
        "inbound", [Section("tls", TLS.title, (Figure(RATE, (1.5,)),), TLS.text, "2026-01-04")], rounds=5, programs={}
    )
    page.rewrite("inbound", ["plain", "tls"])
    text = written.read_text("utf-8")
    assert text.startswith("words before\n\n<!-- bench inbound")
    assert text.endswith("<!-- end -->\n\nwords after\n")
    assert "- Date: 2026-01-02 to 2026-01-04\n" in text
    assert "| one account | rate beside fdm | 2.25x (2.00-2.50) | at least 1.5x | 2x | aim met |" in text
    assert "| one account by POP3S | rate beside fdm | 1.50x | at least 1.5x | 2x | met |" in text
    assert "### One account\n\nMeasured on 2026-01-02, 3 rounds.\n\n| a table |\n\n### One account by POP3S" in text
    assert "old" not in text


def test_a_page_without_the_marks_is_not_written(written: Path) -> None:
    written.write_text("words\n", "utf-8")
    page.keep("inbound", [PLAIN], rounds=3, programs={})
    with pytest.raises(ValueError, match=r"performance\.md lacks the marks"):
        page.rewrite("inbound", ["plain"])
    assert written.read_text("utf-8") == "words\n"
