"""Who would get this message, and why nobody else?"""

from collections.abc import Callable
from typing import Final

import flet as ft

from mailgate.app.answers import sender as sender_of
from mailgate.app.components.act import told
from mailgate.app.components.base import chip, dim, field, heading, one_line, panel, pressable, primary, text
from mailgate.app.components.forms import choice, use_search
from mailgate.app.components.reasons import told_reason
from mailgate.app.components.shell import screen
from mailgate.app.components.states import empty
from mailgate.app.loading import use_loaded
from mailgate.app.session import Ui, run, use_picture, use_ui
from mailgate.app.theme import Face, Space, State
from mailgate.app.words import knows
from mailgate.contract import v1

STORED: Final = 20
MAX_HEADER: Final = 200_000
"""Characters of a pasted message that are looked at: a header is far shorter, and its body decides nothing."""


def _candidate(ui: Ui, one: v1.Candidate) -> ft.Control:
    mark = chip(ui, State.OK, ui.t("tr.accepted")) if one.accepted else chip(ui, State.NOTE, ui.t("tr.refused"))
    said = f"{one.field}: {one.why}" if one.field else one.why
    if one.code:
        said = f"{said} ({ui.t('tr.code', c=one.code)})"
    words = ft.Column([text(ui, one.address, 14, Face.MEDIUM), dim(ui, said, 13)], spacing=2, expand=True)
    return ft.Row([words, mark], spacing=Space.M, vertical_alignment=ft.CrossAxisAlignment.START)


def _answer(ui: Ui, report: v1.RoutingReport) -> ft.Control:
    """Return where it would go, the lines that decided, and every address that was looked at."""
    stretch = ft.CrossAxisAlignment.STRETCH
    count = len(report.recipients)
    parts: list[ft.Control]
    if count:
        parts = [heading(ui, ui.t("tr.goes", n=count), 18)]
        for one in report.recipients:
            code = [dim(ui, ui.t("tr.code", c=one.code), 13)] if one.code else []
            parts.append(ft.Row([ft.Container(text(ui, one.address, 15, Face.MEDIUM), expand=True), *code]))
    else:
        parts = [heading(ui, ui.t("tr.nobody"), 18), text(ui, told_reason(ui, report.reason, report.text), 14)]
        key = f"tr.fallback.{report.fallback}"
        if knows(key):
            parts.append(dim(ui, ui.t(key), 13.5))
    if report.evidence:
        lines = [text(ui, line, 12, Face.MONO, ui.p.ink2) for line in report.evidence]
        parts += [ft.Divider(color=ui.p.line), heading(ui, ui.t("tr.decided"), 14.5), *lines]
    if report.candidates:
        looked = [_candidate(ui, one) for one in report.candidates]
        parts += [ft.Divider(color=ui.p.line), heading(ui, ui.t("tr.looked"), 14.5), *looked]
    return ft.Column(parts, spacing=Space.M, horizontal_alignment=stretch)


def _stored(ui: Ui, message: v1.Message, picked: str, pick: Callable[[v1.Message], None]) -> ft.Control:
    words = ft.Column(
        [
            one_line(ui, message.subject or ui.t("un.nosubject"), 14, Face.MEDIUM),
            one_line(ui, sender_of(message) or ui.t("un.nosender"), 12.5, color=ui.p.ink2),
        ],
        spacing=2,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )
    return pressable(ui, words, lambda _: pick(message), selected=message.id == picked)


@ft.component
def TryRouting() -> ft.Control:
    """A header or a stored message on one side, the answer on the other."""
    ui = use_ui()
    picture = use_picture(ui)
    header, set_header = ft.use_state("")
    account, set_account = ft.use_state("")
    needle, set_needle = ft.use_state("")
    picked, set_picked = ft.use_state("")
    nothing: v1.RoutingReport | None = None
    report, put = ft.use_state(nothing)
    engine = ui.reader.store.engine
    names = [one.name for one in picture.status.accounts] if picture.status else []
    chosen = account if account in names else (names[0] if names else "")

    async def find() -> v1.MessagePage:
        return await engine.messages(text=needle, limit=STORED)

    found = use_loaded(ui, find, needle, picture.mail_turn)
    search = use_search(ui, ui.t("tr.find"), set_needle, needle)

    async def tried() -> None:
        set_picked("")
        put(await told(ui, engine.try_message(header=header[:MAX_HEADER], account=chosen)) or report)

    async def tried_stored(message: v1.Message) -> None:
        set_picked(message.id)
        put(await told(ui, engine.try_message(message.id)) or report)

    stretch = ft.CrossAxisAlignment.STRETCH
    paste = field(
        ui,
        ui.t("tr.header"),
        header,
        on_change=lambda e: set_header(e.control.value or ""),
        multiline=True,
        min_lines=6,
        max_lines=8,
        helper=ui.t("tr.header.what"),
        text_size=12,
    )
    do = primary(ui.t("tr.do"), None, (lambda _: run(tried)) if header.strip() and chosen else None)
    whose = choice(ui, ui.t("tr.account"), chosen, [(name, name) for name in names], set_account)
    rows: list[ft.Control] = []
    if found:
        rows = [_stored(ui, one, picked, lambda m: run(tried_stored, m)) for one in found.messages]
    if found and not rows:
        rows = [dim(ui, ui.t("tr.none"), 14)]
    ask = ft.Column(
        [
            paste,
            ft.Row([whose, do], spacing=Space.M),
            ft.Divider(color=ui.p.line),
            heading(ui, ui.t("tr.stored"), 14.5),
            ft.Row([search]),
            *rows,
        ],
        spacing=Space.M,
        horizontal_alignment=stretch,
    )
    if ui.compact:  # one below the other, the answer on top once there is one
        parts: list[ft.Control] = [panel(ui, ask)]
        if report:
            parts.insert(0, panel(ui, _answer(ui, report)))
        parts.append(ft.Container(height=Space.S))
        return screen(
            ui,
            ui.t("nav.routing"),
            ui.t("tr.lead"),
            ft.Column(parts, spacing=Space.M, horizontal_alignment=stretch),
        )
    answer: ft.Control = empty(ui, ft.Icons.CALL_SPLIT, ui.t("tr.empty"), ui.t("tr.empty.what"))
    if report:
        answer = ft.ListView([_answer(ui, report)], padding=20, expand=True)
    asked = panel(ui, ft.ListView([ask], padding=20, expand=True), 0, expand=True)
    body = ft.Row([asked, panel(ui, answer, 0, expand=True)], spacing=Space.L, expand=True, vertical_alignment=stretch)
    return screen(ui, ui.t("nav.routing"), ui.t("tr.lead"), body, scroll=False)
