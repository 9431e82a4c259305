"""Which mail has nobody to go to?"""

import flet as ft

from mailgate.app.answers import sender as sender_of
from mailgate.app.components import act
from mailgate.app.components.base import Handler, dim, icon_button, one_line, panel, quiet
from mailgate.app.components.pager import pager
from mailgate.app.components.picker import Question, pick_dialog
from mailgate.app.components.reasons import why
from mailgate.app.components.shell import screen
from mailgate.app.components.states import empty, skeleton
from mailgate.app.session import Ui, go, run, use_picture, use_ui
from mailgate.app.theme import Face, Space
from mailgate.contract import v1


def _button(ui: Ui, message: v1.Message, press: Handler) -> ft.Control:
    """Return the button of a row; its spoken name holds the subject, since there is one such button in every row."""
    name = ui.t("un.deliver.name", s=message.subject or ui.t("un.nosubject"))
    return quiet(ui, ft.Text(ui.t("un.deliver"), semantics_label=name), ft.Icons.PERSON_ADD_ALT, press)


def _teach(ui: Ui, message: v1.Message) -> ft.Control:
    name = ui.t("tc.name", s=message.subject or ui.t("un.nosubject"))
    opened = go(f"/unrouted/{message.id}")
    if ui.compact:
        return icon_button(ui, ft.Icons.SCHOOL_OUTLINED, name, opened)
    return quiet(ui, ft.Text(ui.t("tc.do"), semantics_label=name), ft.Icons.SCHOOL_OUTLINED, opened)


def _row(ui: Ui, message: v1.Message, button: ft.Control) -> ft.Control:
    subject = one_line(ui, message.subject or ui.t("un.nosubject"), 14, Face.MEDIUM)
    sender = one_line(ui, sender_of(message) or ui.t("un.nosender"), 12.5, color=ui.p.ink2)
    when, size = dim(ui, ui.moment(message.received_at)), dim(ui, ui.size(message.size))
    said = why(ui, message)
    because: list[ft.Control] = [dim(ui, said)] if said else []
    if ui.compact:
        head = ft.Row([ft.Container(sender, expand=True), when], spacing=Space.M)
        foot = ft.Row([ft.Container(size, expand=True), _teach(ui, message), button], spacing=Space.M)
        content: ft.Control = ft.Column(
            [head, subject, *because, foot], spacing=Space.XS, horizontal_alignment=ft.CrossAxisAlignment.STRETCH
        )
    else:
        words = ft.Column([subject, sender, *because], spacing=2, expand=True)
        facts = ft.Column([when, size], spacing=2, horizontal_alignment=ft.CrossAxisAlignment.END)
        content = ft.Row(
            [words, facts, ft.Row([_teach(ui, message), button], spacing=Space.S, tight=True)], spacing=Space.L
        )
    return ft.Container(
        content,
        key=message.id,
        padding=ft.Padding.symmetric(horizontal=Space.L, vertical=Space.M),
        border=ft.Border.only(bottom=ft.BorderSide(1, ui.p.line)),
    )


@ft.component
def Unrouted() -> ft.Control:
    """The messages that wait for somebody to say who gets them."""
    ui = use_ui()
    picture = use_picture(ui)
    nothing: Question | None = None
    question, ask = ft.use_state(nothing)

    def opened() -> None:
        run(act.open_unrouted, ui)

    async def pick(message: v1.Message) -> None:
        offered = await act.recipients(ui)
        if offered is not None:
            ask(Question(message, offered, offered[0] if len(offered) == 1 else ""))

    def deliver(message_id: str, address: str) -> None:
        run(act.deliver, ui, message_id, address)

    ft.use_effect(opened, [], ui.reader.store.close_unrouted)
    ft.use_dialog(pick_dialog(ui, question, ask, deliver) if question else None)
    page = picture.unrouted
    lead = ""
    if page is None:
        body: ft.Control = ft.Container() if picture.lost else skeleton(ui)
    elif not page.messages:
        card = empty(ui, ft.Icons.MARK_EMAIL_READ_OUTLINED, ui.t("un.empty"), ui.t("un.empty.what"))
        body = panel(ui, card, 0, expand=True)
    else:
        lead = ui.t("un.lead", n=page.total)

        def row(message: v1.Message) -> ft.Control:
            return _row(ui, message, _button(ui, message, lambda _: run(pick, message)))

        newer = (lambda _: run(act.newer_unrouted, ui)) if picture.skipped else None
        older = (lambda _: run(act.older_unrouted, ui)) if page.next else None
        turned = pager(ui, picture.skipped + 1, len(page.messages), page.total, newer=newer, older=older)
        listing = panel(ui, ft.ListView([row(m) for m in page.messages], expand=True), 0, expand=True)
        body = ft.Column(
            [listing, *turned],
            spacing=Space.S,
            expand=True,
            horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
        )
    return screen(ui, ui.t("nav.unrouted"), lead, body, scroll=False)
