"""What is happening right now?"""

import flet as ft

from mailgate.app.components.base import field, quiet
from mailgate.app.components.shell import screen
from mailgate.app.components.transfer import TransferWindow
from mailgate.app.session import use_ui


@ft.component
def Live() -> ft.Control:
    """The inbound transfer window, with a filter and a way to make the picture stand still."""
    ui = use_ui()
    needle, set_needle = ft.use_state("")
    paused, set_paused = ft.use_state(False)
    asked, set_asked = ft.use_state(0)
    keyboard = ui.reader.keyboard

    def entered() -> None:
        keyboard.search = lambda: set_asked(lambda times: times + 1)

    def left() -> None:
        keyboard.search, keyboard.typing = None, False

    ft.use_effect(entered, [], left)
    search = field(
        ui,
        ui.t("live.filter.short" if ui.compact else "live.filter"),
        needle,
        on_change=lambda e: set_needle(e.control.value or ""),
        prefix_icon=ft.Icons.FILTER_LIST,
        expand=ui.compact,
        width=None if ui.compact else 300,
        dense=True,
        key=f"filter {asked}",  # a new field takes the focus when it comes
        autofocus=asked > 0,
    )
    pause = quiet(
        ui,
        ui.t("do.resume" if paused else "do.pause"),
        ft.Icons.PLAY_ARROW if paused else ft.Icons.PAUSE,
        lambda _: set_paused(not paused),
    )
    window = TransferWindow(
        ui.t("live.in"),
        ui.p.inbound,
        ft.Icons.SOUTH_WEST,
        needle,
        lambda _: set_needle(""),
        paused=paused,
    )
    return screen(ui, ui.t("nav.live"), ui.t("live.lead"), window, [search, pause], scroll=False)
