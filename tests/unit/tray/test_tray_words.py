import string
from dataclasses import fields

import pytest

from mailgate.tray.words import DE, EN, Words, reader_words
from tests.unit.condition_codes import raised

NAMES = [field.name for field in fields(Words) if field.name != "conditions"]


def placeholders(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name is not None}


@pytest.mark.parametrize("name", NAMES)
def test_both_languages_say_each_thing_with_the_same_facts(name: str) -> None:
    english, german = getattr(EN, name), getattr(DE, name)
    assert english
    assert german
    assert placeholders(english) == placeholders(german)


def test_nothing_was_left_untranslated() -> None:
    same = {name for name in NAMES if getattr(EN, name) == getattr(DE, name)}
    assert same == {"tooltip", "today"}


def test_german_has_words_for_each_condition_that_the_source_can_raise() -> None:
    codes = raised(also_info=False)  # what is told for information alone, the tray does not show
    assert {"account_failing", "disk_low", "internal_ill", "store_refuses", "unrouted"} <= codes
    assert codes - {code.partition(".")[0] for code in DE.conditions} == set()
    assert all(told and done for told, done in DE.conditions.values())


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
        ({}, "", EN),
    ],
)
def test_the_readers_locale_picks_the_language(environ: dict[str, str], system: str | None, expected: Words) -> None:
    assert reader_words(environ, system=system) is expected


def test_an_empty_environment_asks_the_system() -> None:
    assert reader_words({}) in (EN, DE)
