"""One reader's session as the screens see it: preferences, window class, and her own copy of the engine's picture.

Observables belong to one session each and are changed only by tasks of that session's page: a change made in another
session's context would redraw this one's screens over there.
"""

from collections.abc import Callable, Coroutine
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from enum import IntEnum
from typing import Any, Final

import flet as ft

from mailgate.app import formats
from mailgate.app.answers import Phrase
from mailgate.app.lines import Line
from mailgate.app.store import Picture, SessionStore
from mailgate.app.theme import DARK, LIGHT, Palette
from mailgate.app.words import Lang, say
from mailgate.contract import v1

ACCEPTED_LANGUAGE: Final[ContextVar[str]] = ContextVar("accepted_language", default="")
"""The `Accept-Language` header of the connection that opens a session."""

WIDE_PX: Final = 1100
MEDIUM_PX: Final = 700


class Width(IntEnum):
    """Window classes; screens ask for a class, never for pixels."""

    COMPACT = 0  # below 700: bottom bar, cards
    MEDIUM = 1  # 700 to 1100: rail, one column
    WIDE = 2  # from 1100: side bar

    @staticmethod
    def of(pixels: float | None) -> "Width":
        """Return the class of a window this wide; unknown counts as wide."""
        px = pixels or WIDE_PX
        return Width.COMPACT if px < MEDIUM_PX else Width.MEDIUM if px < WIDE_PX else Width.WIDE


@ft.observable
@dataclass
class Prefs:
    """What the reader chose, and how wide her window is. `helping` says that the list of shortcuts is open."""

    lang: Lang = "en"
    dark: bool = False
    width: Width = Width.WIDE
    helping: bool = False


@ft.observable
@dataclass
class View:
    """The engine's picture as drawn here, and the engine's time then."""

    picture: Picture = field(default_factory=Picture)
    now: datetime | None = None


@ft.observable
@dataclass
class Feed:
    """The transfer window's lines; apart, so that a new line redraws that window and nothing else."""

    lines: tuple[Line, ...] = ()


@dataclass(slots=True)
class Keyboard:
    """What keys mean just now: while the reader is `typing` they are letters; `search` goes to the screen's filter."""

    typing: bool = False
    search: Callable[[], None] | None = None


@dataclass(frozen=True, slots=True)
class Reader:
    """All that belongs to one reader's session. `remember` keeps a preference in her browser."""

    prefs: Prefs
    view: View
    feed: Feed
    store: SessionStore
    zone: tzinfo | None
    remember: Callable[[str, str], None]
    keyboard: Keyboard = field(default_factory=Keyboard)

    def sync(self) -> None:
        """Take over what the store has that differs: an unchanged field redraws nothing."""
        if self.view.picture != self.store.picture:
            self.view.now = self.store.now()
            self.view.picture = self.store.picture
        if self.feed.lines is not self.store.lines:
            self.feed.lines = self.store.lines


@dataclass(frozen=True, slots=True)
class Ui:
    """Handed to every drawing function: words, palette, width, and the reader's session."""

    reader: Reader
    lang: Lang
    p: Palette
    dark: bool
    width: Width

    @staticmethod
    def of(reader: Reader, prefs: Prefs) -> "Ui":
        """Return what the preferences come to."""
        return Ui(reader, prefs.lang, DARK if prefs.dark else LIGHT, prefs.dark, prefs.width)

    @property
    def compact(self) -> bool:
        """Whether the window is a phone's."""
        return self.width is Width.COMPACT

    @property
    def wide(self) -> bool:
        """Whether the window has room for a side bar."""
        return self.width is Width.WIDE

    def t(self, key: str, **values: object) -> str:
        """Return the words of `key`."""
        return say(self.lang, key, **values)

    def tell(self, phrase: Phrase) -> str:
        """Return the words of a phrase; times and numbers among its values in the reader's form."""
        if not phrase.key:
            return phrase.said
        shown = {k: self.moment(v) if isinstance(v, datetime) else v for k, v in phrase.values.items()}
        return say(self.lang, phrase.key, **shown)

    def size(self, octets: int) -> str:
        """Return a size."""
        return formats.size(self.lang, octets)

    def number(self, value: int) -> str:
        """Return a whole number."""
        return formats.number(self.lang, value)

    @property
    def now(self) -> datetime | None:
        """The engine's time when the picture was drawn."""
        return self.reader.view.now

    def moment(self, at: datetime) -> str:
        """Return a time, without the date when today."""
        return formats.moment(self.lang, at, self.now or at, self.reader.zone)

    def clock(self, ahead: timedelta) -> str:
        """Return hour and minute of a time so far from now."""
        return formats.clock(self.now + ahead, self.reader.zone) if self.now else ""

    def ago(self, at: datetime) -> str:
        """Return how long ago."""
        return formats.ago(self.lang, at, self.now or at)

    def ahead(self, at: datetime) -> str:
        """Return how far ahead."""
        return formats.ahead(self.lang, at, self.now or at)

    def age(self, at: datetime) -> str:
        """Return how old."""
        return formats.age(self.lang, at, self.now or at)


_NOTHING: Ui | None = None
UiContext: Final = ft.create_context(_NOTHING)


def use_ui() -> Ui:
    """Return what the calling component draws with."""
    ui = ft.use_context(UiContext)
    if ui is None:
        raise RuntimeError("drawn outside of App")
    return ui


def use_picture(ui: Ui) -> Picture:
    """Subscribe the calling component to this session's picture."""
    view, _ = ft.use_state(ui.reader.view)
    return view.picture


def use_status(ui: Ui) -> v1.Status | None:
    """Subscribe the calling component to this session's picture, and return the engine's status."""
    return use_picture(ui).status


Work = Callable[..., Coroutine[Any, Any, Any]]


def run(work: Work, *args: object) -> None:
    """Run a coroutine as a task of the page whose event is handled: what it changes is drawn there."""
    ft.context.page.run_task(work, *args)


def go(path: str) -> Callable[[Any], None]:
    """Return an event handler that opens a screen."""

    def handler(_: object) -> None:
        run(ft.context.page.push_route, path)

    return handler
