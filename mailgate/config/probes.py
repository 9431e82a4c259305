"""Reads what tests of connections say, in English, German and French: `probes.toml` beside this module."""

import functools
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, Literal

import msgspec

from mailgate.model.errors import ErrorClass, MailgateError
from mailgate.model.kinds import Words
from mailgate.model.notices import LANGUAGES

_FILE: Final = Path(__file__).with_name("probes.toml")


class _Texts(msgspec.Struct, forbid_unknown_fields=True):
    texts: dict[str, Words]
    causes: dict[str, dict[Literal["de", "fr"], str]]
    failures: dict[ErrorClass, dict[Literal["de", "fr"], str]]
    secrets: dict[Literal["stored", "file", "env"], Words]


@functools.cache
def probe_texts() -> _Texts:
    """Return all texts, with what is to be filled in as `{name}`."""
    return msgspec.convert(tomllib.loads(_FILE.read_text("utf-8")), _Texts)


def say(key: str, **values: object) -> Words:
    """Return the text of `key` with the values filled in, where a text is meant in its own language.

    Raises:
        KeyError: there is no such text, or it wants another value.
    """
    return filled(probe_texts().texts[key], values)


def filled(words: Words, values: Mapping[str, object]) -> Words:
    """Return `words` with the values filled in. What is filled in is not looked at for braces."""
    de, en, fr = (
        getattr(words, language).format_map(
            {name: getattr(one, language) if isinstance(one, Words) else one for name, one in values.items()}
        )
        for language in LANGUAGES
    )
    return Words(en=en, de=de, fr=fr)


def verbatim(text: str) -> Words:
    """Return what a server or the engine itself said, which is the same in every language."""
    return Words(en=text, de=text, fr=text)


def joined(parts: Iterable[Words]) -> Words:
    """Return the parts with commas between them."""
    every = tuple(parts)
    de, en, fr = (", ".join(getattr(one, language) for one in every) for language in LANGUAGES)
    return Words(en=en, de=de, fr=fr)


def failed(why: MailgateError) -> Words:
    """Return what has failed: the error's own sentence, and the words of its cause in other languages.

    Where it tells no cause they say what it comes to, and the sentence stands behind that.
    """
    said, texts = str(why), probe_texts()
    if why.cause is not None:
        other, values = texts.causes[why.cause.code], why.cause.facts
    else:
        other, values = texts.failures[why.error_class], {"said": said}
    return Words(en=said, de=other["de"].format_map(values), fr=other["fr"].format_map(values))
