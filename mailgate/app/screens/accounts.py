"""Does each mailbox work, and when is it fetched next?"""

from dataclasses import replace
from typing import Final

import flet as ft

from mailgate.app.accounts import standing, troubled
from mailgate.app.components.account_acts import remove, set_up
from mailgate.app.components.account_detail import Tried, buttons, detail
from mailgate.app.components.act import told
from mailgate.app.components.base import chip, dim, one_line, panel, pressable, primary, quiet
from mailgate.app.components.dialogs import confirm
from mailgate.app.components.oversize import decide_large
from mailgate.app.components.shell import screen
from mailgate.app.components.states import empty, skeleton
from mailgate.app.loading import use_loaded
from mailgate.app.session import Ui, go, run, use_picture, use_ui
from mailgate.app.theme import Face, Space
from mailgate.contract import v1

DETAIL_PX: Final = 480


def _row(ui: Ui, account: v1.AccountState, *, here: bool, all_paused: bool) -> ft.Control:
    stands = standing(account, ui.now, all_paused=all_paused)
    mark = chip(ui, stands.state, ui.t(stands.word))
    name = one_line(ui, account.name, 15, Face.MEDIUM)
    words = ft.Column(
        [
            ft.Row([ft.Container(name, expand=True), mark], spacing=Space.M),
            one_line(ui, account.user, 12.5, color=ui.p.ink2),
            dim(ui, ui.tell(stands.says)),
        ],
        spacing=2,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )
    pad = ft.Padding.symmetric(horizontal=Space.L, vertical=Space.M)
    return ft.Container(
        pressable(ui, words, go(f"/accounts/{account.name}"), selected=here, padding=pad),
        key=account.name,
        border=ft.Border.only(bottom=ft.BorderSide(1, ui.p.line)),
    )


def lead(ui: Ui, accounts: tuple[v1.AccountState, ...]) -> str:
    """Return the answer: do they work?"""
    sick = sum(map(troubled, accounts))
    if sick:
        return ui.t("acc.lead.sick", n=sick, m=len(accounts))
    return ui.t("acc.lead", n=len(accounts)) if all(a.last_success for a in accounts) else ""


@ft.component
def Accounts() -> ft.Control:
    """The list, and one account beside it, or in its place where there is no room for both."""
    ui = use_ui()
    picture = use_picture(ui)
    picked = ft.use_route_params().get("name") or ""
    tried, put = ft.use_state(Tried())
    removing, ask = ft.use_state("")
    no_way: v1.SetupWord | None = None
    way, ask_way = ft.use_state(no_way)
    nothing: v1.OversizeMessage | None = None
    large, ask_large = ft.use_state(nothing)
    engine = ui.reader.store.engine
    accounts = picture.status.accounts if picture.status else ()
    account = next((one for one in accounts if one.name == picked), None)

    async def planned() -> v1.AccountSchedule | None:
        return await engine.schedule(picked) if account else None

    async def too_large() -> tuple[v1.OversizeMessage, ...]:
        return (await engine.oversize()).messages

    due = account and (account.next_session, account.paused)
    plan = use_loaded(ui, planned, picked, due, picture.settings_turn)
    stays = use_loaded(ui, too_large, account and account.last_attempt, picture.mail_turn) or ()

    async def test() -> None:
        before = tried if tried.name == picked else Tried(picked)
        put(replace(before, busy=True))
        report = await told(ui, engine.test_account(picked))
        put(replace(before, busy=False, report=report or before.report))

    async def look() -> None:
        before = tried if tried.name == picked else Tried(picked)
        put(replace(before, busy=True))
        report = await told(ui, engine.account_report(picked))
        put(replace(before, busy=False, told=report or before.told))

    def removed(_: object) -> None:
        ask("")
        run(remove, ui, removing)

    def deleted(_: object) -> None:
        ask_large(None)
        if large:
            run(decide_large, ui, large.id, "delete")

    ft.use_dialog(
        confirm(
            ui,
            ui.t("acc.remove.title", a=removing),
            ui.t("acc.remove.body"),
            ui.t("acc.do.remove"),
            removed,
            lambda _: ask(""),
        )
        if removing
        else None
    )
    ft.use_dialog(
        confirm(
            ui,
            ui.t("over.delete.title"),
            ui.t("over.delete.body", s=large.subject or ui.t("un.nosubject"), a=large.from_ or ui.t("un.nosender")),
            ui.t("over.delete"),
            deleted,
            lambda _: ask_large(None),
        )
        if large
        else None
    )

    def shared(_: object) -> None:
        ask_way(None)
        run(set_up, ui, picked, way)

    ft.use_dialog(
        confirm(
            ui,
            ui.t(f"acc.share.{way}"),
            ui.t(f"acc.share.{way}.what", a=picked),
            ui.t("acc.share.do"),
            shared,
            lambda _: ask_way(None),
        )
        if way
        else None
    )
    all_paused = picture.status is not None and picture.status.paused
    side: ft.Control | None = None
    if account:
        acts = buttons(
            ui,
            account,
            tried,
            test=lambda _: run(test),
            report=lambda _: run(look),
            remove=lambda _: ask(account.name),
            share=ask_way,
            ready=not picture.lost and not picture.busy,
        )
        mine = [one for one in stays if one.account == account.name]
        stands = standing(account, ui.now, all_paused=all_paused)
        fits = plan if plan and plan.account == account.name else None
        side = detail(ui, account, stands, acts, fits, tried, mine, ask_large)
    elif picked and picture.status:
        side = empty(ui, ft.Icons.SEARCH_OFF, ui.t("acc.gone"), ui.t("acc.gone.what"))
    title = ui.t("nav.accounts")
    if picked and not ui.wide:
        alone = panel(ui, side, 0, expand=True) if side else skeleton(ui)
        return screen(ui, title, "", alone, back="/accounts", scroll=False)
    if picture.status is None:
        return screen(ui, title, "", ft.Container() if picture.lost else skeleton(ui), scroll=False)
    if not accounts:
        begin = primary(ui.t("ac.add"), ft.Icons.ADD, go("/accounts/-/edit"))
        card = empty(ui, ft.Icons.MAIL_OUTLINE, ui.t("acc.empty"), ui.t("acc.empty.what"), begin)
        return screen(ui, title, "", panel(ui, card, 0, expand=True), scroll=False)
    rows = [_row(ui, one, here=one.name == picked, all_paused=all_paused) for one in accounts]
    parts: list[ft.Control] = [panel(ui, ft.ListView(rows, expand=True), 0, expand=True)]
    if ui.wide:
        beside = side or empty(ui, ft.Icons.TOUCH_APP_OUTLINED, "", ui.t("acc.pick"))
        parts.append(panel(ui, beside, 0, width=DETAIL_PX))
    body = ft.Row(parts, spacing=Space.L, expand=True, vertical_alignment=ft.CrossAxisAlignment.STRETCH)
    add = quiet(ui, ui.t("ac.add"), ft.Icons.ADD, go("/accounts/-/edit"))
    return screen(ui, title, lead(ui, accounts), body, [add], scroll=False)
