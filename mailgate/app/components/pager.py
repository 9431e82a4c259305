"""The line below a list that turns its pages."""

import flet as ft

from mailgate.app.components.base import Handler, dim, icon_button
from mailgate.app.session import Ui
from mailgate.app.theme import Space


def pager(
    ui: Ui, first: int, count: int, total: int, *, newer: Handler | None, older: Handler | None
) -> list[ft.Control]:
    """Return the line, or nothing where all fits on one page. `first` counts from 1."""
    if newer is None and older is None:
        return []
    a, b, n = (ui.number(value) for value in (first, first + count - 1, total))
    return [
        ft.Row(
            [
                dim(ui, ui.t("un.range", a=a, b=b, n=n), 13),
                icon_button(ui, ft.Icons.CHEVRON_LEFT, ui.t("do.newer"), newer),
                icon_button(ui, ft.Icons.CHEVRON_RIGHT, ui.t("do.older"), older),
            ],
            alignment=ft.MainAxisAlignment.END,
            spacing=Space.XS,
        )
    ]
