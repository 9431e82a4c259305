"""`run.py`, the entry of a newcomer: what it says without setting anything up, and that its aliases agree."""

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = (ROOT / "run.py").read_text(encoding="utf-8")


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """Return a folder with `run.py` and nothing that it could set up from."""
    shutil.copy(ROOT / "run.py", tmp_path)
    return tmp_path


def run(clone: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "run.py", *words], cwd=clone, capture_output=True, text=True, check=False)


def verbs() -> list[str]:
    listed = run(ROOT, "--help").stdout
    return re.findall(r"^  (\w+)  +\S", listed, re.MULTILINE)


@pytest.mark.parametrize("word", ["--help", "-h", "help"])
def test_help_lists_the_verbs_and_sets_nothing_up(clone: Path, word: str) -> None:
    done = run(clone, word)
    assert (done.returncode, done.stderr) == (0, "")
    assert "demo" in done.stdout
    assert [path.name for path in clone.iterdir()] == ["run.py"]


def test_an_unknown_verb_is_refused_with_those_there_are_and_sets_nothing_up(clone: Path) -> None:
    done = run(clone, "dmeo")
    assert done.returncode == 2
    assert "there is no verb 'dmeo'; there are: demo, setup, test" in done.stderr
    assert [path.name for path in clone.iterdir()] == ["run.py"]


def test_an_older_python_comes_as_far_as_the_sentence_that_says_so() -> None:
    ast.parse(SOURCE, feature_version=(3, 8))
    assert SOURCE.index("from __future__ import annotations") < SOURCE.index("def ")


def test_make_has_the_same_verbs() -> None:
    [line] = re.findall(r"^VERBS = (.+)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert line.split() == verbs()


def test_every_verb_leads_somewhere() -> None:
    assert set(verbs()) == {
        "demo", "setup", "test", "campaign", "fmt", "lint", "types", "layers", "cov", "snapshots", "docs", "bench", "package",
    }  # fmt: skip
    for script in re.findall(r'script\("([^"]+)"\)', SOURCE):
        assert (ROOT / script).is_file(), script


def test_what_is_quick_is_in_folders_that_exist() -> None:
    [folders] = re.findall(r"^FAST = \[(.+)\]$", SOURCE, re.MULTILINE)
    assert all((ROOT / folder.strip(' "')).is_dir() for folder in folders.split(","))
