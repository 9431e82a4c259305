"""Who gets such mail from now on?"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import flet as ft

from mailgate.app.answers import sender as sender_of
from mailgate.app.components.act import refusal, told
from mailgate.app.components.base import dim, field, heading, one_line, panel, pressable, primary, text
from mailgate.app.components.dialogs import toast
from mailgate.app.components.picker import FILTER_FROM, Question, choices
from mailgate.app.components.reasons import why
from mailgate.app.components.shell import screen
from mailgate.app.components.states import empty, skeleton
from mailgate.app.loading import use_loaded
from mailgate.app.material import style
from mailgate.app.session import Ui, run, use_picture, use_ui
from mailgate.app.theme import Face, Radius, Space, State
from mailgate.client.errors import RefusedError
from mailgate.contract import v1

SHOWN: Final = 20
"""Caught messages that are named; there may be 500."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """What the reader has chosen so far: which suggestion, and whether the others are sent on, too."""

    picked: v1.Suggestion | None = None
    others: bool = True


@dataclass(frozen=True, slots=True)
class Pupil:
    """The message `id` with what could lead it, and whom it could go to; None when it is not there any more."""

    id: str = ""
    message: v1.Message | None = None
    suggestions: tuple[v1.Suggestion, ...] = ()
    recipients: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What a lesson would do, or why it cannot be taught."""

    wish: v1.Teach
    preview: v1.TeachPreview | None = None
    refused: str = ""


async def _foresee(ui: Ui, wish: v1.Teach) -> Foreseen:
    try:
        return Foreseen(wish, await ui.reader.store.engine.preview_teach(wish))
    except RefusedError as error:
        return Foreseen(wish, None, refusal(ui, error))


async def _look(ui: Ui, message_id: str) -> Pupil:
    engine = ui.reader.store.engine
    try:
        message = (await engine.message(message_id)).message
        if message.state != "parked":
            return Pupil(message_id)
        found = await engine.suggestions(message_id)
    except RefusedError:
        return Pupil(message_id)
    return Pupil(message_id, message, found.suggestions, await engine.recipients())


def _about(ui: Ui, message: v1.Message) -> ft.Control:
    lines: list[ft.Control] = [
        text(ui, message.subject or ui.t("un.nosubject"), 16, Face.SEMI),
        dim(ui, ui.t("un.pick.from", a=sender_of(message) or ui.t("un.nosender")), 13),
        dim(ui, why(ui, message), 13),
    ]
    return ft.Column(lines, spacing=2, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)


def _suggestions(
    ui: Ui, offered: tuple[v1.Suggestion, ...], lesson: Lesson, put: Callable[[Lesson], None]
) -> ft.Control:
    """Return what could lead, the likeliest first."""
    if not offered:
        return dim(ui, ui.t("tc.none"), 14)

    def row(one: v1.Suggestion) -> ft.Control:
        here = one == lesson.picked
        mark = ft.Icons.RADIO_BUTTON_CHECKED if here else ft.Icons.RADIO_BUTTON_UNCHECKED
        words = ft.Column(
            [text(ui, ui.t(f"tc.{one.kind}", v=one.value), 14), dim(ui, ui.t("tc.stood", f=one.field))],
            spacing=2,
            expand=True,
        )
        icon = ft.Icon(mark, size=20, color=ui.p.brand if here else ui.p.ink2)
        return pressable(
            ui, ft.Row([icon, words], spacing=Space.M), lambda _: put(replace(lesson, picked=one)), selected=here
        )

    return ft.Column([row(one) for one in offered], spacing=2, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)


def _caught(ui: Ui, preview: v1.TeachPreview) -> list[ft.Control]:
    """Return what else a lesson would have led elsewhere."""
    looked = ui.number(preview.looked_at)
    if not preview.caught:
        return [dim(ui, ui.t("tc.caught.none", m=looked), 13.5)]
    lines: list[ft.Control] = [text(ui, ui.t("tc.caught", n=len(preview.caught), m=looked), 13.5)]
    for one in preview.caught[:SHOWN]:
        before, after = (", ".join(to) or ui.t("tc.nobody") for to in (one.before, one.after))
        arrow = ft.Icon(ft.Icons.ARROW_FORWARD, size=14, color=ui.p.ink2)
        way = ft.Row([dim(ui, before), arrow, dim(ui, after)], spacing=Space.S, wrap=True)
        subject = one_line(ui, one.subject or ui.t("un.nosubject"), 13.5, Face.MEDIUM)
        lines.append(ft.Column([subject, way], spacing=2, horizontal_alignment=ft.CrossAxisAlignment.STRETCH))
    if len(preview.caught) > SHOWN:
        lines.append(dim(ui, ui.t("list.more", all="…", n=ui.number(len(preview.caught) - SHOWN))))
    return lines


