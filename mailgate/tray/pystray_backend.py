"""The tray by pystray: Windows, macOS and, on Linux, appindicator, GTK or bare X11, whichever is there.

The only module that knows pystray. It is imported on use: without a display the import itself raises.
"""

import logging
import threading
import time
from collections.abc import Callable
from typing import Any, Final

from PIL import Image

from mailgate.tray.backend import Act, NoTrayError
from mailgate.tray.icons import draw
from mailgate.tray.model import MenuItem, Picture
from mailgate.tray.notices import PRODUCT, Notice

HOST_WAIT_S: Final = 10.0
"""How long a bare X11 desktop may take to bring its tray up: at login the panel may start after us."""

BARE_GROUND: Final = "#121B18"
"""What stands behind the picture where the tray knows no transparency: the bar's colour in the dark palette."""

_HOST_POLL_S: Final = 0.25

log = logging.getLogger(__name__)


class PystrayBackend:
    """A `TrayBackend` on pystray.

    Raises:
        NoTrayError: there is no display, or no tray on it.
    """

    def __init__(self, act: Act, first: Picture, *, host_wait_s: float = HOST_WAIT_S) -> None:
        self._act = act
        self._shown = first
        self._gone = threading.Event()
        try:
            import pystray  # noqa: PLC0415 the import needs a display
        except Exception as exc:  # pystray lets through whatever its platform's library raises
            raise NoTrayError(f"no desktop was found ({type(exc).__name__}: {exc})") from exc
        self._pystray: Any = pystray
        bare_x11 = pystray.Icon.__module__ == "pystray._xorg"
        make = _xorg_icon(pystray.Icon) if bare_x11 else pystray.Icon
        self._icon: Any = make(PRODUCT, draw(first.state, first.frame), PRODUCT, self._menu(first.menu))
        if bare_x11 and not _host_comes(self._icon, host_wait_s):
            raise NoTrayError("this desktop has no tray")

    def run(self, ready: Callable[[], None]) -> None:
        """Show the icon and return when it is gone; to be called from the main thread."""

        def setup(icon: Any) -> None:
            if self._gone.is_set():  # stopped before it ran
                icon.stop()
                return
            icon.visible = True
            icon.title = self._shown.tooltip  # not sooner: bare X11 makes its window with a Latin-1 title only
            ready()

        try:
            self._icon.run(setup)
        except Exception as exc:  # GTK without a session bus raises GLib.Error, others what they like
            raise NoTrayError(f"the desktop's tray does not work ({type(exc).__name__}: {exc})") from exc
        finally:
            self._gone.set()

    def show(self, picture: Picture) -> None:
        """Change icon, tooltip and menu, each only where it differs."""
        if self._gone.is_set():
            return
        before, self._shown = self._shown, picture
        try:
            if (picture.state, picture.frame) != (before.state, before.frame):
                self._icon.icon = draw(picture.state, picture.frame)
            self._icon.title = picture.tooltip
            if picture.menu != before.menu:
                self._icon.menu = self._menu(picture.menu)
        except Exception:  # a desktop that fails to draw must not end the connection to the engine
            log.exception("the icon could not be changed")

    def notify(self, notice: Notice) -> None:
        """Show a notification in place of the last one, where the desktop has such."""
        if self._gone.is_set() or not self._icon.HAS_NOTIFICATION:
            return
        try:
            self._icon.notify(notice.text, notice.title)
        except Exception:  # as above
            log.exception("the notification could not be shown")

    def stop(self) -> None:
        """Take the icon away: `run` returns."""
        self._gone.set()
        try:
            self._icon.stop()
        except Exception:  # GTK raises GLib.Error where no notification service runs; the icon is gone all the same
            log.debug("the icon did not go quietly", exc_info=True)

    def _menu(self, items: tuple[MenuItem, ...]) -> Any:
        return self._pystray.Menu(*(self._item(item) for item in items))

    def _item(self, item: MenuItem) -> Any:
        action = item.action
        if item.items:
            does: Any = self._menu(item.items)
        elif action is None:
            does = None
        else:

            def does() -> None:
                if item.enabled:  # a click on the icon runs the default entry whether or not it is enabled
                    self._act(action)

        return self._pystray.MenuItem(item.text, does, default=item.default, enabled=item.enabled)


def _xorg_icon(icon: Any) -> Any:
    """Return pystray's X11 icon with its faults mended (0.19.5; see `docs/quirks.md`)."""
    from Xlib import X  # noqa: PLC0415 only where pystray uses it

    class XorgIcon(icon):  # type: ignore[misc]  # pystray has no types
        def _create_window(self) -> Any:
            window = super()._create_window()
            # Without ButtonPress no click ever arrives.
            window.change_attributes(event_mask=X.ExposureMask | X.StructureNotifyMask | X.ButtonPressMask)
            return window

        def _run(self) -> None:
            # The set-up thread that `_run` starts asks for this at once, sometimes before it is there.
            self._thread = threading.current_thread()
            super()._run()

        def _update_title(self) -> None:
            # WM_NAME is Latin-1, and a character outside of it raises; the real name goes where UTF-8 may be.
            utf8 = self._display.intern_atom("UTF8_STRING")
            name = self._display.intern_atom("_NET_WM_NAME")
            self._window.change_property(name, utf8, 8, self.title.encode())
            self._window.set_wm_name(self.title.encode("latin-1", "replace").decode("latin-1"))
            self._display.flush()

        def _assert_icon_data(self, width: int, height: int) -> None:
            # pystray stretches the picture over the window, which few trays make square, and drops its alpha
            # channel, which leaves specks at the edges.
            if self._icon_data and self._icon_data.size == (width, height):
                return
            side = max(1, min(width, height))
            picture = self._icon.resize((side, side), Image.Resampling.BOX)
            self._icon_data = Image.new("RGB", (width, height), BARE_GROUND)
            self._icon_data.paste(picture, ((width - side) // 2, (height - side) // 2), picture)

    return XorgIcon


def _host_comes(icon: Any, wait_s: float) -> bool:
    """Return whether a tray is there, or comes within the time."""
    last = time.monotonic() + wait_s
    while not icon._get_systray_manager():  # noqa: SLF001 pystray only logs that there is none, and runs on unseen
        if time.monotonic() >= last:
            return False
        time.sleep(_HOST_POLL_S)
    return True
