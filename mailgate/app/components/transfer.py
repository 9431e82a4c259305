"""A transfer window: the log's lines as they come, monospaced, newest at the end."""

import flet as ft

from mailgate.app.components.base import Handler, chip, heading, panel, quiet
from mailgate.app.components.states import empty
from mailgate.app.lines import LINES_DRAWN, Line
from mailgate.app.session import Ui, use_ui
from mailgate.app.theme import FALLBACK, Face, Space, State


def _span(value: str, color: str, face: Face = Face.MONO) -> ft.TextSpan:
    return ft.TextSpan(value, style=ft.TextStyle(color=color, font_family=face, font_family_fallback=FALLBACK))


def _line(ui: Ui, line: Line, color: str) -> ft.Control:
    if line.gap:
        spans = [_span(f"— {ui.t('live.gap')} —", ui.p.term_dim)]
    else:
        ink = ui.p.tones[line.tone].ink if line.tone else ui.p.term_ink
        spans = [_span(line.rest, ink)]
        if line.tag:
            spans.insert(0, _span(f"{line.tag} ", color, Face.MONO_MEDIUM))
        if line.time:
            spans.insert(0, _span(f"[{line.time}] ", ui.p.term_dim))
    return ft.Text(
        key=str(line.no),
        size=12 if ui.compact else 12.5,
        style=ft.TextStyle(height=1.5, font_family=Face.MONO, font_family_fallback=FALLBACK),
        spans=spans,
    )


@ft.component
def TransferWindow(
    name: str, color: str, icon: ft.IconData, needle: str, on_clear: Handler, *, paused: bool
) -> ft.Control:
    """The lines of this session's feed that contain `needle`.

    Pausing freezes the picture and counts what was missed since; lines come in all the same.
    """
    ui = use_ui()
    feed, _ = ft.use_state(ui.reader.feed)
    nothing: tuple[Line, ...] | None = None
    frozen = ft.use_ref(nothing)
    turn = ft.use_ref(0)
    if not paused:
        turn.current = (turn.current or 0) + (frozen.current is not None)
        frozen.current = None
    elif frozen.current is None:
        frozen.current = feed.lines
    lines = feed.lines if frozen.current is None else frozen.current
    last = lines[-1].no if lines else -1
    missed = feed.lines[-1].no - last if feed.lines else 0
    shown = [line for line in lines if line.contains(needle)]
    state = (
        chip(ui, State.PAUSED, ui.t("live.paused", n=missed)) if paused else chip(ui, State.OK, ui.t("live.running"))
    )
    head = ft.Container(
        ft.Row(
            [ft.Icon(icon, size=18, color=color), ft.Container(heading(ui, name, 14), expand=True), state],
            spacing=Space.S,
        ),
        padding=ft.Padding.symmetric(horizontal=14, vertical=8),
        border=ft.Border.only(bottom=ft.BorderSide(1, ui.p.line)),
    )
    if shown:
        # A column, though it draws every line: a lazy list only guesses its length where lines wrap, and so its end.
        tail: ft.Control = ft.Column(
            [_line(ui, line, color) for line in shown[-LINES_DRAWN:]],
            key=f"{turn.current} {needle}",  # a new one begins at its end
            scroll=ft.ScrollMode.AUTO,
            auto_scroll=True,  # always: changing it takes the picture back to its first line
            expand=True,
            spacing=2,
            horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
        )
        tail = ft.Container(tail, padding=ft.Padding.only(left=14, right=6, top=6, bottom=6), expand=True)
    elif needle:
        clear = quiet(ui, ui.t("do.clear"), ft.Icons.CLOSE, on_clear)
        tail = empty(ui, ft.Icons.FILTER_LIST_OFF, "", ui.t("live.nohit", q=needle), clear)
    else:
        tail = empty(ui, ft.Icons.SWAP_VERT, "", ui.t("live.waiting"))
    column = ft.Column([head, tail], spacing=0, expand=True, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)
    return panel(ui, column, 0, bgcolor=ui.p.term, expand=True)
