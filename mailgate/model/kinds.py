"""The kinds of mail servers that offices have, and what to set there so that mail from MailGate arrives.

The data is `config/internal_kinds.toml`; `config/kinds.py` reads it.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from msgspec import Meta

from mailgate.model.settings import InternalKind, SmtpProtocol

Text = Annotated[str, Meta(min_length=1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """One text in the languages that windows speak."""

    en: Text
    de: Text
    fr: Text


class HintAbout(StrEnum):
    """What a hint is for."""

    INBOUND = "inbound"  # mail from MailGate to the server
    SPAM = "spam"  # what the server's own filter has to know
    OUTBOUND = "outbound"  # mail from the server to the world


@dataclass(frozen=True, slots=True, kw_only=True)
class Hint:
    """One thing to set or to look at. In text and commands `%{gateway}` is MailGate's address, `%{domain}` the office's."""

    about: HintAbout
    title: Words
    text: Words
    commands: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerKind:
    """One kind of server. `banner` and `offers` are patterns for its greeting and the keywords of its EHLO answer."""

    id: InternalKind
    title: Text
    port: Annotated[int, Meta(ge=1, le=65535)] = 25
    protocol: SmtpProtocol = SmtpProtocol.SMTP
    banner: tuple[str, ...] = ()
    offers: tuple[str, ...] = ()
    hints: tuple[Hint, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerKinds:
    """All kinds, and the hints that hold for each of them."""

    kinds: tuple[ServerKind, ...]
    hints: tuple[Hint, ...]

    def kind(self, wanted: InternalKind) -> ServerKind:
        """Return one kind; the data has each of them."""
        return next(one for one in self.kinds if one.id is wanted)
