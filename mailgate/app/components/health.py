"""Health: a card for each condition, and one quiet line for what is fine."""

import flet as ft

from mailgate.app.answers import Card, Phrase, Remedy
from mailgate.app.components import act
from mailgate.app.components.base import (
    Handler,
    badge,
    chip,
    dim,
    icon_button,
    panel,
    primary,
    quiet,
    text,
    tonal,
    with_commands,
)
from mailgate.app.material import STATE_ICON
from mailgate.app.session import Ui, go, run, use_picture, use_ui
from mailgate.app.theme import Face, Radius, Space, State


def _remedy(ui: Ui, card: Card, *, ready: bool) -> ft.Control | None:
    press: Handler
    match card.remedy:
        case None:
            return None
        case Remedy.FETCH_ACCOUNT:
            press = lambda _: run(act.fetch, ui, card.account)  # noqa: E731 one line each
        case Remedy.CHOOSE_RECIPIENTS:
            press = go("/unrouted")
        case Remedy.DECIDE_PARKED:
            press = go("/parked")
        case Remedy.RESUME:
            press = lambda _: run(act.resume, ui)  # noqa: E731
        case Remedy.LOOK_AT_ACCOUNT:
            press = go(f"/accounts/{card.account}")
    words = ui.t(card.remedy)
    if card.state is State.ERROR:
        return primary(words, None, press if ready else None)
    return tonal(ui, words, None, press if ready else None)


def _details(ui: Ui, words: str) -> ft.Control:
    """Return the engine's own words, with a button that copies them.

    Not selectable: such text tells a row of equal heights a height without wrapping.
    """
    copy = icon_button(ui, ft.Icons.CONTENT_COPY, ui.t("do.copy"), lambda _: run(act.copy, ui, words))
    row = ft.Row(
        [ft.Container(text(ui, words, 12, Face.MONO), expand=True), copy],
        spacing=Space.S,
        vertical_alignment=ft.CrossAxisAlignment.START,
    )
    pad = ft.Padding.only(left=12, top=8, right=4, bottom=8)
    return ft.Container(row, bgcolor=ui.p.sunken, border_radius=Radius.CONTROL, padding=pad)


@ft.component
def HealthCard(card: Card) -> ft.Control:
    """What happened, what it means, what to do; the engine's own words under Details."""
    ui = use_ui()
    picture = use_picture(ui)
    opened, set_opened = ft.use_state(False)
    title = text(ui, ui.tell(card.title), 15, Face.SEMI)
    since = dim(ui, ui.age(card.since) if card.since else "", 12)
    parts: list[ft.Control] = []
    if meaning := ui.tell(card.meaning):
        parts.append(dim(ui, meaning, 13.5))
    if fix := ui.tell(card.fix):
        parts.append(with_commands(ui, fix, 13.5))
    ready = not picture.lost and not (card.remedy is Remedy.FETCH_ACCOUNT and picture.busy)
    acts = [button for button in (_remedy(ui, card, ready=ready),) if button]
    if card.details:
        words = ui.t("do.details.less" if opened else "do.details")
        flip: Handler = lambda _: set_opened(not opened)  # noqa: E731
        acts.append(ft.TextButton(words, on_click=flip) if acts else quiet(ui, words, None, flip))
    if acts:
        parts.append(ft.Row(acts, spacing=Space.S, run_spacing=Space.S, wrap=True))
    if opened:
        parts.append(_details(ui, card.details))
    mark = badge(ui, STATE_ICON[card.state], card.state)
    head = ft.Row(
        [ft.Container(title, expand=True), ft.Container(since, padding=ft.Padding.only(top=3))],
        spacing=Space.M,
        vertical_alignment=ft.CrossAxisAlignment.START,
    )
    stretch = ft.CrossAxisAlignment.STRETCH
    if ui.compact:
        top = ft.Row([mark, ft.Container(head, expand=True)], spacing=Space.M)
        return panel(ui, ft.Column([top, *parts], spacing=Space.M, horizontal_alignment=stretch))
    body = ft.Column([head, *parts], spacing=Space.S, expand=True, horizontal_alignment=stretch)
    return panel(ui, ft.Row([mark, body], spacing=Space.M, vertical_alignment=ft.CrossAxisAlignment.START))


def health_cards(ui: Ui, cards: tuple[Card, ...]) -> ft.Control:
    """Return the cards: two beside each other where there is room, and those of equal height."""
    if not ui.wide or len(cards) == 1:
        stretch = ft.CrossAxisAlignment.STRETCH
        return ft.Column(
            [ft.Container(HealthCard(c), key=c.key) for c in cards], spacing=Space.M, horizontal_alignment=stretch
        )
    rows: list[ft.Control] = [
        ft.Row(
            [ft.Container(HealthCard(c), key=c.key, expand=True) for c in cards[i : i + 2]],
            spacing=Space.L,
            intrinsic_height=True,
            vertical_alignment=ft.CrossAxisAlignment.STRETCH,
        )
        for i in range(0, len(cards), 2)
    ]
    return ft.Column(rows, spacing=Space.M, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)


def fine_line(ui: Ui, found: tuple[Phrase, ...]) -> ft.Control:
    """Return the quiet line: nothing needs the reader, and what that rests on."""
    why = dim(ui, ", ".join(ui.tell(phrase) for phrase in found), 13)
    state = chip(ui, State.OK, ui.t("health.fine"))
    if ui.compact:
        return ft.Column([state, why], spacing=Space.S)
    return ft.Row([state, ft.Container(why, expand=True)], spacing=10)
