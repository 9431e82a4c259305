"""What conditions and errors are called: all of them, in all languages, as the app calls them."""

import pytest

from mailgate.app.words import WORDS, typeset
from mailgate.config.conditions import condition_texts, condition_words, error_remedies
from mailgate.model.errors import REMEDIES, ErrorClass
from mailgate.model.notices import LANGUAGES, Language
from tests.unit.condition_codes import raised

ONLY_IN_WINDOWS = ("{n}", "{host}")
"""What a window knows and a mail does not."""
NAMES_A_COMMAND = {("unrouted", ".fix"), ("parked", ".fix"), ("messages_left", ".fix")}
"""Where a window has a place to go to, and a mail names the command."""


def test_every_condition_has_words_in_every_language_and_there_are_no_others() -> None:
    assert set(condition_texts()) == {(code, language) for code in raised(also_info=True) for language in LANGUAGES}
    for texts in condition_texts().values():
        assert all(text[-1] == "." for text in texts[1:]), texts
        assert all(text[-1].isalpha() or text[-1] == "}" for text in texts[:1]), texts
        assert "{" not in "".join(texts).replace("{subject}", "")


@pytest.mark.parametrize(("language", "place"), [("en", 0), ("de", 1), ("fr", 2)])
def test_mails_and_windows_call_a_condition_the_same(language: Language, place: int) -> None:
    same = 0
    for code in raised(also_info=True):
        for part, text in zip(("", ".what", ".fix"), condition_texts()[code, language], strict=True):
            shown = WORDS.get(f"cond.{code}{part}", ONLY_IN_WINDOWS)[place]  # a missing one fails the test of the app
            if not any(word in shown for word in ONLY_IN_WINDOWS) and (code, part) not in NAMES_A_COMMAND:
                assert (typeset(text) if language == "fr" else text) == shown
                same += 1
    assert same > 40


def test_the_subject_is_filled_in() -> None:
    words = condition_words("relay_ill", "out", "fr")
    assert words is not None
    assert words.title == "Le relais out ne prend pas de courrier"
    assert condition_words("never_heard_of", "", "de") is None


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_class_of_error_has_a_remedy(language: Language) -> None:
    remedies = error_remedies(language)
    assert set(remedies) == set(ErrorClass)
    assert language == "en" or not set(remedies.values()) & set(REMEDIES.values())
