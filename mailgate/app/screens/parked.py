"""What waits for a decision, and why?"""

from dataclasses import dataclass, replace
from typing import Final, get_args

import flet as ft

from mailgate.app.answers import sender as sender_of
from mailgate.app.components import act
from mailgate.app.components.base import Handler, chip, dim, one_line, panel, pressable, quiet
from mailgate.app.components.deciding import decide, redirect, retry_all
from mailgate.app.components.dialogs import confirm
from mailgate.app.components.forms import choice, use_search
from mailgate.app.components.pager import pager
from mailgate.app.components.parked_detail import buttons, detail, reason_word
from mailgate.app.components.picker import Question, pick_dialog
from mailgate.app.components.reasons import why
from mailgate.app.components.shell import screen
from mailgate.app.components.states import empty, skeleton
from mailgate.app.loading import use_loaded
from mailgate.app.session import Ui, go, run, use_picture, use_ui
from mailgate.app.theme import Face, Space, State
from mailgate.client.errors import RefusedError
from mailgate.contract import v1

PAGE: Final = 50
DETAIL_PX: Final = 440
BAD_ID: Final = 400
NO_SUCH: Final = 404
REASONS: Final[tuple[v1.ReasonWord, ...]] = get_args(v1.ReasonWord)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which messages the reader looks at; `before` is the way back from a later page."""

    reason: v1.ReasonWord = ""
    text: str = ""
    before: tuple[str, ...] = ()

    @property
    def all(self) -> bool:
        """Whether nothing is left out."""
        return not self.reason and not self.text


@dataclass(frozen=True, slots=True)
class Looked:
    """What was found of the message `id`: None when there is none of that id. Without a preview its body is gone."""

    id: str = ""
    found: tuple[v1.MessageTrace | None, v1.Preview | None] = (None, None)

    @property
    def trace(self) -> v1.MessageTrace | None:
        """The message and its path."""
        return self.found[0]

    @property
    def preview(self) -> v1.Preview | None:
        """What it says."""
        return self.found[1]


async def _look(ui: Ui, message_id: str) -> tuple[v1.MessageTrace | None, v1.Preview | None]:
    engine = ui.reader.store.engine
    try:
        trace = await engine.message(message_id)
    except RefusedError as error:
        if error.status in {BAD_ID, NO_SUCH}:
            return None, None
        raise
    try:
        return trace, await engine.preview(message_id)
    except RefusedError:
        return trace, None


def _delete_dialog(ui: Ui, message: v1.Message, yes: Handler, no: Handler) -> ft.AlertDialog:
    sender, subject = sender_of(message) or ui.t("un.nosender"), message.subject or ui.t("un.nosubject")
    return confirm(ui, ui.t("pk.delete.title"), ui.t("pk.delete.body", s=subject, a=sender), ui.t("pk.delete"), yes, no)


def _all_dialog(ui: Ui, count: int, yes: Handler, no: Handler) -> ft.AlertDialog:
    named = ui.t("pk.all.title", n=ui.number(count))
    return confirm(ui, named, ui.t("pk.all.body"), ui.t("pk.retry"), yes, no)


def _row(ui: Ui, message: v1.Message, *, here: bool) -> ft.Control:
    subject = one_line(ui, message.subject or ui.t("un.nosubject"), 14, Face.MEDIUM)
    sender = one_line(ui, sender_of(message) or ui.t("un.nosender"), 12.5, color=ui.p.ink2)
    because = one_line(ui, why(ui, message), 12.5, color=ui.p.ink2)
    mark, when = chip(ui, State.PARKED, reason_word(ui, message)), dim(ui, ui.moment(message.received_at))
    words = ft.Column(
        [
            ft.Row([mark, when], alignment=ft.MainAxisAlignment.SPACE_BETWEEN),
            ft.Column([subject, sender, because], spacing=2, horizontal_alignment=ft.CrossAxisAlignment.STRETCH),
        ],
        spacing=Space.S,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )
    pad = ft.Padding.symmetric(horizontal=Space.L, vertical=Space.M)
    line = ft.BorderSide(1, ui.p.line)
    return ft.Container(
        pressable(ui, words, go(f"/parked/{message.id}"), selected=here, padding=pad),
        key=message.id,
        border=ft.Border.only(bottom=line),
    )


@ft.component
def Parked() -> ft.Control:
    """The list with its filter, and one message beside it, or in its place where there is no room for both."""
    ui = use_ui()
    picture = use_picture(ui)
    picked = ft.use_route_params().get("id") or ""
    wanted, want = ft.use_state(Wanted())
    nothing: Question | None = None
    question, ask = ft.use_state(nothing)
    nobody: v1.Message | None = None
    deleting, ask_delete = ft.use_state(nobody)
    sending_all, ask_all = ft.use_state(False)
    engine = ui.reader.store.engine

    async def load() -> v1.MessagePage:
        before = wanted.before[-1] if wanted.before else ""
        return await engine.parked(reason=wanted.reason, text=wanted.text, before=before, limit=PAGE)

    async def look() -> Looked:
        return Looked(picked, await _look(ui, picked)) if picked else Looked()

    page = use_loaded(ui, load, wanted, picture.mail_turn)
    looked = use_loaded(ui, look, picked, picture.mail_turn) or Looked()
    search = use_search(
        ui,
        ui.t("pk.search.short" if ui.compact else "pk.search"),
        lambda words: want(replace(wanted, text=words, before=())),
        wanted.text,
    )

    async def choose(message: v1.Message) -> None:
        offered = await act.recipients(ui)
        if offered is not None:
            ask(Question(message, offered, offered[0] if len(offered) == 1 else ""))

    def deliver(message_id: str, address: str) -> None:
        run(redirect, ui, message_id, address)

    def deleted(_: object) -> None:
        ask_delete(None)
        if deleting:
            run(decide, ui, engine.delete(deleting.id), "pk.deleted")

    def retried(_: object) -> None:
        ask_all(False)
        run(retry_all, ui, v1.ParkedSelection(reason=wanted.reason, text=wanted.text))

    ft.use_dialog(pick_dialog(ui, question, ask, deliver) if question else None)
    ft.use_dialog(_delete_dialog(ui, deleting, deleted, lambda _: ask_delete(None)) if deleting else None)
    total = page.total if page else 0
    ft.use_dialog(_all_dialog(ui, total, retried, lambda _: ask_all(False)) if sending_all else None)

    side: ft.Control | None = None
    if picked and looked.id == picked:
        if looked.trace is None or looked.trace.message.state != "parked":
            side = empty(ui, ft.Icons.DONE_ALL, ui.t("pk.gone"), ui.t("pk.gone.what"))
        else:
            message = looked.trace.message
            acts = buttons(ui, message, lambda _: run(choose, message), lambda _: ask_delete(message))
            side = detail(ui, message, looked.preview, acts)
    if picked and not ui.wide:
        alone = panel(ui, side, 0, expand=True) if side else skeleton(ui)
        return screen(ui, picked, "", alone, back="/parked", scroll=False)

    if page is None:
        body: ft.Control = ft.Container() if picture.lost else skeleton(ui)
        return screen(ui, ui.t("nav.parked"), "", body, scroll=False)
    if not page.messages and wanted.all:
        card = empty(ui, ft.Icons.INVENTORY_2_OUTLINED, ui.t("pk.empty"), ui.t("pk.empty.what"))
        return screen(ui, ui.t("nav.parked"), "", panel(ui, card, 0, expand=True), scroll=False)

    reasons: list[tuple[str, str]] = [
        (word, ui.t(f"pk.reason.{word}" if word else "pk.reason.all")) for word in REASONS
    ]
    only = choice(
        ui,
        ui.t("pk.reason"),
        wanted.reason,
        reasons,
        lambda word: want(replace(wanted, reason=word, before=())),  # type: ignore[arg-type]  # one of the offered
        width=176 if ui.compact else 190,
    )
    rows = [_row(ui, message, here=message.id == picked) for message in page.messages]
    clear = quiet(ui, ui.t("pk.clear"), None, lambda _: want(Wanted()))
    listing: ft.Control = ft.ListView(rows, expand=True)
    if not rows:
        listing = empty(ui, ft.Icons.SEARCH_OFF, ui.t("pk.nohit"), ui.t("pk.nohit.what"), clear)
    older = (lambda _: want(replace(wanted, before=(*wanted.before, page.next)))) if page.next else None
    newer = (lambda _: want(replace(wanted, before=wanted.before[:-1]))) if wanted.before else None
    turned = pager(ui, PAGE * len(wanted.before) + 1, len(rows), total, newer=newer, older=older)
    left = ft.Column(
        [
            ft.Row([search, only], spacing=Space.S),
            panel(ui, listing, 0, expand=True),
            *turned,
        ],
        spacing=Space.M,
        expand=True,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )
    parts: list[ft.Control] = [left]
    if ui.wide:
        beside = side or empty(ui, ft.Icons.TOUCH_APP_OUTLINED, "", ui.t("pk.pick"))
        parts.append(panel(ui, beside, 0, width=DETAIL_PX))
    body = ft.Row(parts, spacing=Space.L, expand=True, vertical_alignment=ft.CrossAxisAlignment.STRETCH)
    actions: list[ft.Control] = []
    if total > 1:
        actions = [quiet(ui, ui.t("pk.all.retry", n=ui.number(total)), ft.Icons.REPLAY, lambda _: ask_all(True))]
    lead = ui.t("pk.lead", n=total) if total else ""
    return screen(ui, ui.t("nav.parked"), lead, body, actions, scroll=False)
