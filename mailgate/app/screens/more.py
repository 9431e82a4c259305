"""Where is the rest? The places that a phone's bottom bar has no room for."""

import flet as ft

from mailgate.app.components.base import one_line, panel, pressable, text
from mailgate.app.components.places import BOTTOM, PLACES, Place, count_of
from mailgate.app.components.shell import screen
from mailgate.app.session import Ui, go, use_picture, use_ui
from mailgate.app.store import Picture
from mailgate.app.theme import Face, Space


def _row(ui: Ui, picture: Picture, place: Place) -> ft.Control:
    parts: list[ft.Control] = [
        ft.Icon(place.icon, size=22, color=ui.p.ink2),
        ft.Container(one_line(ui, ui.t(place.key), 15, Face.MEDIUM), expand=True),
    ]
    if count := count_of(picture, place):
        parts.append(text(ui, ui.number(count), 13, Face.MEDIUM, ui.p.ink2))
    parts.append(ft.Icon(ft.Icons.CHEVRON_RIGHT, size=20, color=ui.p.ink2))
    return pressable(ui, ft.Row(parts, spacing=Space.L), go(place.path), padding=Space.L)


@ft.component
def More() -> ft.Control:
    """A list of places, one to a row."""
    ui = use_ui()
    picture = use_picture(ui)
    rows = [_row(ui, picture, place) for place in PLACES if ui.compact is False or place not in BOTTOM]
    listing = ft.Column(rows, spacing=0, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)
    return screen(ui, ui.t("nav.more"), "", panel(ui, listing, Space.XS))
