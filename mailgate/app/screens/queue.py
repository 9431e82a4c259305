"""What has not left yet, and why?"""

from typing import Final

import flet as ft

from mailgate.app.components.act import told
from mailgate.app.components.base import Handler, chip, dim, heading, one_line, panel, pressable, quiet, text
from mailgate.app.components.dialogs import confirm, toast
from mailgate.app.components.forms import use_search
from mailgate.app.components.pager import pager
from mailgate.app.components.parked_detail import RECIPIENT, fact
from mailgate.app.components.shell import screen
from mailgate.app.components.states import empty, skeleton
from mailgate.app.loading import use_loaded
from mailgate.app.session import Ui, go, run, use_picture, use_ui
from mailgate.app.theme import Face, Space, State
from mailgate.client.errors import RefusedError
from mailgate.contract import v1

PAGE: Final = 50
DETAIL_PX: Final = 412
UNDO_S: Final = 10
"""So long the engine waits before it removes a message, and can be called back."""

_STATE: Final = {
    "received": State.WAITING,
    "ready": State.WAITING,
    "retry": State.RETRY,
    "held": State.PAUSED,
    "frozen": State.ACTIVE,
    "active": State.ACTIVE,
    "parked": State.PARKED,
    "done": State.OK,
}


def _word(entry: v1.QueueEntry) -> str:
    return "retry" if entry.state == "ready" and entry.deferred else entry.state


def _chip(ui: Ui, entry: v1.QueueEntry) -> ft.Control:
    return chip(ui, _STATE[_word(entry)], ui.t(f"q.state.{_word(entry)}"))


def _when(ui: Ui, entry: v1.QueueEntry) -> str:
    """Return when it goes on, else since when it waits."""
    if entry.until:
        return ui.t("q.until", t=ui.moment(entry.until))
    if entry.deferred and entry.next_attempt:
        return ui.t("q.next", t=ui.moment(entry.next_attempt))
    return ui.t("q.since", t=ui.moment(entry.queued_at))


def _to(ui: Ui, entry: v1.QueueEntry) -> str:
    first, *others = [one.address for one in entry.recipients] or [""]
    return ui.t("q.more", a=first, n=ui.number(len(others))) if others else first


def _row(ui: Ui, entry: v1.QueueEntry, *, here: bool) -> ft.Control:
    words = ft.Column(
        [
            ft.Row([_chip(ui, entry), dim(ui, _when(ui, entry))], alignment=ft.MainAxisAlignment.SPACE_BETWEEN),
            one_line(ui, entry.subject or ui.t("un.nosubject"), 14, Face.MEDIUM),
            one_line(ui, _to(ui, entry), 12.5, color=ui.p.ink2),
        ],
        spacing=Space.XS,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )
    pad = ft.Padding.symmetric(horizontal=Space.L, vertical=Space.M)
    return ft.Container(
        pressable(ui, words, go(f"/queue/{entry.id}"), selected=here, padding=pad),
        key=entry.id,
        border=ft.Border.only(bottom=ft.BorderSide(1, ui.p.line)),
    )


async def _undo(ui: Ui, number: int) -> None:
    await told(ui, ui.reader.store.engine.undo(number))
    ui.reader.store.look()


async def _act(ui: Ui, message_id: str, act: v1.QueueActWord) -> None:
    """Do at once what can be taken back, and offer that."""
    page = ft.context.page
    acted = await told(ui, ui.reader.store.engine.queue_act(message_id, act))
    ui.reader.store.look()
    if acted is not None:
        undo: Handler | None = (lambda _: run(_undo, ui, acted.undo)) if acted.undo else None
        toast(page, ui, ui.t(f"q.done.{act}"), undo)


async def _remove(ui: Ui, message_id: str) -> None:
    page = ft.context.page
    wish = v1.QueueBulkAct(act="remove", ids=(message_id,), delay_s=UNDO_S)
    begun = await told(ui, ui.reader.store.engine.queue_act_on(wish))
    if begun is not None:
        toast(page, ui, ui.t("q.done.remove"), lambda _: run(_undo, ui, begun.id))


def _detail(ui: Ui, entry: v1.QueueEntry, remove: Handler) -> ft.Control:
    """Return state, acts, each recipient with its own answer, and the facts."""
    red = ui.p.tones[State.ERROR].ink
    hold: v1.QueueActWord = "thaw" if entry.state == "frozen" else "freeze"
    icon = ft.Icons.WB_SUNNY_OUTLINED if hold == "thaw" else ft.Icons.AC_UNIT
    acts: list[ft.Control] = [
        quiet(ui, ui.t("q.do.send"), ft.Icons.SEND_OUTLINED, lambda _: run(_act, ui, entry.id, "send")),
        quiet(ui, ui.t(f"q.do.{hold}"), icon, lambda _: run(_act, ui, entry.id, hold)),
        quiet(ui, ui.t("q.do.remove"), ft.Icons.DELETE_OUTLINE, remove, ink=red),
    ]
    parts: list[ft.Control] = [
        ft.Row([_chip(ui, entry), dim(ui, _when(ui, entry))], spacing=Space.M),
        text(ui, entry.subject or ui.t("un.nosubject"), 18, Face.SEMI),
        ft.Row(acts, spacing=Space.S, run_spacing=Space.S, wrap=True),
        ft.Divider(color=ui.p.line),
        heading(ui, ui.t("pk.recipients"), 14.5),
    ]
    for one in entry.recipients:
        mark = chip(ui, RECIPIENT[one.state], ui.t(f"rcpt.{one.state}"))
        parts.append(ft.Row([ft.Container(text(ui, one.address), expand=True), mark], spacing=Space.M))
        if one.reply:
            parts.append(text(ui, one.reply, 12, Face.MONO, ui.p.ink2))
    if entry.last_answer:
        parts += [ft.Divider(color=ui.p.line), heading(ui, ui.t("q.answer"), 14.5)]
        parts.append(text(ui, entry.last_answer, 12, Face.MONO, ui.p.ink2))
    parts += [
        ft.Divider(color=ui.p.line),
        fact(ui, ui.t("pk.from"), entry.from_ or entry.sender),
        fact(ui, ui.t("q.relay"), entry.relay or ui.t("q.internal")),
        fact(ui, ui.t("q.tries"), ui.number(entry.tries)),
        fact(ui, ui.t("pk.size"), ui.size(entry.size)),
        fact(ui, ui.t("pk.id"), entry.id),
    ]
    stretched = ft.Column(parts, spacing=Space.M, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)
    return ft.ListView([stretched], padding=20, expand=True)