async def _teach(ui: Ui, wish: v1.Teach) -> None:
    page = ft.context.page
    report = await told(ui, ui.reader.store.engine.teach(wish))
    ui.reader.store.look()
    if report is not None:
        toast(page, ui, ui.t("tc.done", n=len(report.sent)))
        await page.push_route("/unrouted")


@ft.component
def Teach() -> ft.Control:
    """What leads, to whom, what that would change; then it is done."""
    ui = use_ui()
    picture = use_picture(ui)
    wanted = ft.use_route_params().get("id") or ""
    lesson, put = ft.use_state(Lesson())
    nothing: Question | None = None
    question, ask = ft.use_state(nothing)

    async def look() -> Pupil:
        return await _look(ui, wanted)

    pupil = use_loaded(ui, look, wanted, picture.mail_turn)
    message = pupil.message if pupil and pupil.id == wanted else None
    to = question or (Question(message, pupil.recipients) if message and pupil else None)
    wish: v1.Teach | None = None
    if lesson.picked and to and to.chosen:
        wish = v1.Teach(id=wanted, kind=lesson.picked.kind, value=lesson.picked.value, recipients=(to.chosen,))

    async def foresee() -> Foreseen | None:
        return await _foresee(ui, wish) if wish else None

    foreseen = use_loaded(ui, foresee, lesson.picked, to.chosen if to else "")
    back = "/unrouted"
    if pupil is None or pupil.id != wanted:
        return screen(ui, ui.t("tc.title"), "", skeleton(ui), back=back)
    if message is None or to is None:
        card = empty(ui, ft.Icons.DONE_ALL, ui.t("tc.gone"), ui.t("tc.gone.what"))
        return screen(ui, ui.t("tc.title"), "", panel(ui, card, 0), back=back)

    leads = _suggestions(ui, pupil.suggestions, lesson, put)
    whom: list[ft.Control] = [heading(ui, ui.t("tc.to"), 14.5)]
    if len(to.offered) >= FILTER_FROM:
        whom.append(
            field(
                ui,
                ui.t("un.pick.filter"),
                to.needle,
                on_change=lambda e: ask(replace(to, needle=e.control.value or "")),
                prefix_icon=ft.Icons.FILTER_LIST,
                dense=True,
            )
        )
    whom.append(choices(ui, to, ask))
    would: list[ft.Control] = [heading(ui, ui.t("tc.would"), 14.5)]
    if wish is None:
        would.append(dim(ui, ui.t("tc.first"), 13.5))
    elif foreseen is None or foreseen.wish != wish:
        would.append(ft.ProgressBar(color=ui.p.brand, bgcolor=ui.p.line, semantics_label=ui.t("tc.would")))
    elif foreseen.preview is None:
        would.append(text(ui, foreseen.refused, 14, color=ui.p.tones[State.ERROR].ink))
    else:
        preview = foreseen.preview
        would.append(text(ui, ui.t("tc.goes", a=", ".join(preview.recipients) or ui.t("tc.nobody")), 14, Face.MEDIUM))
        would += _caught(ui, preview)
        if any(one.park_reason == "unrouted" and one.id != wanted for one in preview.caught):
            box = ft.Checkbox(
                label=ui.t("tc.others"),
                value=lesson.others,
                on_change=lambda e: put(replace(lesson, others=bool(e.control.value))),
                label_style=style(14, color=ui.p.ink),
                active_color=ui.p.brand,
                check_color=ui.p.on_brand,
            )
            would.append(box)
        sure = v1.Teach(id=wish.id, kind=wish.kind, value=wish.value, recipients=wish.recipients, others=lesson.others)
        do = primary(ui.t("tc.teach"), ft.Icons.SCHOOL_OUTLINED, lambda _: run(_teach, ui, sure))
        would.append(ft.Row([do]))
    stretch = ft.CrossAxisAlignment.STRETCH

    def card_of(parts: list[ft.Control]) -> ft.Control:
        return panel(ui, ft.Column(parts, spacing=Space.M, horizontal_alignment=stretch))

    columns: list[ft.Control] = [card_of([heading(ui, ui.t("tc.by"), 14.5), leads]), card_of(whom)]
    if ui.compact:
        both: ft.Control = ft.Column(columns, spacing=Space.M, horizontal_alignment=stretch)
    else:
        both = ft.Row(
            [ft.Container(one, expand=True) for one in columns],
            spacing=Space.L,
            vertical_alignment=ft.CrossAxisAlignment.START,
        )
    about = ft.Container(_about(ui, message), bgcolor=ui.p.sunken, border_radius=Radius.CONTROL, padding=Space.L)
    end = ft.Container(height=Space.S)
    body = ft.Column([about, both, card_of(would), end], spacing=Space.L, horizontal_alignment=stretch)
    return screen(ui, ui.t("tc.title"), ui.t("tc.lead"), body, back=back)
