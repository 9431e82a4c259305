"""Reads what health conditions and classes of error are called in German, English and French: `conditions.toml`."""

import functools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from mailgate.model.errors import REMEDIES, ErrorClass
from mailgate.model.notices import LANGUAGES, Language

_FILE: Final = Path(__file__).with_name("conditions.toml")


@dataclass(frozen=True, slots=True)
class ConditionWords:
    """What happened in one sentence, what it means and does not affect, and what to do."""

    title: str
    meaning: str
    remedy: str


class _Words(msgspec.Struct, forbid_unknown_fields=True):
    conditions: dict[str, dict[Language, tuple[str, str, str]]]
    errors: dict[ErrorClass, dict[Language, str]]


def condition_words(code: str, subject: str, language: Language) -> ConditionWords | None:
    """Return what condition `code` is called where it concerns `subject`; None: nobody has written that down."""
    found = condition_texts().get((code, language))
    if found is None:
        return None
    title, meaning, remedy = (text.replace("{subject}", subject) for text in found)
    return ConditionWords(title, meaning, remedy)


@functools.cache
def condition_texts() -> Mapping[tuple[str, Language], tuple[str, str, str]]:
    """Return title, meaning and remedy of every condition in every language; `{subject}` is what it concerns."""
    said = _words().conditions
    return {(code, language): said[code][language] for code in said for language in LANGUAGES}


@functools.cache
def error_remedies(language: Language) -> Mapping[ErrorClass, str]:
    """Return what an operator can do about each class of error."""
    if language == "en":
        return REMEDIES
    return {error_class: said[language] for error_class, said in _words().errors.items()}


@functools.cache
def _words() -> _Words:
    return msgspec.convert(tomllib.loads(_FILE.read_text("utf-8")), _Words)
