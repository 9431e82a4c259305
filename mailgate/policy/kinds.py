"""Which kind of server it is that greets us, and the hints for it. Plain functions over `config/internal_kinds.toml`."""

import re
from collections.abc import Mapping

from mailgate.model.kinds import Hint, ServerKinds, Words
from mailgate.model.settings import InternalKind


def detect(kinds: ServerKinds, greeting: str, offers: str) -> InternalKind | None:
    """Return the kind of server that greets with `greeting` and answers EHLO with `offers`; None when nothing tells.

    Both are texts without their codes, lines parted by LF. The greeting is the better witness: the first kind whose
    pattern it fits counts, in the order of the data; keywords of the answer are looked at after that.
    """
    for kind in kinds.kinds:
        if any(re.search(pattern, greeting, re.IGNORECASE) for pattern in kind.banner):
            return kind.id
    said = {line.split(" ", 1)[0].upper() for line in offers.split("\n")[1:]}
    return next((kind.id for kind in kinds.kinds if said & set(kind.offers)), None)


def hints_for(kinds: ServerKinds, kind: InternalKind | None, values: Mapping[str, str]) -> tuple[Hint, ...]:
    """Return the hints for a kind (None: for any) and those for all, with `%{NAME}` filled in where `values` has it."""
    own = kinds.kind(kind or InternalKind.OTHER).hints
    return tuple(_filled(one, values) for one in (*own, *kinds.hints))


def _filled(hint: Hint, values: Mapping[str, str]) -> Hint:
    def fill(text: str) -> str:
        return re.sub(r"%\{(\w+)\}", lambda found: values.get(found[1]) or found[0], text)

    def all_of(words: Words) -> Words:
        return Words(en=fill(words.en), de=fill(words.de), fr=fill(words.fr))

    return Hint(
        about=hint.about,
        title=all_of(hint.title),
        text=all_of(hint.text),
        commands=tuple(map(fill, hint.commands)),
    )
