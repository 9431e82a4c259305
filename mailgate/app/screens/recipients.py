"""Whose mailbox gets mail, and does the mail server know it?"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final
from urllib.parse import quote, unquote

import flet as ft

from mailgate.app.components.act import refusal, told
from mailgate.app.components.base import chip, one_line, panel, pressable, primary, quiet, text
from mailgate.app.components.dialogs import confirm, toast
from mailgate.app.components.forms import use_search
from mailgate.app.components.pager import pager
from mailgate.app.components.settings_form import faults_of, form
from mailgate.app.components.shell import screen
from mailgate.app.components.states import empty, skeleton
from mailgate.app.loading import use_loaded
from mailgate.app.session import Ui, go, run, use_picture, use_ui
from mailgate.app.settings import Draft
from mailgate.app.theme import Face, Space, State
from mailgate.client.errors import ClientError, RefusedError
from mailgate.contract import v1

PAGE: Final = 50
DETAIL_PX: Final = 480
NEW: Final = "-"
"""The address of the form for one that is not there yet."""

_ENDED: Final = {
    "delivered": State.OK,
    "deferred": State.RETRY,
    "refused": State.ERROR,
    "waiting": State.WAITING,
    "accepted": State.OK,
    "not-asked": State.WAITING,
}


@dataclass(frozen=True, slots=True)
class Editing:
    """The form of the recipient `address`: what was typed, what was wrong with it, what a test said."""

    address: str = ""
    draft: Draft = field(default_factory=Draft)
    faults: Mapping[str, str] = field(default_factory=dict)
    whole: bool = False
    busy: bool = False
    said: tuple[State, str, str] | None = None


async def _found(ui: Ui, address: str) -> v1.SectionSettings | None:
    if address in {"", NEW}:
        return v1.SectionSettings(section="recipients", name=address, values={}, revision="")
    try:
        return await ui.reader.store.engine.recipient(address)
    except RefusedError:
        return v1.SectionSettings(section="recipients", name="", values={}, revision="")


def _row(ui: Ui, one: v1.SectionSettings, *, here: bool) -> ft.Control:
    values: Mapping[str, Any] = one.values
    about = [
        str(values.get("name") or ""),
        *map(str, values.get("aliases") or ()),
        *map(str, values.get("keywords") or ()),
    ]
    lines: list[ft.Control] = [one_line(ui, one.name, 14.5, Face.MEDIUM)]
    if said := ", ".join(filter(None, about)):
        lines.append(one_line(ui, said, 12.5, color=ui.p.ink2))
    words: ft.Control = ft.Column(lines, spacing=2, expand=True)
    marks: list[ft.Control] = []
    if values.get("route_all"):
        marks.append(chip(ui, State.NOTE, ui.t("rc.all")))
    if values.get("enabled") is False:
        marks.append(chip(ui, State.WAITING, ui.t("acc.off")))
    row = ft.Row([words, *marks], spacing=Space.M)
    pad = ft.Padding.symmetric(horizontal=Space.L, vertical=Space.M)
    return ft.Container(
        pressable(ui, row, go(f"/recipients/{quote(one.name, safe='@')}"), selected=here, padding=pad),
        key=one.name,
        border=ft.Border.only(bottom=ft.BorderSide(1, ui.p.line)),
    )


@ft.component
def Recipients() -> ft.Control:
    """The list, and the form of one beside it, or in its place where there is no room for both."""
    ui = use_ui()
    picture = use_picture(ui)
    picked = unquote(ft.use_route_params().get("address") or "")
    needle, set_needle = ft.use_state("")
    offset, set_offset = ft.use_state(0)
    held, put = ft.use_state(Editing())
    removing, ask = ft.use_state("")
    engine = ui.reader.store.engine

    def look_for(words: str) -> None:
        set_offset(0)
        set_needle(words)

    async def load() -> v1.SettingsPage:
        return await engine.items("recipients", text=needle, offset=offset, limit=PAGE)

    async def look() -> tuple[str, v1.SectionSettings | None]:
        return picked, await _found(ui, picked)

    page = use_loaded(ui, load, needle, offset, picture.settings_turn)
    looked = use_loaded(ui, look, picked, picture.settings_turn)
    schema = use_loaded(ui, engine.settings_schema)
    search = use_search(ui, ui.t("rc.search"), look_for, needle)
    found = looked[1] if looked and looked[0] == picked else None
    editing = held if held.address == picked else Editing(picked)
    settings = next((one.settings for one in schema.sections if one.name == "recipients"), ()) if schema else ()
    before = (found.values if found else {}) or {one.name: one.default for one in settings}
    draft = Draft(before, editing.draft.typed)

    async def save() -> None:
        screen_page = ft.context.page
        values = draft.changes(settings)
        if not values:
            toast(screen_page, ui, ui.t("set.same"))
            return
        try:
            if picked == NEW:
                await engine.add_recipient(values)
            else:
                await engine.change_recipient(picked, values, revision=found.revision if found else "")
        except RefusedError as error:
            put(replace(editing, faults=faults_of(error.settings, refusal(ui, error))))
            return
        except ClientError as error:
            toast(screen_page, ui, refusal(ui, error))
            return
        address = str(values.get("address") or picked)
        put(Editing(address))
        toast(screen_page, ui, ui.t("set.saved", a=address))
        ui.reader.store.look()
        await screen_page.push_route(f"/recipients/{quote(address, safe='@')}")

    async def test() -> None:
        put(replace(editing, busy=True, said=None))
        trial = await told(ui, engine.test_recipient(picked))
        said = (_ENDED[trial.ended], ui.t(f"rc.ended.{trial.ended}"), trial.reply or trial.text) if trial else None
        put(lambda now: replace(now, busy=False, said=said) if now.address == editing.address else now)

    async def probe() -> None:
        put(replace(editing, busy=True, said=None))
        report = await told(ui, engine.test_internal((picked,)))
        answer = next(iter(report.recipients), None) if report else None
        said = None
        if answer:
            reply = answer.reply or (report.steps[-1].text if report and report.steps else "")
            said = (_ENDED[answer.taken], ui.t(f"rc.taken.{answer.taken}"), reply)
        put(lambda now: replace(now, busy=False, said=said) if now.address == editing.address else now)

    async def remove() -> None:
        screen_page = ft.context.page
        if await told(ui, engine.remove_recipient(removing)) is not None:
            toast(screen_page, ui, ui.t("rc.removed", a=removing))
            ui.reader.store.look()
            await screen_page.push_route("/recipients")

    def removed(_: object) -> None:
        ask("")
        run(remove)

    ft.use_dialog(
        confirm(
            ui,
            ui.t("rc.remove.title", a=removing),
            ui.t("rc.remove.body"),
            ui.t("rc.remove"),
            removed,
            lambda _: ask(""),
        )
        if removing
        else None
    )

    def detail() -> ft.Control:
        if found is None or not settings:
            return skeleton(ui)
        if not found.name:
            return empty(ui, ft.Icons.SEARCH_OFF, ui.t("rc.gone"), "")
        parts: list[ft.Control] = [text(ui, ui.t("rc.new") if picked == NEW else picked, 18, Face.SEMI)]
        if picked != NEW:
            ready = not editing.busy
            red = ui.p.tones[State.ERROR].ink
            acts: list[ft.Control] = [
                quiet(ui, ui.t("rc.test"), ft.Icons.SEND_OUTLINED, (lambda _: run(test)) if ready else None),
                quiet(ui, ui.t("rc.probe"), ft.Icons.NETWORK_CHECK, (lambda _: run(probe)) if ready else None),
                quiet(ui, ui.t("rc.remove"), ft.Icons.DELETE_OUTLINE, lambda _: ask(picked), ink=red),
            ]
            parts.append(ft.Row(acts, spacing=Space.S, run_spacing=Space.S, wrap=True))
        if editing.busy:
            parts.append(ft.ProgressBar(color=ui.p.brand, bgcolor=ui.p.line, semantics_label=ui.t("rc.testing")))
        if editing.said:
            state, words, reply = editing.said
            parts += [ft.Row([chip(ui, state, words)], wrap=True), text(ui, reply, 12, Face.MONO, ui.p.ink2)]

        def typed(changed: Draft) -> None:
            put(replace(editing, draft=changed, faults={}))

        parts += form(ui, "recipients", settings, draft, typed, editing.faults, whole=editing.whole)
        more = ui.t("set.fewer" if editing.whole else "set.all")
        parts.append(
            ft.Row(
                [
                    primary(ui.t("set.save"), None, lambda _: run(save)),
                    ft.TextButton(more, on_click=lambda _: put(replace(editing, whole=not editing.whole))),
                ],
                spacing=Space.M,
            )
        )
        stretched = ft.Column(parts, spacing=Space.M, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)
        return ft.ListView([stretched], padding=20, expand=True)

    title = ui.t("nav.recipients")
    if picked and not ui.wide:
        return screen(ui, title, "", panel(ui, detail(), 0, expand=True), back="/recipients", scroll=False)
    new = go(f"/recipients/{NEW}")
    if page is None:
        return screen(ui, title, "", ft.Container() if picture.lost else skeleton(ui), scroll=False)
    if not page.total and not needle and not picked:
        begin = primary(ui.t("rc.add"), ft.Icons.ADD, new)
        card = empty(ui, ft.Icons.PEOPLE_OUTLINE, ui.t("rc.empty"), ui.t("rc.empty.what"), begin)
        return screen(ui, title, "", panel(ui, card, 0, expand=True), scroll=False)
    rows = [_row(ui, one, here=one.name == picked) for one in page.items]
    listing: ft.Control = ft.ListView(rows, expand=True)
    if not rows:
        listing = empty(ui, ft.Icons.SEARCH_OFF, ui.t("rc.nohit", q=needle), "")
    newer = (lambda _: set_offset(offset - PAGE)) if offset else None
    older = (lambda _: set_offset(offset + PAGE)) if offset + len(rows) < page.total else None
    turned = pager(ui, offset + 1, len(rows), page.total, newer=newer, older=older)
    stretch = ft.CrossAxisAlignment.STRETCH
    left = ft.Column(
        [ft.Row([search]), panel(ui, listing, 0, expand=True), *turned],
        spacing=Space.M,
        expand=True,
        horizontal_alignment=stretch,
    )
    parts: list[ft.Control] = [left]
    if ui.wide:
        beside = detail() if picked else empty(ui, ft.Icons.TOUCH_APP_OUTLINED, "", ui.t("rc.pick"))
        parts.append(panel(ui, beside, 0, width=DETAIL_PX))
    body = ft.Row(parts, spacing=Space.L, expand=True, vertical_alignment=stretch)
    add = quiet(ui, ui.t("rc.add"), ft.Icons.ADD, new)
    return screen(ui, title, ui.t("rc.lead", n=page.total) if not needle else "", body, [add], scroll=False)