async def _find(ui: Ui, message_id: str) -> tuple[str, v1.QueueEntry | None]:
    if not message_id:
        return "", None
    try:
        return message_id, await ui.reader.store.engine.queue_entry(message_id)
    except RefusedError:
        return message_id, None


@ft.component
def Queue() -> ft.Control:
    """The list with its search, and one message beside it, or in its place where there is no room for both."""
    ui = use_ui()
    picture = use_picture(ui)
    picked = ft.use_route_params().get("id") or ""
    needle, set_needle = ft.use_state("")
    before: tuple[str, ...] = ()
    way, turn = ft.use_state(before)
    nothing: v1.QueueEntry | None = None
    removing, ask = ft.use_state(nothing)
    seq = picture.status.seq if picture.status else 0

    def look_for(words: str) -> None:
        turn(())
        set_needle(words)

    async def load() -> v1.QueuePage:
        which = v1.QueueSelection(text=needle)
        return await ui.reader.store.engine.queue(which, before=way[-1] if way else "", limit=PAGE)

    async def look() -> tuple[str, v1.QueueEntry | None]:
        return await _find(ui, picked)

    page = use_loaded(ui, load, needle, way, seq, picture.mail_turn)
    looked = use_loaded(ui, look, picked, seq, picture.mail_turn)
    search = use_search(ui, ui.t("pk.search.short" if ui.compact else "q.search"), look_for, needle)

    def removed(_: object) -> None:
        ask(None)
        if removing:
            run(_remove, ui, removing.id)

    question: ft.AlertDialog | None = None
    if removing:
        subject = removing.subject or ui.t("un.nosubject")
        said = ui.t("q.rm.told", s=subject, a=removing.sender)
        if not removing.will_tell:
            said = ui.t("q.rm.untold", s=subject, why=removing.will_tell_why)
        question = confirm(ui, ui.t("q.rm.title"), said, ui.t("q.do.remove"), removed, lambda _: ask(None))
    ft.use_dialog(question)

    side: ft.Control | None = None
    if picked and looked and looked[0] == picked:
        entry = looked[1]
        if entry is None or entry.state == "done":
            side = empty(ui, ft.Icons.DONE_ALL, ui.t("q.gone"), "")
        else:
            side = _detail(ui, entry, lambda _: ask(entry))
    title = ui.t("nav.queue")
    if picked and not ui.wide:
        alone = panel(ui, side, 0, expand=True) if side else skeleton(ui)
        return screen(ui, picked, "", alone, back="/queue", scroll=False)
    if page is None:
        return screen(ui, title, "", ft.Container() if picture.lost else skeleton(ui), scroll=False)
    if not page.entries and not needle and not picked:
        card = empty(ui, ft.Icons.OUTBOX_OUTLINED, ui.t("q.empty"), ui.t("q.empty.what"))
        return screen(ui, title, "", panel(ui, card, 0, expand=True), scroll=False)
    rows = [_row(ui, one, here=one.id == picked) for one in page.entries]
    listing: ft.Control = ft.ListView(rows, expand=True)
    if not rows:
        words = ui.t("q.nohit", q=needle) if needle else ui.t("q.empty")
        listing = empty(ui, ft.Icons.SEARCH_OFF, words, "")
    older = (lambda _: turn((*way, page.next))) if page.next else None
    newer = (lambda _: turn(way[:-1])) if way else None
    first = PAGE * len(way) + 1
    total = page.total if page.total is not None else first + len(rows) - 1
    stretch = ft.CrossAxisAlignment.STRETCH
    left = ft.Column(
        [
            ft.Row([search]),
            panel(ui, listing, 0, expand=True),
            *pager(ui, first, len(rows), total, newer=newer, older=older),
        ],
        spacing=Space.M,
        expand=True,
        horizontal_alignment=stretch,
    )
    parts: list[ft.Control] = [left]
    if ui.wide:
        beside = side or empty(ui, ft.Icons.TOUCH_APP_OUTLINED, "", ui.t("q.pick"))
        parts.append(panel(ui, beside, 0, width=DETAIL_PX))
    body = ft.Row(parts, spacing=Space.L, expand=True, vertical_alignment=stretch)
    return screen(ui, title, ui.t("q.lead", n=page.total) if page.total else "", body, scroll=False)
