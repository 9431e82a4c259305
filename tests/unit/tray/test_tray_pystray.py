"""The backend over pystray's own base classes, whose platform here only keeps what it is told."""

import importlib
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from mailgate.tray.backend import NoTrayError
from mailgate.tray.icons import draw
from mailgate.tray.model import Action, Fetch, IconState, MenuItem, Pause, Picture, Quit
from mailgate.tray.notices import Notice
from mailgate.tray.pystray_backend import PystrayBackend

MENU = (
    MenuItem("Alles läuft", enabled=False),
    MenuItem("Jetzt abholen", Fetch(), default=True),
    MenuItem("Anhalten", items=(MenuItem("Eine Stunde", Pause(minutes=60)),)),
)
IDLE = Picture(IconState.IDLE, "MailGate: alles läuft", MENU)
ERROR = Picture(IconState.ERROR, "MailGate: kaputt", MENU)


class Desk:
    """What the reader sees, and how a desktop may fail."""

    def __init__(self) -> None:
        self.seen: list[object] = []
        self.fails: Exception | None = None
        self.icon: Any = None

    def see(self, *what: object) -> None:
        if self.fails is not None:
            raise self.fails
        self.seen.append(what)


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setenv("PYSTRAY_BACKEND", "dummy")
    pystray = importlib.import_module("pystray")
    base: Any = pystray.Icon
    desk = Desk()

    class DeskIcon(base):  # type: ignore[misc]  # pystray has no types
        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            desk.icon = self

        def _run(self) -> None:
            self._mark_ready()
            self._setup_thread.join()

        def _show(self) -> None:
            desk.see("show")

        def _hide(self) -> None:
            desk.see("hide")

        def _update_icon(self) -> None:
            self._icon_valid = True
            desk.see("icon", self.icon)

        def _update_title(self) -> None:
            desk.see("title", self.title)

        def _update_menu(self) -> None:
            desk.see("menu", [item.text for item in self.menu])

        def _stop(self) -> None:
            desk.see("stop")

        def _notify(self, message: str, title: str | None = None) -> None:
            desk.see("notify", title, message)

        def __del__(self) -> None:
            """Nothing is shown, so nothing is hidden."""

    monkeypatch.setattr(pystray, "Icon", DeskIcon)
    yield desk
    for name in [name for name in sys.modules if name.partition(".")[0] == "pystray"]:
        del sys.modules[name]  # another test may want another platform


def shown(desk: Desk, acts: list[Action] | None = None) -> PystrayBackend:
    """Return a backend that runs and shows an idle engine."""
    backend = PystrayBackend(acts.append if acts is not None else print, IDLE)
    backend._icon.visible = True
    backend._icon._running = True
    desk.seen.clear()
    return backend


def test_a_run_shows_icon_and_tooltip_before_it_is_ready(desk: Desk) -> None:
    backend = PystrayBackend(print, IDLE)
    backend.run(lambda: desk.see("ready"))
    assert desk.seen == [
        ("menu", ["Alles läuft", "Jetzt abholen", "Anhalten"]),
        ("icon", draw(IconState.IDLE)),
        ("show",),
        ("title", "MailGate: alles läuft"),
        ("ready",),
    ]


def test_only_what_differs_is_drawn_anew(desk: Desk) -> None:
    backend = shown(desk)
    backend._icon.title = IDLE.tooltip
    desk.seen.clear()
    backend.show(IDLE)
    assert desk.seen == []
    backend.show(ERROR)
    assert desk.seen == [("icon", draw(IconState.ERROR)), ("title", "MailGate: kaputt")]
    desk.seen.clear()
    backend.show(Picture(IconState.ERROR, ERROR.tooltip, MENU[:2]))
    assert desk.seen == [("menu", ["Alles läuft", "Jetzt abholen"])]


def test_a_click_on_the_icon_does_the_default_entry(desk: Desk) -> None:
    acts: list[Action] = []
    shown(desk, acts)
    desk.icon()
    assert acts == [Fetch()]


def test_a_click_on_the_icon_does_nothing_while_the_default_entry_is_disabled(desk: Desk) -> None:
    acts: list[Action] = []
    backend = shown(desk, acts)
    backend.show(
        Picture(IconState.DISCONNECTED, "", (MenuItem("Jetzt abholen", Fetch(), enabled=False, default=True),))
    )
    desk.icon()
    assert acts == []


def test_an_entry_of_a_menu_within_the_menu_does_its_own_action(desk: Desk) -> None:
    acts: list[Action] = []
    shown(desk, acts)
    status, _, pause = desk.icon.menu
    [hour] = pause.submenu
    hour(desk.icon)
    status(desk.icon)
    assert (acts, status.enabled) == ([Pause(minutes=60)], False)


def test_a_notification_has_title_and_text(desk: Desk) -> None:
    shown(desk).notify(Notice("The disk is full", "Free some space."))
    assert desk.seen == [("notify", "The disk is full", "Free some space.")]


def test_a_desktop_without_notifications_is_left_alone(desk: Desk) -> None:
    backend = shown(desk)
    desk.icon.HAS_NOTIFICATION = False
    backend.notify(Notice("a", "b"))
    assert desk.seen == []


def test_a_desktop_that_fails_does_not_take_the_follower_with_it(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    backend = shown(desk)
    desk.fails = RuntimeError("GLib.Error")
    backend.show(ERROR)
    backend.notify(Notice("a", "b"))
    assert [record.message for record in caplog.records] == [
        "the icon could not be changed",
        "the notification could not be shown",
    ]
    backend.stop()  # neither does one that fails at the end


def test_after_the_end_nothing_is_drawn(desk: Desk) -> None:
    backend = shown(desk)
    desk.icon._running = False  # as after a run that has ended
    backend.stop()
    desk.seen.clear()
    backend.show(ERROR)
    backend.notify(Notice("a", "b"))
    assert desk.seen == []


def test_a_stop_that_comes_before_the_run_still_stops_it(desk: Desk) -> None:
    backend = PystrayBackend(print, IDLE)
    backend.stop()
    backend.run(lambda: desk.see("ready"))
    assert ("stop",) in desk.seen
    assert ("ready",) not in desk.seen


def test_a_desktop_that_fails_at_the_start_is_no_tray(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    backend = PystrayBackend(print, IDLE)

    def fail(*_: object) -> None:
        raise RuntimeError("no session bus")

    monkeypatch.setattr(desk.icon, "_run", fail)
    monkeypatch.setattr(desk.icon, "_start_setup", print)
    with pytest.raises(NoTrayError, match="no session bus"):
        backend.run(print)


def test_quit_is_an_action_like_any_other(desk: Desk) -> None:
    acts: list[Action] = []
    backend = shown(desk, acts)
    backend.show(Picture(IconState.IDLE, "", (MenuItem("Symbol beenden", Quit()),)))
    [entry] = desk.icon.menu
    entry(desk.icon)
    assert acts == [Quit()]
