"""The seam to a desktop's tray: four calls, so that another library can take pystray's place."""

from collections.abc import Callable
from typing import Protocol

from mailgate.tray.model import Action, Picture
from mailgate.tray.notices import Notice


class NoTrayError(Exception):
    """This desktop has no place for an icon, or there is no desktop; `args[0]` says which."""


class TrayBackend(Protocol):
    """An icon in the tray. What the reader clicks goes to the `Act` it was made with, from any thread."""

    def run(self, ready: Callable[[], None]) -> None:
        """Show the icon and return when it is gone; to be called from the main thread.

        `ready` is called once `show`, `notify` and `stop` work. Where it returns though nobody called `stop`, the
        desktop took the icon away.
        """
        ...

    def show(self, picture: Picture) -> None:
        """Change icon, tooltip and menu; from any one thread. Does nothing once the icon is gone."""
        ...

    def notify(self, notice: Notice) -> None:
        """Show a notification in place of the last one, where the desktop has such."""
        ...

    def stop(self) -> None:
        """Take the icon away: `run` returns."""
        ...


Act = Callable[[Action], None]
"""What a click leads to. Must return at once."""
