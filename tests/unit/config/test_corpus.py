"""Whole files, and to the letter what `mailgate check` says of them."""

from pathlib import Path

import pytest

from mailgate.config.faults import has_errors
from mailgate.config.load import load
from mailgate.config.report import report

CONFIGS = Path(__file__).parents[2] / "corpus" / "configs"
FILES = sorted(CONFIGS.glob("*.toml"))
SECRETS = ("geheim", "hunter2", "Sommer2026", "letmein", "secretxyz", "123456", 'ge"heim')


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_file_gets_the_words_it_must_get(path: Path, request: pytest.FixtureRequest) -> None:
    said = report(load(path).faults)
    expected = path.with_suffix(".expected")
    if request.config.getoption("update_snapshots", default=False):
        expected.write_text(said, encoding="utf-8", newline="\n")
    assert said == expected.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_only_a_file_without_errors_gives_a_config(path: Path) -> None:
    loaded = load(path)
    assert (loaded.config is None) == has_errors(loaded.faults)


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("v*-*.toml")), ids=lambda path: path.stem)
def test_a_file_of_every_version_that_was_ever_released_can_be_read(path: Path) -> None:
    loaded = load(path)
    assert loaded.faults == ()
    assert loaded.config is not None


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_no_report_shows_a_password(path: Path) -> None:
    said = report(load(path).faults)
    assert [secret for secret in SECRETS if secret in said] == []
