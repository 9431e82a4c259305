"""One parked message: why it waits, what can be done, what it says."""

from collections.abc import Sequence
from typing import Final

import flet as ft

from mailgate.app.answers import sender as sender_of
from mailgate.app.components.base import Handler, chip, dim, heading, quiet, text
from mailgate.app.components.deciding import decide, export
from mailgate.app.components.reasons import why
from mailgate.app.session import Ui, run
from mailgate.app.theme import Face, Radius, Space, State
from mailgate.app.words import knows
from mailgate.contract import v1

RECIPIENT: Final = {
    "pending": State.WAITING,
    "delivered": State.OK,
    "relayed": State.OK,
    "failed": State.ERROR,
    "unknown": State.RETRY,
}
_LABEL_PX: Final = 112
_SHOWN: Final = ("date", "to")


def reason_word(ui: Ui, message: v1.Message) -> str:
    """Return the reason as one word; the engine's own where we have none."""
    key = f"pk.reason.{message.park_reason}"
    return ui.t(key) if knows(key) else message.park_reason


def _part(ui: Ui, name: str, inside: Sequence[ft.Control]) -> list[ft.Control]:
    return [ft.Divider(color=ui.p.line), heading(ui, name, 14.5), *inside] if inside else []


def _recipient(ui: Ui, one: v1.Recipient) -> ft.Control:
    top = ft.Row(
        [ft.Container(text(ui, one.address), expand=True), chip(ui, RECIPIENT[one.state], ui.t(f"rcpt.{one.state}"))],
        spacing=Space.M,
    )
    said = [text(ui, one.reply, 12, Face.MONO, ui.p.ink2)] if one.reply else []
    return ft.Column([top, *said], spacing=2, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)


def fact(ui: Ui, name: str, value: str) -> ft.Control:
    """Return a name and its value beside it."""
    return ft.Row(
        [ft.Container(dim(ui, name, 13), width=_LABEL_PX), ft.Container(text(ui, value, 13.5), expand=True)],
        spacing=Space.M,
        vertical_alignment=ft.CrossAxisAlignment.START,
    )


def _header(preview: v1.Preview, name: str) -> str:
    return next((line.value for line in preview.headers if line.name.casefold() == name), "")


def _content(ui: Ui, preview: v1.Preview) -> list[ft.Control]:
    words = text(ui, preview.text, 13.5) if preview.text else dim(ui, ui.t("pk.content.none"), 13.5)
    box = ft.Container(words, bgcolor=ui.p.sunken, border_radius=Radius.CONTROL, padding=Space.M)
    notes = []
    if preview.text_type == "html":
        notes.append(dim(ui, ui.t("pk.content.html")))
    if preview.cut:
        notes.append(dim(ui, ui.t("pk.content.cut")))
    return [box, *notes]


def _attachment(ui: Ui, one: v1.Attachment) -> ft.Control:
    return ft.Row(
        [
            ft.Icon(ft.Icons.ATTACH_FILE, size=16, color=ui.p.ink2),
            ft.Container(text(ui, one.name or one.type, 13.5), expand=True),
            dim(ui, ui.size(one.size)),
        ],
        spacing=Space.S,
    )


def buttons(ui: Ui, message: v1.Message, redirect: Handler, delete: Handler) -> ft.Control:
    """Return what can be done; `redirect` and `delete` ask first."""
    engine = ui.reader.store.engine
    red = ui.p.tones[State.ERROR].ink
    acts: list[ft.Control] = [
        quiet(
            ui,
            ui.t("pk.retry"),
            ft.Icons.REPLAY,
            lambda _: run(decide, ui, engine.retry(message.id), "pk.retried"),
        ),
        quiet(ui, ui.t("pk.redirect"), ft.Icons.PERSON_ADD_ALT, redirect),
        quiet(
            ui,
            ui.t("pk.wrap"),
            ft.Icons.ATTACH_EMAIL_OUTLINED,
            lambda _: run(decide, ui, engine.wrap(message.id), "pk.wrapped"),
        ),
        quiet(ui, ui.t("pk.export"), ft.Icons.DOWNLOAD, lambda _: run(export, ui, message)),
        quiet(ui, ui.t("pk.delete"), ft.Icons.DELETE_OUTLINE, delete, ink=red),
    ]
    return ft.Row(acts, spacing=Space.S, run_spacing=Space.S, wrap=True)


def detail(ui: Ui, message: v1.Message, preview: v1.Preview | None, acts: ft.Control) -> ft.Control:
    """Return the whole of one message; without a preview, what the list knows already."""
    head = ft.Row(
        [chip(ui, State.PARKED, reason_word(ui, message)), dim(ui, ui.moment(message.received_at))], spacing=Space.M
    )
    facts = [fact(ui, ui.t("pk.from"), sender_of(message) or ui.t("un.nosender"))]
    if preview:
        facts += [fact(ui, ui.t(f"pk.{name}"), said) for name in _SHOWN if (said := _header(preview, name))]
    facts += [
        fact(ui, ui.t("pk.account"), message.account),
        fact(ui, ui.t("pk.size"), ui.size(message.size)),
        fact(ui, ui.t("pk.id"), message.id),
    ]
    parts: list[ft.Control] = [
        head,
        text(ui, message.subject or ui.t("un.nosubject"), 18, Face.SEMI),
        acts,
        *_part(ui, ui.t("pk.why"), [text(ui, why(ui, message), 14)]),
        *_part(ui, ui.t("pk.recipients"), [_recipient(ui, one) for one in message.recipients]),
    ]
    if preview:
        parts += _part(ui, ui.t("pk.content"), _content(ui, preview))
        parts += _part(ui, ui.t("pk.attached"), [_attachment(ui, one) for one in preview.attachments])
    parts += _part(ui, ui.t("pk.facts"), facts)
    stretched = ft.Column(parts, spacing=Space.M, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)
    return ft.ListView([stretched], padding=20, expand=True)
