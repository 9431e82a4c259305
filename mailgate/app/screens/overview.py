"""Is mail moving, and if not, where does it stop?"""

from typing import Final

import flet as ft

from mailgate.app.answers import cards, fine, headline, last_session, path
from mailgate.app.components.base import dim, heading, panel, text
from mailgate.app.components.chart import chart_panel
from mailgate.app.components.health import fine_line, health_cards
from mailgate.app.components.path import path_panel
from mailgate.app.components.shell import screen
from mailgate.app.components.states import skeleton
from mailgate.app.session import Ui, use_picture, use_ui
from mailgate.app.theme import Face, Space
from mailgate.contract import v1

NUMBERS_PX: Final = 256  # height of the chart, and of the facts beside it
NO_TIME: Final = "—"


def _fact(ui: Ui, title: str, value: str, sub: str) -> ft.Control:
    """Return a line, not a tile: the number is news only in its sentence."""
    words = ft.Column([text(ui, title, 13.5, Face.MEDIUM), dim(ui, sub)], spacing=0, expand=True)
    return ft.Row([words, text(ui, value, 18, Face.SEMI)], spacing=Space.M)


def _next(ui: Ui, status: v1.Status) -> tuple[str, str]:
    if status.busy:
        return NO_TIME, ui.t("fact.next.now")
    if status.paused and status.paused_until is None:
        return NO_TIME, ui.t("fact.next.paused")
    if status.next_session is None:
        return NO_TIME, ui.t("fact.next.none")
    return ui.moment(status.next_session), ui.ahead(status.next_session)


def _last(ui: Ui, status: v1.Status) -> tuple[str, str]:
    tried, failed = last_session(status)
    if tried is None:
        return NO_TIME, ui.t("fact.last.none")
    return ui.moment(tried), ui.t("fact.last.failed", n=failed) if failed else ui.t("fact.last.fine")


def _parted(ui: Ui, facts: list[ft.Control]) -> ft.Control:
    parted = facts[:1]
    for fact in facts[1:]:
        parted += [ft.Divider(color=ui.p.line), fact]
    return ft.Column(parted, spacing=10)


def _facts(ui: Ui, status: v1.Status, height: int | None) -> ft.Control:
    counts = status.counts
    today = ui.t("fact.today.last", ago=ui.ago(status.last_mail)) if status.last_mail else ui.t("fact.today.none")
    if not counts.waiting:
        waiting = ui.t("fact.waiting.none")
    elif counts.deferred:
        waiting = ui.t("fact.waiting.again", n=counts.deferred)
    else:
        waiting = ui.t("fact.waiting.first")
    facts = [
        _fact(ui, ui.t("fact.next"), *_next(ui, status)),
        _fact(ui, ui.t("fact.last"), *_last(ui, status)),
        _fact(ui, ui.t("fact.today"), ui.number(counts.delivered_today), today),
        _fact(ui, ui.t("fact.waiting"), ui.number(counts.waiting), waiting),
    ]
    if height is None and not ui.compact:  # alone in its row: two beside each other
        columns: list[ft.Control] = [ft.Container(_parted(ui, facts[i : i + 2]), expand=True) for i in (0, 2)]
        return panel(ui, ft.Row(columns, spacing=Space.XXL))
    return panel(ui, _parted(ui, facts), height=height)


def _numbers(ui: Ui, status: v1.Status) -> ft.Control:
    hours = status.counts.hours
    if not any(hours):
        return _facts(ui, status, None)
    if ui.compact:
        return ft.Column(
            [_facts(ui, status, None), chart_panel(ui, hours, None)],
            spacing=Space.L,
            horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
        )
    return ft.Row(
        [
            ft.Container(chart_panel(ui, hours, NUMBERS_PX), expand=2),
            ft.Container(_facts(ui, status, NUMBERS_PX), expand=1),
        ],
        spacing=Space.L,
    )


def _health(ui: Ui, status: v1.Status, *, lost: bool) -> ft.Control:
    found = cards(status)
    if not found:
        return ft.Container() if lost else fine_line(ui, fine(status))
    return ft.Column(
        [heading(ui, ui.t("health.title")), health_cards(ui, found)],
        spacing=Space.M,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )


@ft.component
def Overview() -> ft.Control:
    """The first screen: the answer, the path, what needs the reader, and the numbers."""
    ui = use_ui()
    picture = use_picture(ui)
    status = picture.status
    title = ui.tell(headline(picture))
    if status is None:
        return screen(ui, title, "", ft.Container() if picture.lost else skeleton(ui))
    since = ui.moment(status.started_at)
    lead = (
        ui.t("ov.since", since=since, ago=ui.ago(status.last_mail))
        if status.last_mail
        else ui.t("ov.since.nothing", since=since)
    )
    body = ft.Column(
        [
            path_panel(ui, path(status)),
            _health(ui, status, lost=picture.lost),
            _numbers(ui, status),
            ft.Container(height=Space.S),
        ],
        spacing=Space.L,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )
    return screen(ui, title, lead, body)
