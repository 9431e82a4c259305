"""The path picture: mail passes a gate, and the line is broken where it stops."""

import flet as ft

from mailgate.app.answers import Path, Station
from mailgate.app.components.base import badge, one_line, panel, text
from mailgate.app.session import Ui
from mailgate.app.theme import Face, Space, State


def _station(ui: Ui, icon: ft.IconData, name: str, station: Station) -> ft.Control:
    tone = ui.p.tones[station.state] if station.state else None
    mark = badge(ui, icon, station.state)
    words: list[ft.Control] = [
        one_line(ui, name, 13, Face.MEDIUM),
        one_line(ui, ui.tell(station.fact), 12, color=tone.ink if tone else ui.p.ink2),
    ]
    if ui.compact:
        return ft.Column([mark, *words], spacing=2, horizontal_alignment=ft.CrossAxisAlignment.CENTER, width=88)
    row = ft.Row([mark, ft.Column(words, spacing=0, expand=True)], spacing=10)
    return ft.Container(row, width=170 if ui.wide else 144)


def _wire(ui: Ui, *, broken: bool) -> ft.Control:
    color = ui.p.inbound

    def line() -> ft.Control:
        return ft.Container(height=2, bgcolor=color, expand=True, border_radius=1)

    if broken:
        cross = ft.Icon(ft.Icons.CLOSE, size=18, color=ui.p.tones[State.ERROR].ink)
        middle: ft.Control = ft.Semantics(label=ui.t("path.broken"), content=cross)
    else:
        middle = ft.Icon(ft.Icons.CHEVRON_RIGHT, size=18, color=color)
    if ui.compact:
        row = ft.Row([line(), middle], spacing=0)
        return ft.Container(row, expand=True, padding=ft.Padding.only(top=9))
    return ft.Container(ft.Row([line(), middle, line()], spacing=2), expand=True)


def path_panel(ui: Ui, path: Path) -> ft.Control:
    """Return the inbound lane: provider, gate, mail server."""
    row = ft.Row(
        [
            _station(ui, ft.Icons.CLOUD_OUTLINED, ui.t("path.provider"), path.provider),
            _wire(ui, broken=path.before_gate),
            _station(ui, ft.Icons.SWAP_HORIZ, ui.t("path.gate"), path.gate),
            _wire(ui, broken=path.before_server),
            _station(ui, ft.Icons.DNS_OUTLINED, ui.t("path.server"), path.server),
        ],
        spacing=Space.XS if ui.compact else Space.M,
        vertical_alignment=ft.CrossAxisAlignment.START if ui.compact else ft.CrossAxisAlignment.CENTER,
    )
    name = ft.Row(
        [
            ft.Container(width=10, height=10, border_radius=3, bgcolor=ui.p.inbound),
            text(ui, ui.t("path.in"), 13, Face.MEDIUM),
        ],
        spacing=Space.S,
    )
    lane: ft.Control = (
        ft.Column([name, row], spacing=Space.M)
        if ui.compact
        else ft.Row([ft.Container(name, width=92), ft.Container(row, expand=True)])
    )
    named = ft.Semantics(label=ui.t("path.name"), container=True, content=lane)
    return panel(ui, named, Space.L if ui.compact else Space.XL)
