"""pystray's icon on bare X11 with its faults mended (pystray 0.19.5, python-xlib 0.33).

What is left of pystray's own is the window, the handshake with the tray and the call of the default entry.
"""

import functools
import select
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from PIL import Image

GROUND: Final = "#121B18"
"""What stands behind the picture, since this icon knows no transparency: the bar's colour in the dark palette."""

DOCK_RETRY_S: Final = 2.0
"""While there is no tray (its panel was started anew), it is looked for so often."""

_HOST_POLL_S: Final = 0.25


def xorg_icon(icon: Any) -> Any:
    """Return a child of `icon`, which is `pystray._xorg.Icon`. Its objects belong to the thread that makes them."""
    from Xlib import X  # noqa: PLC0415 only where pystray uses it
    from Xlib.error import ConnectionClosedError  # noqa: PLC0415

    class XorgIcon(icon):  # type: ignore[misc]  # pystray has no types
        _icon_data: Any
        _systray_manager: Any

        def __init__(self, *args: Any) -> None:
            self._jobs: deque[Callable[[], None]] = deque()
            self._woken, self._waker = socket.socketpair()
            self._woken.setblocking(False)
            self._owner = threading.current_thread()
            super().__init__(*args)

        def __del__(self) -> None:
            """Do nothing: pystray talks to the screen once more, which may be gone; all ends with the process."""

        def host_comes(self, wait_s: float) -> bool:
            """Return whether a tray is there, or comes within the time; pystray would run on unseen."""
            last = time.monotonic() + wait_s
            while not self._get_systray_manager():
                if time.monotonic() >= last:
                    return False
                time.sleep(_HOST_POLL_S)
            return True

        # Threads. python-xlib loses requests and events when two threads use a connection: a flush that finds the
        # socket busy gives up, and then nobody wakes the reader. pystray hands work to its loop through that same
        # connection. Here it goes through a queue and a socket of our own, and one thread alone talks to X.

        def _rewrite_implementation(self, *methods: Callable[[], None]) -> None:
            for method in methods:
                setattr(self, method.__name__, functools.partial(self._in_owner, method))

        def _in_owner(self, method: Callable[[], None]) -> None:
            if threading.current_thread() is self._owner:
                method()
            else:
                self._jobs.append(method)
                self._waker.send(b"\0")

        def _mainloop(self) -> None:
            with suppress(ConnectionClosedError):  # the screen is gone: the reader has logged out
                self._serve()

        def _serve(self) -> None:
            while True:
                self._display.sync()  # everything is sent, and what has come is in the queue
                if self._display.pending_events():
                    event = self._display.next_event()
                    if event.type == X.DestroyNotify and event.window == self._window:
                        return
                    self._message_handlers.get(event.type, _ignore)(event)
                elif self._jobs:
                    self._jobs.popleft()()
                else:
                    self._wait()

        def _wait(self) -> None:
            patience_s = None if self._systray_manager else DOCK_RETRY_S
            ready, _, _ = select.select([self._display, self._woken], [], [], patience_s)
            if self._woken in ready:
                self._woken.recv(4096)
            elif not ready:
                self._dock_window()

        # Docking. pystray asks the tray anew at each change of the picture, which makes the icon jump, and after the
        # tray is gone it logs an error at each change.

        def _dock_window(self) -> None:
            if not self._systray_manager:
                super()._dock_window()

        def _show(self) -> None:
            self._dock_window()

        def _on_destroy_notify(self, event: Any) -> None:
            if self._systray_manager and event.window.id == self._systray_manager.id:
                self._systray_manager = None
                self._dock_window()

        # Drawing.

        def _create_window(self) -> Any:
            window = super()._create_window()
            # Without ButtonPress no click ever arrives.
            window.change_attributes(event_mask=X.ExposureMask | X.StructureNotifyMask | X.ButtonPressMask)
            return window

        def _update_title(self) -> None:
            # WM_NAME is Latin-1, and a character outside of it raises; the real name goes where UTF-8 may be.
            utf8 = self._display.intern_atom("UTF8_STRING")
            name = self._display.intern_atom("_NET_WM_NAME")
            self._window.change_property(name, utf8, 8, self.title.encode("utf-8", "replace"))
            self._window.set_wm_name(self.title.encode("latin-1", "replace").decode("latin-1"))

        def _update_icon(self) -> None:
            self._icon_data = None
            self._draw()
            self._icon_valid = True

        def _assert_icon_data(self, width: int, height: int) -> None:
            # pystray stretches the picture over the window, which few trays make square, and drops its alpha
            # channel, which leaves specks at the edges.
            if self._icon_data and self._icon_data.size == (width, height):
                return
            side = max(1, min(width, height))
            picture = self._icon.resize((side, side), Image.Resampling.BOX)
            self._icon_data = Image.new("RGB", (width, height), GROUND)
            self._icon_data.paste(picture, ((width - side) // 2, (height - side) // 2), picture)

    return XorgIcon


def _ignore(event: Any) -> None:
    """Do nothing about an event that does not concern us."""
