import re
import string
from pathlib import Path

import pytest

import mailgate.app
from mailgate.app.words import LANGS, NAMES, NARROW, WORDS, knows, language_of, say, typeset
from tests.unit.condition_codes import raised

SOURCE = Path(mailgate.app.__file__).parent
LISTS = {SOURCE / "words.py", *(SOURCE / "vocabulary").glob("*.py")}
COMPOSED = (
    "nav.overview.short",
    "nav.unrouted.short",
    "cond.",
    "time.",
    "age.",
    "why.",
    "refused.",
    "rcpt.",
    "pk.reason.",
    "pk.date",
    "pk.to",
    "step.",
    "offer.",
    "rep.",
    "over.wish.",
    "acc.why.",
    "acc.share.",
    "q.state.",
    "q.do.",
    "q.done.",
    "tr.fallback.",
    "tc.alias",
    "tc.keyword",
    "tc.list",
    "set.accounts.",
    "set.recipients.",
    "set.word.",
    "rc.ended.",
    "rc.taken.",
    "ac.first.",
    "ac.found.",
    "ac.doubt.",
)
"""Keys that are put together when they are needed."""


def placeholders(text: str) -> set[str | None]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def test_every_key_has_words_in_every_language() -> None:
    assert [key for key, texts in WORDS.items() if len(texts) != len(LANGS) or not all(map(str.strip, texts))] == []
    assert set(NAMES) == set(LANGS)


def test_all_languages_have_the_same_placeholders_and_all_by_name() -> None:
    assert [key for key, texts in WORDS.items() if len({frozenset(placeholders(text)) for text in texts}) != 1] == []
    assert [key for key, (en, *_) in WORDS.items() if "" in placeholders(en)] == []


def test_nothing_was_left_in_english() -> None:
    spoken = {key: texts for key, texts in WORDS.items() if len(texts[0].split()) > 2}
    assert [key for key, (en, *others) in spoken.items() if en in others] == []


def test_commands_and_settings_are_named_alike_in_every_language() -> None:
    quoted = {key: [re.findall("`[^`]*`", text) for text in texts] for key, texts in WORDS.items()}
    assert [key for key, (en, *others) in quoted.items() if any(sorted(en) != sorted(one) for one in others)] == []


def test_french_parts_its_marks_by_a_space_that_does_not_break() -> None:
    bent = "\N{RIGHT SINGLE QUOTATION MARK}"
    assert typeset("Qui l'a {n} % ? « {q} » : voir `a: b` à l'{x}") == (
        f"Qui l{bent}a {{n}}{NARROW}%{NARROW}? «{NARROW}{{q}}{NARROW}»{NARROW}: voir `a: b` à l{bent}{{x}}"
    )
    french = {key: re.sub("`[^`]*`", "", fr) for key, (_, _, fr) in WORDS.items()}
    assert [key for key, text in french.items() if re.search(r"[ \w{}][;!?»%]|[ \w}]:|« |«\w|'", text)] == []


def test_a_singular_has_its_plural_and_needs_nothing_that_the_plural_does_not() -> None:
    singulars = {key: key.removesuffix(".one") for key in WORDS if key.endswith(".one")}
    assert singulars
    for one, many in singulars.items():
        assert placeholders(WORDS[one][0]) <= placeholders(WORDS[many][0]) | {"n"}, one


def test_words_neither_shout_nor_beg_nor_boast_nor_presume() -> None:
    rude = re.compile(
        r"!|\b(please|successfully|bitte|erfolgreich|dein\w*|svp|veuillez|avec succès|tu|ton|tes)\b", re.IGNORECASE
    )
    assert [key for key, texts in WORDS.items() if any(map(rude.search, texts))] == []


def test_every_key_that_the_source_names_has_words_and_every_word_is_used() -> None:
    text = "\n".join(path.read_text("utf-8") for path in SOURCE.rglob("*.py") if path not in LISTS)
    named = set(
        re.findall(
            r'["\']((?:nav|menu|frame|engine|do|fetch|ov|path|fact|chart|health|live|un|keys|list|pk|acc|over|tc|tr|rc|ac|set|q)\.[a-z._]+)"',
            text,
        )
    )
    named |= set(re.findall(r'\bt\(["\']([a-z._]+)["\']', text))
    assert named <= set(WORDS)
    composed = {f"fetch.{word}" for word in ("delivered", "parked", "waiting")}
    unused = {key for key in WORDS if key.removesuffix(".one") not in named | composed}
    assert {key for key in unused if not key.startswith(COMPOSED)} == set()


def test_there_are_words_for_each_condition_that_the_source_can_raise() -> None:
    codes = raised(also_info=True)
    assert {"clock_jumped", "internal_ill", "parked"} <= codes
    assert [code for code in sorted(codes) if not knows(f"cond.{code}")] == []


def test_a_condition_says_what_happened_what_it_means_and_what_to_do() -> None:
    codes = {key.split(".")[1] for key in WORDS if key.startswith("cond.")}
    assert {"account_failing", "internal_ill", "unrouted", "disk_low", "store_damaged"} <= codes
    assert [code for code in codes if not all(knows(f"cond.{code}{part}") for part in ("", ".what", ".fix"))] == []


def test_one_is_told_in_the_singular() -> None:
    assert say("en", "un.lead", n=1).startswith("One message")
    assert say("de", "un.lead", n=2).startswith("2 Nachrichten")
    assert say("fr", "un.lead", n=1).startswith("Un message")


@pytest.mark.parametrize(
    ("accepted", "expected"),
    [
        ("de-DE,de;q=0.9,en;q=0.8", "de"),
        ("en-GB,de;q=0.5", "en"),
        ("fr, de;q=0.7", "fr"),
        ("fr-CH,fr;q=0.9", "fr"),
        ("it, de;q=0.7", "de"),
        ("DE", "de"),
        ("ja", "en"),
        ("", "en"),
        (";;,=", "en"),
    ],
)
def test_the_browsers_first_language_that_we_speak_is_taken(accepted: str, expected: str) -> None:
    assert language_of(accepted) == expected
    assert set(LANGS) == {"en", "de", "fr"}
