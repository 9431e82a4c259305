"""What is laid over a screen: the toast that says what happened, and the list of shortcuts."""

import flet as ft

from mailgate.app.components.base import Handler, dim, text
from mailgate.app.material import style
from mailgate.app.session import Ui
from mailgate.app.theme import Face, Radius, Space, State

TOAST_MS = 5_000
UNDO_MS = 10_000
BOTTOM_BAR_PX = 80


def toast(page: ft.Page, ui: Ui, message: str, undo: Handler | None = None) -> None:
    """Say what happened, for five seconds; for ten where it can be undone."""
    action = ft.SnackBarAction(ui.t("do.undo"), text_color=ui.p.brand_soft, on_click=undo) if undo else None
    page.show_dialog(
        ft.SnackBar(
            ft.Text(message, style=style(14, color=ui.p.panel)),
            bgcolor=ui.p.ink,
            behavior=ft.SnackBarBehavior.FLOATING,
            action=action,
            duration=UNDO_MS if undo else TOAST_MS,
            width=None if ui.compact else 460,
            persist=False,
            margin=ft.Margin.only(left=16, right=16, bottom=BOTTOM_BAR_PX) if ui.compact else None,
            shape=ft.RoundedRectangleBorder(radius=Radius.CONTROL),
        )
    )


def title(ui: Ui, words: str) -> ft.Control:
    """Return the title of a dialog."""
    return ft.Text(words, style=style(20, Face.SEMI, ui.p.ink))


def confirm(ui: Ui, named: str, body: str, do_label: str, on_yes: Handler, on_no: Handler) -> ft.AlertDialog:
    """Return the question before an act that cannot be undone. The safe answer comes first and has the focus."""
    red = ui.p.tones[State.ERROR].ink
    return ft.AlertDialog(
        title=title(ui, named),
        content=text(ui, body, 14.5, width=420),
        on_dismiss=on_no,
        actions=[
            ft.TextButton(ui.t("do.cancel"), on_click=on_no, autofocus=True),
            ft.FilledButton(do_label, on_click=on_yes, bgcolor=red, color=ui.p.panel),
        ],
    )


def shortcuts(ui: Ui, keys: list[tuple[str, str]]) -> ft.AlertDialog:
    """Return the list of shortcuts: key and what it does."""

    def close(_: object) -> None:
        ui.reader.prefs.helping = False

    def line(key: str, what: str) -> ft.Control:
        cap = ft.Container(
            text(ui, key, 13, Face.MONO_MEDIUM),
            bgcolor=ui.p.sunken,
            border=ft.Border.all(1, ui.p.line),
            border_radius=Radius.CHIP,
            padding=ft.Padding.symmetric(horizontal=8, vertical=3),
        )
        held = ft.Container(cap, width=96, alignment=ft.Alignment.CENTER_LEFT)
        return ft.Row([held, ft.Container(dim(ui, what, 14), expand=True)], spacing=Space.M)

    return ft.AlertDialog(
        title=title(ui, ui.t("keys.title")),
        content=ft.Container(ft.Column([line(*key) for key in keys], spacing=Space.M, tight=True), width=360),
        on_dismiss=close,
        actions=[ft.TextButton(ui.t("do.close"), on_click=close, autofocus=True)],
    )
