import re
import string
from dataclasses import fields

import pytest

from mailgate.tray.words import DE, EN, FR, Words, reader_words
from tests.unit.condition_codes import raised

NAMES = [field.name for field in fields(Words) if field.name != "conditions"]


def placeholders(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name is not None}


@pytest.mark.parametrize("name", NAMES)
def test_all_languages_say_each_thing_with_the_same_facts(name: str) -> None:
    said = [getattr(words, name) for words in (EN, DE, FR)]
    assert all(said)
    assert len({frozenset(placeholders(text)) for text in said}) == 1


@pytest.mark.parametrize(("other", "alike"), [(DE, {"tooltip", "today"}), (FR, {"today", "other_day"})])
def test_nothing_was_left_untranslated(other: Words, alike: set[str]) -> None:
    assert {name for name in NAMES if getattr(EN, name) == getattr(other, name)} == alike


@pytest.mark.parametrize("words", [DE, FR])
def test_there_are_words_for_each_condition_that_the_source_can_raise(words: Words) -> None:
    codes = raised(also_info=False)  # what is told for information alone, the tray does not show
    assert {"account_failing", "disk_low", "internal_ill", "store_refuses", "unrouted"} <= codes
    assert codes - {code.partition(".")[0] for code in words.conditions} == set()
    assert all(told and done for told, done in words.conditions.values())


def test_a_condition_is_told_with_the_same_facts_in_each_language() -> None:
    def facts(words: Words) -> dict[str, list[set[str]]]:
        return {code: [placeholders(text) for text in said] for code, said in words.conditions.items()}

    assert facts(FR) == facts(DE)


def test_french_parts_its_marks_by_a_space_that_does_not_break() -> None:
    said = [getattr(FR, name) for name in NAMES if name not in {"today", "other_day"}] + [
        text for both in FR.conditions.values() for text in both
    ]
    assert [text for text in said if re.search(r"[ \w][:;!?»](?!\w)|« ", text)] == []


@pytest.mark.parametrize(
    ("environ", "system", "expected"),
    [
        ({"LANG": "de_DE.UTF-8"}, None, DE),
        ({"LANG": "de"}, None, DE),
        ({"LANG": "den_CA.UTF-8"}, None, EN),
        ({"LC_ALL": "en_GB.UTF-8", "LANG": "de_DE.UTF-8"}, None, EN),
        ({"LC_ALL": "", "LC_MESSAGES": "de_AT", "LANG": "C"}, None, DE),
        ({"LANG": "C.UTF-8"}, None, EN),
        ({}, "German_Austria", DE),
        ({}, "de-AT", DE),
        ({"LANG": "fr_BE.UTF-8"}, None, FR),
        ({"LANG": "fr"}, None, FR),
        ({"LANG": "fro"}, None, EN),
        ({}, "French_Switzerland", FR),
        ({}, "", EN),
    ],
)
def test_the_readers_locale_picks_the_language(environ: dict[str, str], system: str | None, expected: Words) -> None:
    assert reader_words(environ, system=system) is expected


def test_an_empty_environment_asks_the_system() -> None:
    assert reader_words({}) in (EN, DE, FR)
