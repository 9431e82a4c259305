"""The smallest parts: text, panel, chip, buttons with a name."""

from collections.abc import Callable
from typing import Any

import flet as ft

from mailgate.app.material import STATE_ICON, style
from mailgate.app.session import Ui
from mailgate.app.theme import FALLBACK, Face, Radius, Space, State

Handler = Callable[[Any], Any]


def text(
    ui: Ui, value: str, size: float = 14, face: Face = Face.BODY, color: str | None = None, **more: Any
) -> ft.Text:
    """Return text that wraps."""
    return ft.Text(value, style=style(size, face, color or ui.p.ink), **more)


def dim(ui: Ui, value: str, size: float = 12.5, **more: Any) -> ft.Text:
    """Return secondary text."""
    return text(ui, value, size, color=ui.p.ink2, **more)


def one_line(ui: Ui, value: str, size: float = 14, face: Face = Face.BODY, color: str | None = None) -> ft.Text:
    """Return text that is cut with an ellipsis rather than wrapped."""
    return text(ui, value, size, face, color, max_lines=1, overflow=ft.TextOverflow.ELLIPSIS)


def with_commands(ui: Ui, value: str, size: float) -> ft.Text:
    """Return secondary text whose parts between backticks are commands, set in the machine's face."""
    spans = [
        ft.TextSpan(
            part,
            style=ft.TextStyle(
                font_family=Face.MONO if i % 2 else Face.BODY,
                font_family_fallback=FALLBACK,
                color=ui.p.ink if i % 2 else ui.p.ink2,
                size=size - 1 if i % 2 else size,
            ),
        )
        for i, part in enumerate(value.split("`"))
        if part
    ]
    return ft.Text(spans=spans, style=style(size, color=ui.p.ink2))


def heading(ui: Ui, value: str, size: float = 16, level: int = 2) -> ft.Control:
    """Return a title that a screen reader finds as one."""
    return ft.Semantics(header=True, heading_level=level, content=text(ui, value, size, Face.SEMI))


def panel(ui: Ui, content: ft.Control, padding: ft.PaddingValue = Space.L, **more: Any) -> ft.Container:
    """Return a card: for things that are one thing."""
    return ft.Container(
        content,
        padding=padding,
        bgcolor=more.pop("bgcolor", ui.p.panel),
        border=ft.Border.all(1, ui.p.line),
        border_radius=Radius.CARD,
        clip_behavior=ft.ClipBehavior.ANTI_ALIAS,
        **more,
    )


def chip(ui: Ui, state: State, word: str) -> ft.Control:
    """Return a state as icon, word and colour; never colour alone."""
    tone = ui.p.tones[state]
    inner = ft.Row(
        [
            ft.Icon(STATE_ICON[state], size=14, color=tone.ink),
            ft.Text(word, style=style(12.5, Face.MEDIUM, tone.ink), no_wrap=True),
        ],
        spacing=6,
        tight=True,
    )
    return ft.Semantics(
        label=word,
        exclude_semantics=True,
        container=True,
        content=ft.Container(
            inner,
            bgcolor=tone.fill,
            border_radius=Radius.CHIP,
            padding=ft.Padding.symmetric(horizontal=8, vertical=4),
        ),
    )


def badge(ui: Ui, icon: ft.IconData, state: State | None = None) -> ft.Control:
    """Return a round mark with an icon; in the brand's colour while there is no state to tell."""
    tone = ui.p.tones[state] if state else None
    return ft.Container(
        ft.Icon(icon, size=18, color=tone.ink if tone else ui.p.on_brand_soft),
        width=36,
        height=36,
        border_radius=18,
        bgcolor=tone.fill if tone else ui.p.brand_soft,
        alignment=ft.Alignment.CENTER,
    )


