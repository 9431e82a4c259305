"""Keywords of recipients, indexed: what one text costs does not grow with how many keywords there are.

A keyword is a whole address, `name@`, `@domain`, or words to be found between word boundaries; in each, `*` stands for
any characters and `?` for one. Case does not count. What has no `*` or `?` is found by dictionary. A mask is filed
under three letters that it must contain, the ones that the fewest others have: only masks whose letters a text holds
are tried on it.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

from mailgate.model.address import Address, parse_domain
from mailgate.model.errors import AddressError
from mailgate.model.masks import address_mask, is_mask, pattern

MAX_TEXT_CHARS: Final = 1_000  # of one text that is searched; longer ones are cut
MAX_WORDS: Final = 200  # of one text that is searched

_WORD: Final = re.compile(r"[^\W_]+")
_GRAM: Final = 3

T = TypeVar("T")


class MaskIndex(Generic[T]):
    """Masks, and what each stands for."""

    def __init__(self, *, inside: bool = False) -> None:
        """`inside`: a mask fits when it is found between word boundaries, else when it fits the whole text."""
        self._inside = inside
        self._filed: dict[str, list[tuple[re.Pattern[str], T]]] = {}
        self._loose: list[tuple[re.Pattern[str], T]] = []  # with no three letters in a row

    def __bool__(self) -> bool:
        return bool(self._filed or self._loose)

    def add(self, mask: str, value: T) -> None:
        """File `mask`."""
        mask = mask.casefold()
        expression = pattern(mask)
        if self._inside:
            expression = rf"(?<![^\W_])(?:{expression})(?![^\W_])"
        entry = (re.compile(expression, re.DOTALL), value)
        grams = {gram for part in re.split(r"[*?]+", mask) for gram in _grams(part)}
        if grams:
            gram = min(sorted(grams), key=lambda one: len(self._filed.get(one, ())))
            self._filed.setdefault(gram, []).append(entry)
        else:
            self._loose.append(entry)

    def find(self, text: str) -> list[T]:
        """Return what stands for the masks that fit `text`, which is casefolded."""
        tried = list(self._loose)
        if self._filed:
            for gram in sorted(self._filed.keys() & _grams(text)):
                tried += self._filed[gram]
        if self._inside:
            return [value for fits, value in tried if fits.search(text)]
        return [value for fits, value in tried if fits.fullmatch(text)]


class WordIndex(Generic[T]):
    """Words to be found in texts: one, or several in a row, whatever stands between them that is neither letter nor digit."""

    def __init__(self) -> None:
        self._phrases: dict[tuple[str, ...], list[T]] = {}
        self._lengths: dict[str, set[int]] = {}  # of the phrases that begin with a word
        self._masks: MaskIndex[T] = MaskIndex(inside=True)

    def __bool__(self) -> bool:
        return bool(self._phrases or self._masks)

    def add(self, text: str, value: T) -> None:
        """File a keyword."""
        folded = fold(text)
        if is_mask(folded):
            self._masks.add(" ".join(folded.split()), value)
        elif words := tuple(_WORD.findall(folded)):
            self._phrases.setdefault(words, []).append(value)
            self._lengths.setdefault(words[0], set()).add(len(words))

    def find(self, text: str) -> list[T]:
        """Return what stands for the keywords in `text`, in the order in which they stand there; masks last."""
        folded = fold(text[:MAX_TEXT_CHARS])
        words = _WORD.findall(folded)[:MAX_WORDS]
        found = [
            value
            for at, word in enumerate(words)
            for length in sorted(self._lengths.get(word, ()))
            for value in self._phrases.get(tuple(words[at : at + length]), ())
        ]
        return found + self._masks.find(" ".join(folded.split())) if self._masks else found


@dataclass(slots=True)
class KeywordIndex(Generic[T]):
    """The keywords of many recipients, the forms of addresses apart from words."""

    addresses: dict[str, list[T]] = field(default_factory=dict)  # by `Address.key`
    _locals: dict[str, list[T]] = field(default_factory=dict)
    _domains: dict[str, list[T]] = field(default_factory=dict)
    _masks: MaskIndex[T] = field(default_factory=MaskIndex)
    _domain_masks: MaskIndex[T] = field(default_factory=MaskIndex)
    words: WordIndex[T] = field(default_factory=WordIndex)

    def add(self, keyword: str, value: T) -> None:
        """File a keyword; one that no address can fit is left out, since `config` tells of it."""
        keyword = keyword.strip()
        local, at, domain = keyword.rpartition("@")
        if not at:
            self.words.add(keyword, value)
            return
        try:
            if local and domain:
                self._add_address(keyword, value)
            elif local:
                mask = address_mask(f"{local}@x.example").rpartition("@")[0]
                _file(self._locals, self._masks, mask, f"{mask}@*", value)
            elif domain:
                mask = address_mask(f"x@{domain}").rpartition("@")[2]
                _file(self._domains, self._domain_masks, mask, mask, value)
        except AddressError:
            return

    def _add_address(self, keyword: str, value: T) -> None:
        mask = address_mask(keyword)
        _file(self.addresses, self._masks, mask, mask, value)

    def by_form(self, address: Address, locals_: Sequence[str]) -> list[T]:
        """Return who has a keyword that fits `address`: by `name@`, else by a mask, else by its domain.

        `locals_` are the local parts that it may be read as, the best first.
        """
        steps: Iterable[Callable[[], list[T]]] = (
            lambda: _first(locals_, lambda local: self._locals.get(local, ())),
            lambda: _first(locals_, lambda local: self._masks.find(f"{local}@{address.domain}")),
            lambda: list(self._domains.get(address.domain, ())),
            lambda: self._domain_masks.find(address.domain),
        )
        return next((found for step in steps if (found := step())), [])


def fold(text: str) -> str:
    """Return `text` as keywords are compared: composed characters, no case."""
    return text.casefold() if text.isascii() else unicodedata.normalize("NFC", text).casefold()


def domain_of(keyword: str) -> str:
    """Return the domain that an address keyword names, in A-labels; empty when it names none, or a mask of one."""
    domain = keyword.strip().rpartition("@")[2] if "@" in keyword else ""
    try:
        return parse_domain(domain) if domain and not is_mask(domain) else ""
    except AddressError:
        return ""


def _file(exact: dict[str, list[T]], masks: MaskIndex[T], key: str, mask: str, value: T) -> None:
    if is_mask(key):
        masks.add(mask, value)
    else:
        exact.setdefault(key, []).append(value)


def _first(locals_: Sequence[str], look: Callable[[str], Iterable[T]]) -> list[T]:
    return next((found for local in locals_ if (found := list(look(local)))), [])


def _grams(text: str) -> set[str]:
    return {text[at : at + _GRAM] for at in range(len(text) - _GRAM + 1)}
