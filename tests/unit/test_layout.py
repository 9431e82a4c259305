"""The shape of the tree: docstrings, imports, names, sizes, and nothing that belongs on one machine alone."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "mailgate"
MODULES = sorted(PACKAGE.rglob("*.py"))
PACKAGES = [module for module in MODULES if module.name == "__init__.py"]
LAYERED = sorted(folder for folder in PACKAGE.iterdir() if folder.is_dir() and (folder / "__init__.py").exists())
MAX_LINES = 500


def named(module: Path) -> str:
    return str(module.relative_to(ROOT))


def parsed(module: Path) -> ast.Module:
    return ast.parse(module.read_text(encoding="utf-8"))


def test_every_module_says_what_it_is_for() -> None:
    assert [named(module) for module in MODULES if not ast.get_docstring(parsed(module))] == []


@pytest.mark.parametrize("package", LAYERED, ids=lambda folder: folder.name)
def test_the_docstring_of_every_layer_says_where_to_start(package: Path) -> None:
    said = ast.get_docstring(parsed(package / "__init__.py")) or ""
    starts = re.findall(r"[Ss]tart (?:reading )?with `([\w/]+\.py)`", said)
    assert starts, said
    for start in starts:
        assert (package / start).is_file()


def test_no_package_re_exports_anything() -> None:
    found = {named(package): parsed(package).body[1:] for package in PACKAGES if package.parent != PACKAGE}
    assert {name: [ast.unparse(one) for one in body] for name, body in found.items() if body} == {}


def test_every_import_is_absolute() -> None:
    relative = [
        f"{named(module)}:{node.lineno}"
        for module in MODULES
        for node in ast.walk(parsed(module))
        if isinstance(node, ast.ImportFrom) and node.level
    ]
    assert relative == []


def test_no_module_is_so_long_that_it_must_have_two_reasons() -> None:
    sizes = {named(module): len(module.read_text(encoding="utf-8").splitlines()) for module in MODULES}
    assert {name: size for name, size in sizes.items() if size > MAX_LINES} == {}


def test_no_module_has_a_name_that_says_nothing() -> None:
    nothing = {"utils", "util", "helpers", "helper", "common", "misc", "domain"}
    assert [named(module) for module in MODULES if nothing & {module.stem, *module.relative_to(ROOT).parts}] == []


OF_THE_WIRE = ("tests/unit/wire", "tests/unit/intake", "tests/unit/delivery", "tests/dialogues")
"""Tests of our protocols: they alone see them. A peer that used them would share their faults, and agree with them."""


def test_no_peer_of_a_test_speaks_by_our_own_protocols() -> None:
    found = [
        f"{named(module)}:{node.lineno}"
        for module in sorted((ROOT / "tests").rglob("*.py"))
        if not named(module).startswith(OF_THE_WIRE)
        for node in ast.walk(parsed(module))
        if isinstance(node, ast.Import | ast.ImportFrom)
        and any(name.split(".")[:2] == ["mailgate", "wire"] for name in imported(node))
    ]
    assert found == []


def imported(node: ast.Import | ast.ImportFrom) -> list[str]:
    """Return the modules that a statement imports, and what it takes from them as if they were modules, too."""
    within = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
    return [f"{within}{one.name}" for one in node.names]


def test_every_test_module_has_a_name_of_its_own() -> None:
    seen: dict[str, list[str]] = {}
    for module in sorted((ROOT / "tests").rglob("test_*.py")):
        seen.setdefault(module.name, []).append(named(module))
    assert [places for places in seen.values() if len(places) > 1] == []


def tracked_texts() -> list[Path]:
    """Return the files of the tree that people read, as git knows them, or all of them without git."""
    asked = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, check=False
    )
    if asked.returncode:
        return [*MODULES, *ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    names = asked.stdout.decode().splitlines()
    endings = {".py", ".md", ".toml", ".txt", ".sh", ".ambr", ".json", ".spec", ""}
    return [path for name in names if (path := ROOT / name).suffix in endings and path.is_file()]


def test_nothing_names_a_place_that_only_one_machine_has() -> None:
    place = re.compile(rb"(?<![\w.])/(?:root|work|Users/\w+|home/\w+)/")
    found = [named(path) for path in tracked_texts() if path != Path(__file__) and place.search(path.read_bytes())]
    assert found == []


def test_nothing_is_left_for_later() -> None:
    later = re.compile(r"\b(?:TODO|FIXME|XXX|HACK)\b")
    assert [named(module) for module in MODULES if later.search(module.read_text(encoding="utf-8"))] == []
