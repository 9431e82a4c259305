"""What a screen shows when there is nothing, or not yet something."""

import flet as ft

from mailgate.app.components.base import dim, panel, text
from mailgate.app.session import Ui
from mailgate.app.theme import Face, Space


def empty(ui: Ui, icon: ft.IconData, title: str, what: str, action: ft.Control | None = None) -> ft.Control:
    """Return the picture of an empty place: one line, one sentence on how it fills, at most one button."""
    mark = ft.Container(
        ft.Icon(icon, size=28, color=ui.p.on_brand_soft),
        bgcolor=ui.p.brand_soft,
        border_radius=28,
        width=56,
        height=56,
        alignment=ft.Alignment.CENTER,
    )
    parts: list[ft.Control] = [mark]
    if title:
        parts.append(text(ui, title, 16, Face.SEMI, text_align=ft.TextAlign.CENTER))
    if what:
        parts.append(ft.Container(dim(ui, what, 14, text_align=ft.TextAlign.CENTER), width=320))
    if action:
        parts.append(action)
    return ft.Container(
        ft.Column(
            parts,
            horizontal_alignment=ft.CrossAxisAlignment.CENTER,
            alignment=ft.MainAxisAlignment.CENTER,
            spacing=Space.M,
            tight=True,
        ),
        alignment=ft.Alignment.CENTER,
        padding=Space.XL,
        expand=True,
    )


def skeleton(ui: Ui, rows: int = 5) -> ft.Control:
    """Return rows without words, in the shape of what will come."""

    def bar(width: int, height: int = 12) -> ft.Control:
        return ft.Container(width=width, height=height, border_radius=6, bgcolor=ui.p.sunken)

    lines: list[ft.Control] = [
        ft.Row([bar(88, 22), ft.Column([bar(200), bar(140, 10)], spacing=Space.S)], spacing=Space.L)
        for _ in range(rows)
    ]
    return panel(ui, ft.Column(lines, spacing=Space.XL))
