"""Controls that ask the reader for something: a search, a choice."""

from collections.abc import Callable, Sequence

import flet as ft

from mailgate.app.components.base import Handler, field, one_line, text
from mailgate.app.session import Ui, run
from mailgate.app.theme import Face, Radius, Space


def use_search(ui: Ui, label: str, put: Callable[[str], None], value: str, *, width: int | None = None) -> ft.Control:
    """Return a search field; `put` is told what is looked for when the reader has stopped typing for a moment."""
    turn = ft.use_ref(0)

    async def settled(number: int, words: str) -> None:
        await ui.reader.store.settle()
        if turn.current == number:
            put(words.strip())

    def typed(event: ft.Event[ft.TextField]) -> None:
        turn.current = (turn.current or 0) + 1
        run(settled, turn.current, event.control.value or "")

    return field(
        ui, label, value, on_change=typed, prefix_icon=ft.Icons.SEARCH, dense=True, width=width, expand=width is None
    )


def choice(
    ui: Ui,
    label: str,
    value: str,
    options: Sequence[tuple[str, str]],
    put: Callable[[str], None],
    *,
    width: int | None = None,
) -> ft.Control:
    """Return a button that tells what is chosen and opens the list of `options` (value and words).

    No dropdown: the arrow of one is a button without a name to whoever hears the screen.
    """
    said = next((words for key, words in options if key == value), value)

    def item(key: str, words: str) -> ft.PopupMenuItem:
        return ft.PopupMenuItem(words, checked=key == value, on_click=lambda _: put(key))

    words = ft.Column([one_line(ui, label, 12, color=ui.p.ink2), one_line(ui, said)], spacing=0, expand=True)
    face = ft.Container(
        ft.Row([words, ft.Icon(ft.Icons.ARROW_DROP_DOWN, size=20, color=ui.p.ink2)], spacing=Space.XS),
        border=ft.Border.all(1, ui.p.edge),
        border_radius=Radius.CONTROL,
        bgcolor=ui.p.panel,
        padding=ft.Padding.only(left=14, right=10, top=6, bottom=6),
    )
    menu = ft.PopupMenuButton(
        content=face, items=[item(*one) for one in options], tooltip="", bgcolor=ui.p.panel, key=f"choice {label}"
    )
    named = ft.MergeSemantics(ft.Semantics(button=True, content=menu))
    return ft.Container(named, width=width, expand=width is None)


def menu_button(
    ui: Ui, label: str, icon: ft.IconData, items: Sequence[tuple[str, Handler]], *, ready: bool = True
) -> ft.Control:
    """Return a button in the form of a quiet one that opens a list of acts (words and what they do)."""
    ink = ui.p.ink if ready else ui.p.edge
    words = ft.Row(
        [
            ft.Icon(icon, size=18, color=ink),
            text(ui, label, 14, Face.MEDIUM, ink),
            ft.Icon(ft.Icons.ARROW_DROP_DOWN, size=18, color=ink),
        ],
        spacing=Space.S,
        tight=True,
    )
    face = ft.Container(
        words,
        border=ft.Border.all(1, ui.p.edge if ready else ui.p.line),
        border_radius=Radius.CONTROL,
        bgcolor=ui.p.panel,
        padding=ft.Padding.symmetric(horizontal=12, vertical=10),
    )
    menu = ft.PopupMenuButton(
        content=face,
        items=[ft.PopupMenuItem(said, on_click=press) for said, press in items],
        tooltip="",
        bgcolor=ui.p.panel,
        disabled=not ready,
    )
    return ft.MergeSemantics(ft.Semantics(button=True, content=menu))
