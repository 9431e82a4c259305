"""Messages that are too large and stay at the provider: each with what the reader can decide."""

from collections.abc import Callable
from typing import Literal

import flet as ft

from mailgate.app.components.act import told
from mailgate.app.components.base import dim, quiet, text
from mailgate.app.components.dialogs import toast
from mailgate.app.session import Ui, run, use_ui
from mailgate.app.theme import Face, Space, State
from mailgate.contract import v1


async def decide_large(ui: Ui, number: int, wish: Literal["fetch", "tonight", "delete", "leave"]) -> None:
    """Note what becomes of a message that is too large."""
    page = ft.context.page
    if await told(ui, ui.reader.store.engine.decide_oversize(number, wish)) is not None:
        toast(page, ui, ui.t("over.done"))
    ui.reader.store.look()


def _one(ui: Ui, one: v1.OversizeMessage, ask_delete: Callable[[v1.OversizeMessage], None]) -> ft.Control:
    red = ui.p.tones[State.ERROR].ink
    acts: list[ft.Control] = [
        quiet(ui, ui.t("over.fetch"), None, lambda _: run(decide_large, ui, one.id, "fetch")),
        quiet(ui, ui.t("over.tonight"), None, lambda _: run(decide_large, ui, one.id, "tonight")),
        quiet(ui, ui.t("over.leave"), None, lambda _: run(decide_large, ui, one.id, "leave")),
        quiet(ui, ui.t("over.delete"), None, lambda _: ask_delete(one), ink=red),
    ]
    size = ui.t("over.what", size=ui.size(one.size), limit=ui.size(one.limit))
    return ft.Column(
        [
            text(ui, one.subject or ui.t("un.nosubject"), 14, Face.MEDIUM),
            dim(ui, one.from_ or ui.t("un.nosender"), 13),
            dim(ui, f"{size}; {ui.t(f'over.wish.{one.wish}')}", 13),
            ft.Row(acts, spacing=Space.S, run_spacing=Space.S, wrap=True),
        ],
        spacing=Space.XS,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )


@ft.component
def OversizeList(large: tuple[v1.OversizeMessage, ...], ask_delete: Callable[[v1.OversizeMessage], None]) -> ft.Control:
    """The messages, one below the other."""
    ui = use_ui()
    rows = [_one(ui, one, ask_delete) for one in large]
    return ft.Column(rows, spacing=Space.L, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)
