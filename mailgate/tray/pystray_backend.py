"""The tray by pystray: Windows, macOS and, on Linux, appindicator, GTK or bare X11, whichever is there.

The only module that knows pystray. It is imported on use: without a display the import itself raises.
"""

import logging
import threading
from collections.abc import Callable
from typing import Any, Final

from mailgate.tray.backend import Act, NoTrayError
from mailgate.tray.icons import draw
from mailgate.tray.model import MenuItem, Picture
from mailgate.tray.notices import PRODUCT, Notice
from mailgate.tray.xorg_icon import xorg_icon

HOST_WAIT_S: Final = 10.0
"""How long a bare X11 desktop may take to bring its tray up: at login the panel may start after us."""

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
        make = xorg_icon(pystray.Icon) if bare_x11 else pystray.Icon
        self._icon: Any = make(PRODUCT, draw(first.state, first.frame), PRODUCT, self._menu(first.menu))
        if bare_x11 and not self._icon.host_comes(host_wait_s):
            raise NoTrayError("this desktop has no tray")

    def run(self, ready: Callable[[], None]) -> None:
        """Show the icon and return when it is gone; to be called from the main thread."""

        def setup(icon: Any) -> None:
            if self._gone.is_set():  # stopped before it ran
                icon.stop()
                return
            icon.visible = True
            icon.title = self._shown.tooltip  # not sooner: on bare X11 the first title must be Latin-1
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
