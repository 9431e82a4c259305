"""The documentation: nothing is missing from it, nothing in it is made up, and what is made from the code is fresh."""

import re
from pathlib import Path
from urllib.parse import unquote

import pytest

from docs.build import PAGES, REFERENCE
from mailgate.service.exits import Exit

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
TEXTS = sorted([*DOCS.rglob("*.md"), *ROOT.glob("*.md")])
ADRS = sorted((DOCS / "adr").glob("*.md"))
SECTIONS = ["Context", "Decision", "Consequences", "What would change our mind"]


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", PAGES)
def test_a_page_that_is_made_from_the_code_is_as_the_code_makes_it(name: str) -> None:
    old = read(REFERENCE / name)
    assert PAGES[name](old) == old, "run `python3 run.py docs`, and look at what it changes"


@pytest.mark.parametrize("page", TEXTS, ids=named)
def test_every_link_leads_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", read(page), flags=re.DOTALL)
    targets = [target for target in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in target]
    missing = [target for target in targets if not (page.parent / unquote(target.partition("#")[0])).exists()]
    assert missing == []


@pytest.mark.parametrize("page", [DOCS / "flow.md", DOCS / "rfcs.md", DOCS / "quirks.md"], ids=named)
def test_every_file_that_is_named_exists(page: Path) -> None:
    named_files = re.findall(r"`((?:\w+/)+\w+\.py)`", read(page))
    assert named_files
    assert [name for name in named_files if not ((ROOT / name).exists() or (ROOT / "mailgate" / name).exists())] == []


def test_every_rfc_that_the_code_cites_is_in_the_list_of_what_we_obey() -> None:
    listed = set(re.findall(r"\b\d{4}\b", read(DOCS / "rfcs.md")))
    cited = {
        (number, named(module))
        for module in (ROOT / "mailgate").rglob("*.py")
        for numbers in re.findall(r"RFCs?\s+((?:\d{3,5}(?:,\s+|\s+to\s+|\s+and\s+)?)+)", read(module))
        for number in re.findall(r"\d+", numbers)
    }
    assert {one for one in cited if one[0] not in listed} == set()


@pytest.mark.parametrize("page", ADRS, ids=named)
def test_a_decision_has_its_number_its_status_and_its_four_parts(page: Path) -> None:
    text = read(page)
    number = int(page.name.partition("-")[0])
    assert text.startswith(f"# {number}. ")
    assert re.search(r"^Status: \w+", text, re.MULTILINE)
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == SECTIONS
    assert len(text.splitlines()) <= 120  # one page


def test_no_two_decisions_have_one_number() -> None:
    numbers = [page.name[:4] for page in ADRS]
    assert sorted(set(numbers)) == sorted(numbers)


def test_the_changelog_has_what_is_unreleased_on_top() -> None:
    assert re.findall(r"^## \[(.+?)\]", read(ROOT / "CHANGELOG.md"), re.MULTILINE)[0] == "Unreleased"


def test_every_exit_code_is_told() -> None:
    [block] = re.findall(r"Exit codes:\n(.*?)\n\n", read(REFERENCE / "commands.md"), re.DOTALL)
    told = {int(code) for code in re.findall(r"^ +(\d+) ", block, re.MULTILINE)}
    assert told == {*Exit, 64, 130}


def test_every_problem_code_is_told() -> None:
    source = "".join(read(path) for path in (ROOT / "mailgate" / "api").rglob("*.py"))
    given = set(re.findall(r'problem(?:_octets)?\(\s*\d+, "(\w+)"', source))
    given |= set(re.findall(r'^    \d+: "([a-z_]+)",$', source, re.MULTILINE))
    told = set(re.findall(r"^\| `(\w+)` \| \d{3} \|", read(REFERENCE / "api.md"), re.MULTILINE))
    assert told == given
