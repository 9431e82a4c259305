"""One account: how it stands, what can be done, when it is fetched next, what a test and the headers tell."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, get_args

import flet as ft

from mailgate.app.accounts import Standing, remedy, trouble, troubled
from mailgate.app.components import act
from mailgate.app.components.account_acts import pause, resume, switch, tomorrow, use_header
from mailgate.app.components.base import Handler, chip, dim, heading, quiet, text, tonal, with_commands
from mailgate.app.components.forms import menu_button
from mailgate.app.components.oversize import OversizeList
from mailgate.app.components.parked_detail import fact
from mailgate.app.components.settings_form import option
from mailgate.app.components.states import skeleton
from mailgate.app.components.steps import in_language, test_steps
from mailgate.app.session import Ui, go, run
from mailgate.app.theme import Face, Radius, Space, State
from mailgate.app.words import knows
from mailgate.contract import v1

SHOWN_SESSIONS: Final = 5


@dataclass(frozen=True, slots=True)
class Tried:
    """What was asked about the account `name`, and what came; `busy` says that an answer is awaited."""

    name: str = ""
    busy: bool = False
    report: v1.TestReport | None = None
    told: v1.CapabilityReport | None = None


def _part(ui: Ui, name: str, inside: Sequence[ft.Control]) -> list[ft.Control]:
    return [ft.Divider(color=ui.p.line), heading(ui, name, 14.5), *inside] if inside else []


def buttons(
    ui: Ui,
    account: v1.AccountState,
    tried: Tried,
    *,
    test: Handler,
    report: Handler,
    remove: Handler,
    share: Callable[[v1.SetupWord], None],
    ready: bool,
) -> ft.Control:
    """Return what can be done with an account; `remove` asks first."""
    name = account.name
    red = ui.p.tones[State.ERROR].ink
    if account.paused:
        hold: ft.Control = quiet(ui, ui.t("acc.do.resume"), ft.Icons.PLAY_ARROW, lambda _: run(resume, ui, name))
    else:
        spans: list[tuple[str, Handler]] = [
            (ui.t("acc.do.hour"), lambda _: run(pause, ui, name, 60)),
            (ui.t("acc.do.tomorrow"), lambda _: run(pause, ui, name, None, tomorrow(ui))),
            (ui.t("acc.do.open"), lambda _: run(pause, ui, name)),
        ]
        hold = menu_button(ui, ui.t("acc.do.pause"), ft.Icons.PAUSE, spans)
    on = not account.enabled
    fetchable = ready and account.enabled
    asking = tried.busy and tried.name == name

    def shared(way: v1.SetupWord) -> Handler:
        return lambda _: share(way)

    ways = [(ui.t(f"acc.share.{way}"), shared(way)) for way in get_args(v1.SetupWord)]
    acts: list[ft.Control] = [
        quiet(
            ui,
            ui.t("acc.do.fetch"),
            ft.Icons.DOWNLOAD,
            (lambda _: run(act.fetch, ui, name)) if fetchable else None,
        ),
        quiet(
            ui,
            ui.t("acc.do.trying" if asking else "acc.do.try"),
            ft.Icons.NETWORK_CHECK,
            None if asking else test,
        ),
        hold,
        quiet(
            ui,
            ui.t("acc.do.on" if on else "acc.do.off"),
            ft.Icons.POWER_SETTINGS_NEW,
            lambda _: run(_switch, ui, name, on),
        ),
        quiet(ui, ui.t("ac.edit"), ft.Icons.EDIT_OUTLINED, go(f"/accounts/{name}/edit")),
        menu_button(ui, ui.t("acc.do.share"), ft.Icons.GROUPS_OUTLINED, ways),
        quiet(ui, ui.t("acc.do.report"), ft.Icons.FACT_CHECK_OUTLINED, None if asking else report),
        quiet(ui, ui.t("acc.do.remove"), ft.Icons.DELETE_OUTLINE, remove, ink=red),
    ]
    return ft.Row(acts, spacing=Space.S, run_spacing=Space.S, wrap=True)


async def _switch(ui: Ui, name: str, on: bool) -> None:  # noqa: FBT001 a task's arguments are by position
    await switch(ui, name, on=on)


def _trouble(ui: Ui, account: v1.AccountState) -> list[ft.Control]:
    """Return what is wrong, what to do, and what the server said."""
    if not troubled(account):
        return []
    tone = ui.p.tones[State.ERROR]
    parts: list[ft.Control] = [
        text(ui, ui.tell(trouble(account)), 14.5, Face.MEDIUM, tone.ink),
        with_commands(
            ui,
            # The engine's own remedy names where the password of this account is kept.
            in_language(ui.lang, account.remedies, account.remedy) if account.remedies else ui.tell(remedy(account)),
            13.5,
        ),
    ]
    if account.failures:
        parts.append(dim(ui, ui.t("acc.failures", n=account.failures), 13))
    parts.append(text(ui, account.error, 12, Face.MONO, ui.p.ink2))
    inside = ft.Column(parts, spacing=Space.XS, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)
    return [ft.Container(inside, border_radius=Radius.CONTROL, padding=Space.M, border=ft.Border.all(1, tone.ink))]


def _span(ui: Ui, seconds: int) -> str:
    """Return a length of time in its largest whole unit: "5 min"."""
    hours, rest = divmod(seconds, 3600)
    if hours and not rest:
        return ui.t("age.hours", n=hours)
    return ui.t("age.minutes", n=max(1, seconds // 60))


def _plan(ui: Ui, plan: v1.AccountSchedule | None) -> list[ft.Control]:
    if plan is None:
        return [skeleton(ui, 2)]
    lines: list[ft.Control] = [
        fact(ui, ui.moment(one.at), one.line or ui.t(f"acc.why.{one.why}")) for one in plan.planned[:SHOWN_SESSIONS]
    ]
    if not lines:
        return [dim(ui, ui.t("acc.plan.none"), 13.5)]
    if plan.paused:
        lines.insert(0, dim(ui, ui.t("acc.plan.would"), 13))
    if plan.min_interval_s and plan.min_interval_why:
        least = ui.t(
            "acc.plan.least",
            t=_span(ui, plan.min_interval_s),
            why=in_language(ui.lang, plan.min_interval_reasons, plan.min_interval_why),
        )
        lines.append(dim(ui, least, 13))
    return lines


def _report(ui: Ui, report: v1.CapabilityReport) -> list[ft.Control]:
    """Return which header names the recipient, and how far that can be trusted."""
    parts: list[ft.Control] = [
        dim(ui, ui.t("rep.counts", n=ui.number(report.looked_at), m=ui.number(report.unattributed)), 13.5)
    ]
    for use in report.headers:
        said = ui.t("rep.header", n=ui.number(use.present), m=ui.number(use.single), p=ui.number(round(use.percent)))
        parts.append(
            ft.Column(
                [text(ui, use.name, 13, Face.MONO_MEDIUM), dim(ui, said, 13)],
                spacing=2,
                horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
            )
        )
    marks: list[ft.Control] = []
    for point in report.points:
        key = f"rep.{point.code}"
        state = {True: State.OK, False: State.ERROR, None: State.WAITING}[point.holds]
        marks.append(chip(ui, state, ui.t(key) if knows(key) else point.text))
    if marks:
        parts.append(ft.Row(marks, spacing=Space.S, run_spacing=Space.S, wrap=True))
    if report.envelope_header:
        parts.append(text(ui, ui.t("rep.set", h=report.envelope_header), 13.5))
    elif not report.suggestion:
        parts.append(text(ui, ui.t("rep.none"), 13.5))
    if report.suggestion:
        verdict = State.OK if report.safe else State.RETRY
        word = ui.t("rep.safe" if report.safe else "rep.unsafe")
        use_it = tonal(ui, ui.t("rep.use", h=report.suggestion), None, lambda _: run(use_header, ui, report))
        parts.append(ft.Row([use_it, chip(ui, verdict, word)], spacing=Space.M, run_spacing=Space.S, wrap=True))
    return parts


def detail(
    ui: Ui,
    account: v1.AccountState,
    stands: Standing,
    acts: ft.Control,
    plan: v1.AccountSchedule | None,
    tried: Tried,
    large: Sequence[v1.OversizeMessage],
    ask_delete: Callable[[v1.OversizeMessage], None],
) -> ft.Control:
    """Return the whole of one account, its state first and its settings last."""
    mine = tried if tried.name == account.name else Tried()
    parts: list[ft.Control] = [
        ft.Row(
            [chip(ui, stands.state, ui.t(stands.word)), ft.Container(dim(ui, ui.tell(stands.says), 13), expand=True)],
            spacing=Space.M,
        ),
        text(ui, account.name, 18, Face.SEMI),
        acts,
        *_trouble(ui, account),
    ]
    if account.throttled_why and stands.word == "acc.throttled":
        parts.append(text(ui, account.throttled_why, 12, Face.MONO, ui.p.ink2))
    if mine.busy:
        parts.append(ft.ProgressBar(color=ui.p.brand, bgcolor=ui.p.line, semantics_label=ui.t("acc.do.trying")))
    if mine.report:
        parts += _part(ui, ui.t("acc.test"), test_steps(ui, mine.report, subject=account.name, host=account.host))
    if mine.told:
        parts += _part(ui, ui.t("rep.title"), _report(ui, mine.told))
    if large:
        parts += _part(ui, ui.t("over.title"), [OversizeList(tuple(large), ask_delete)])
    parts += _part(ui, ui.t("acc.plan"), _plan(ui, plan))
    facts = [
        fact(ui, ui.t("acc.host"), f"{account.host}:{account.port}"),
        fact(ui, ui.t("acc.security"), option(ui, account.security)),
        fact(ui, ui.t("acc.user"), account.user),
    ]
    if account.schedule:
        facts.append(fact(ui, ui.t("acc.schedule"), account.schedule))
    if account.last_attempt:
        facts.append(fact(ui, ui.t("acc.tried"), ui.moment(account.last_attempt)))
    parts += _part(ui, ui.t("acc.facts"), facts)
    stretched = ft.Column(parts, spacing=Space.M, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)
    return ft.ListView([stretched], padding=20, expand=True)
