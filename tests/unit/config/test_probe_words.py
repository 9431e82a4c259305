"""What tests of connections say: all of it, in all languages, and nothing else."""

import ast
import re
import string
from pathlib import Path

import pytest

import mailgate
import mailgate.engine
from mailgate.config.probes import failed, joined, probe_texts, say, verbatim
from mailgate.engine.internal_probe import Taken
from mailgate.model.errors import ConnectError, ErrorClass, SecretError
from mailgate.model.kinds import Words
from mailgate.model.notices import LANGUAGES
from mailgate.policy.remedies import remedy_words

SAYING = ("account_probe", "internal_probe", "relay_probe", "probes", "discovery", "timetable")


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def test_a_text_has_the_same_parts_in_every_language_and_is_translated() -> None:
    for words in [*probe_texts().texts.values(), *probe_texts().secrets.values()]:
        said = [getattr(words, language) for language in LANGUAGES]
        assert len({frozenset(placeholders(text)) for text in said}) == 1, words
        assert len(set(said)) >= 2, words
        assert not re.search(r"[ \w}][:;!?](?= |$)", words.fr), f"no narrow space: {words.fr!r}"


def test_every_text_that_the_probes_name_is_there_and_there_are_no_others() -> None:
    folder = Path(mailgate.engine.__file__).parent
    trees = [ast.parse((folder / f"{name}.py").read_text("utf-8")) for name in SAYING]
    calls = [one for tree in trees for one in ast.walk(tree) if isinstance(one, ast.Call)]
    keys = [one.args[0] for one in calls if isinstance(one.func, ast.Name) and one.func.id == "say"]
    named = {one.value for key in keys for one in ast.walk(key) if isinstance(one, ast.Constant)} - {"IDLE", 1}
    floors = {
        one.value
        for tree in trees
        for one in ast.walk(tree)
        if isinstance(one, ast.Constant) and str(one.value).startswith("floor_")
    }
    assert named | floors | {taken.value for taken in Taken} == set(probe_texts().texts)


def test_a_failure_is_told_by_its_class_before_its_own_sentence() -> None:
    for error_class in ErrorClass:
        words = failed(ConnectError("192.0.2.1:25 says {this}", error_class=error_class))
        assert words.en == "192.0.2.1:25 says {this}"
        assert all(text.endswith(" (192.0.2.1:25 says {this})") for text in (words.de, words.fr))
        assert words.de != words.fr


def test_a_failure_whose_cause_is_known_is_told_in_every_language_without_an_english_word() -> None:
    error = SecretError("env:OFFICE: the environment variable is not set").because("variable_missing", name="{OFFICE}")
    words = failed(error)
    assert words.en == "env:OFFICE: the environment variable is not set"
    assert words.de == "Die Umgebungsvariable {OFFICE} des Dienstes ist nicht gesetzt oder leer"
    assert words.fr == "La variable d'environnement {OFFICE} du service n'est pas définie, ou elle est vide"


def test_every_cause_that_the_source_names_has_words_with_its_facts_and_there_are_no_others() -> None:
    causes = probe_texts().causes
    calls: list[tuple[str, set[str]]] = []
    constants: set[object] = set()
    for path in Path(mailgate.__file__).parent.rglob("*.py"):
        source = path.read_text("utf-8")
        if "because(" in source or path.stem in {"certificates", "diagnosis"}:
            tree = ast.parse(source)
            constants |= {one.value for one in ast.walk(tree) if isinstance(one, ast.Constant)}
            calls += [
                (one.args[0].value, {str(word.arg) for word in one.keywords})
                for one in ast.walk(tree)
                if isinstance(one, ast.Call) and isinstance(one.func, ast.Attribute) and one.func.attr == "because"
                if isinstance(one.args[0], ast.Constant) and isinstance(one.args[0].value, str)
            ]
    assert len(calls) > 20
    for code, facts in calls:
        assert placeholders(causes[code]["de"]) <= facts, code
    assert set(causes) <= constants
    for code, words in causes.items():
        assert placeholders(words["de"]) == placeholders(words["fr"]), code
        assert not re.search(r"[ \w}][:;!?](?= |$)", words["fr"]), f"no narrow space: {words['fr']!r}"


def test_what_is_filled_in_is_left_as_it_is_and_a_text_in_a_text_is_in_its_language() -> None:
    words = say("offers", login=say("login", way="PLAIN {x}", protection=verbatim("")), what=joined([say("no_idle")]))
    assert words.en == "logged in by PLAIN {x}; the server offers no IDLE, so it is polled"
    assert words.de == "angemeldet mit PLAIN {x}; der Server bietet kein IDLE, er wird also regelmäßig gefragt"
    with pytest.raises(KeyError):
        say("offers", login="x")


@pytest.mark.parametrize("reference", ["", "keyring:office", "file:/run/secrets/office", "env:OFFICE", "geheim"])
def test_a_remedy_names_the_same_place_in_every_language(reference: str) -> None:
    words = remedy_words(ErrorClass.AUTH, reference)
    assert isinstance(words, Words)
    place = reference if reference.startswith("keyring") else reference.partition(":")[2] or "NAME"
    assert all(place in getattr(words, language) for language in LANGUAGES)
    assert len({words.en, words.de, words.fr}) == 3
