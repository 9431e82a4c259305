"""The dialog that asks who gets a message."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import flet as ft

from mailgate.app.answers import sender as sender_of
from mailgate.app.components.base import dim, field, one_line, primary
from mailgate.app.components.dialogs import title
from mailgate.app.material import style
from mailgate.app.session import Ui
from mailgate.app.theme import Face, Radius, Space
from mailgate.contract import v1

FILTER_FROM: Final = 8
"""So many addresses, and they can be filtered."""

ROW_PX: Final = 44
SHOWN_ROWS: Final = 6


@dataclass(frozen=True, slots=True)
class Question:
    """Who gets `message`: one of `offered`; what the reader has picked and filtered so far."""

    message: v1.Message
    offered: tuple[str, ...]
    chosen: str = ""
    needle: str = ""


def choices(ui: Ui, question: Question, put: Callable[[Question], None]) -> ft.Control:
    """Return the addresses that fit the filter, to pick one of."""
    if not question.offered:
        return dim(ui, ui.t("un.pick.none"), 14)
    shown = [a for a in question.offered if question.needle.casefold() in a.casefold()]
    if not shown:
        return dim(ui, ui.t("un.pick.nohit", q=question.needle), 14)
    radios: list[ft.Control] = [
        ft.Container(
            ft.Radio(value=address, label=address, label_style=style(14, color=ui.p.ink), active_color=ui.p.brand),
            height=ROW_PX,
            alignment=ft.Alignment.CENTER_LEFT,
        )
        for address in shown
    ]
    rows = ft.ListView(radios, height=ROW_PX * min(len(shown), SHOWN_ROWS))
    return ft.RadioGroup(
        rows, value=question.chosen, on_change=lambda e: put(replace(question, chosen=e.control.value or ""))
    )


def pick_dialog(
    ui: Ui, question: Question, put: Callable[[Question | None], None], deliver: Callable[[str, str], None]
) -> ft.AlertDialog:
    """Return the dialog. `put` changes the question, None closes it; `deliver` is told message and address.

    The safe answer comes first and has the focus.
    """
    message = question.message

    def close() -> None:
        ui.reader.keyboard.typing = False  # the field is gone before it could tell that it has lost the focus
        put(None)

    def leave(_: object) -> None:
        close()

    def done(_: object) -> None:
        close()
        deliver(message.id, question.chosen)

    subject = one_line(ui, message.subject or ui.t("un.nosubject"), 14, Face.MEDIUM)
    sender = one_line(ui, ui.t("un.pick.from", a=sender_of(message) or ui.t("un.nosender")), 12.5, color=ui.p.ink2)
    about = ft.Container(
        ft.Column([subject, sender], spacing=2, horizontal_alignment=ft.CrossAxisAlignment.STRETCH),
        bgcolor=ui.p.sunken,
        border_radius=Radius.CONTROL,
        padding=Space.M,
    )
    parts: list[ft.Control] = [about]
    if len(question.offered) >= FILTER_FROM:
        search = field(
            ui,
            ui.t("un.pick.filter"),
            question.needle,
            on_change=lambda e: put(replace(question, needle=e.control.value or "")),
            prefix_icon=ft.Icons.FILTER_LIST,
            dense=True,
        )
        parts.append(search)
    parts.append(choices(ui, question, put))
    return ft.AlertDialog(
        title=title(ui, ui.t("un.pick.title")),
        content=ft.Container(
            ft.Column(parts, spacing=Space.M, tight=True, horizontal_alignment=ft.CrossAxisAlignment.STRETCH),
            width=420,
        ),
        on_dismiss=leave,
        actions=[
            ft.TextButton(ui.t("do.cancel"), on_click=leave, autofocus=True),
            primary(ui.t("un.pick.do"), None, done if question.chosen else None),
        ],
    )