def icon_button(ui: Ui, icon: ft.IconData, name: str, on_click: Handler | None, *, filled: bool = False) -> ft.Control:
    """Return an icon button whose tooltip is its accessible name; disabled without a handler.

    Merged, since the name otherwise ends up beside the button, and not in it.
    """
    button = ft.IconButton(
        icon,
        tooltip=name,
        on_click=on_click,
        icon_size=20,
        disabled=on_click is None,
        icon_color=ui.p.on_brand if filled and on_click else ui.p.ink2,
        bgcolor=(ui.p.brand if on_click else ui.p.line) if filled else None,
        style=ft.ButtonStyle(shape=ft.RoundedRectangleBorder(radius=Radius.CONTROL)),
    )
    return ft.MergeSemantics(ft.Semantics(button=True, content=button))


def primary(label: str, icon: ft.IconData | None, on_click: Handler | None) -> ft.FilledButton:
    """Return the one filled button of a region; disabled without a handler."""
    return ft.FilledButton(label, icon=icon, on_click=on_click, disabled=on_click is None)


def tonal(ui: Ui, label: str, icon: ft.IconData | None, on_click: Handler | None) -> ft.FilledButton:
    """Return a button that is offered, not urged; disabled without a handler."""
    return ft.FilledButton(
        label,
        icon=icon,
        on_click=on_click,
        disabled=on_click is None,
        bgcolor=ui.p.brand_soft,
        color=ui.p.on_brand_soft,
        elevation=0,
    )


def quiet(
    ui: Ui, label: str | ft.Text, icon: ft.IconData | None, on_click: Handler | None, *, ink: str = ""
) -> ft.OutlinedButton:
    """Return a button with an outline only; disabled without a handler. `ink` is a colour of its own."""
    ink = (ink or ui.p.ink) if on_click else ui.p.edge
    return ft.OutlinedButton(
        label,
        icon=icon,
        on_click=on_click,
        disabled=on_click is None,
        style=ft.ButtonStyle(
            color=ink,
            icon_color=ink,
            side=ft.BorderSide(1, ui.p.edge if on_click else ui.p.line),
            bgcolor=ui.p.panel,
            text_style=style(14, Face.MEDIUM),
            shape=ft.RoundedRectangleBorder(radius=Radius.CONTROL),
            padding=ft.Padding.symmetric(horizontal=12, vertical=12),
        ),
    )


def pressable(
    ui: Ui,
    content: ft.Control,
    on_click: Handler,
    *,
    selected: bool = False,
    name: str | None = None,
    padding: ft.PaddingValue = Space.M,
    tooltip: str | None = None,
) -> ft.Control:
    """Return a whole row as one button: focusable, with ink, its texts merged to one name.

    Give a name only where there is no text inside, else it is read twice.
    """
    box = ft.Container(
        content,
        on_click=on_click,
        ink=True,
        padding=padding,
        border_radius=Radius.CONTROL,
        tooltip=tooltip,
        bgcolor=ui.p.brand_soft if selected else None,
    )
    return ft.MergeSemantics(ft.Semantics(label=name, button=True, selected=selected, content=box))


def outlines(ui: Ui) -> dict[ft.ControlState, ft.InputBorder]:
    """Return the borders of a field, at rest and in focus."""

    def outline(color: str, width: int) -> ft.InputBorder:
        return ft.OutlineInputBorder(side=ft.BorderSide(width, color), border_radius=Radius.CONTROL)

    return {ft.ControlState.DEFAULT: outline(ui.p.edge, 1), ft.ControlState.FOCUSED: outline(ui.p.brand, 2)}


def field(ui: Ui, label: str, value: str, **more: Any) -> ft.TextField:
    """Return a text field. While it has the focus, keys are letters and no shortcuts."""
    keyboard = ui.reader.keyboard

    def focused(_: object) -> None:
        keyboard.typing = True

    def left(_: object) -> None:
        keyboard.typing = False

    return ft.TextField(
        label=label,
        value=value,
        border=outlines(ui),
        bgcolor=ui.p.panel,
        focused_bgcolor=ui.p.panel,  # both, else it turns grey under the mouse and in focus
        hover_color=ui.p.panel,
        text_style=style(15, color=ui.p.ink),
        label_style=style(14, color=ui.p.ink2),
        content_padding=ft.Padding.symmetric(horizontal=14, vertical=14),
        on_focus=focused,
        on_blur=left,
        **more,
    )
