"""What is needed to fetch a mailbox, and does it work before it is kept?"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import flet as ft

from mailgate.app.components.act import refusal, told
from mailgate.app.components.base import dim, heading, panel, pressable, primary, quiet, text
from mailgate.app.components.base import field as text_field
from mailgate.app.components.dialogs import toast
from mailgate.app.components.forms import choice
from mailgate.app.components.settings_form import faults_of, form, option
from mailgate.app.components.shell import screen
from mailgate.app.components.states import skeleton
from mailgate.app.components.steps import in_language, test_steps
from mailgate.app.loading import use_loaded
from mailgate.app.session import Ui, run, use_ui
from mailgate.app.settings import Draft
from mailgate.app.theme import Face, Space, State
from mailgate.app.words import knows
from mailgate.client.errors import ClientError, RefusedError
from mailgate.contract import v1

NEW: Final = "-"
WIDTH_PX: Final = 640
SECURITY: Final[dict[str, v1.SecurityWord]] = {"tls": "tls", "starttls": "starttls", "none": "none"}


@dataclass(frozen=True, slots=True)
class Editing:
    """What was typed, found, tried, and what was wrong."""

    draft: Draft = field(default_factory=Draft)
    password: str = ""
    first: str = ""
    address: str = ""
    found: v1.DiscoveryReport | None = None
    tried: v1.TestReport | None = None
    busy: str = ""
    faults: Mapping[str, str] = field(default_factory=dict)
    whole: bool = False


def offered(report: v1.DiscoveryReport) -> list[tuple[v1.Proposal, v1.FoundServer]]:
    """Return the servers that mail can be fetched from, best first."""
    return [(one, server) for one in report.proposals for server in one.incoming if server.protocol in {"pop3", "imap"}]


def taken_over(editing: Editing, server: v1.FoundServer) -> Editing:
    """Return the form with a found server in it; the name is the address's domain, and can be changed."""
    local, _, domain = editing.address.partition("@")
    typed = {
        "name": editing.draft.typed.get("name") or domain.partition(".")[0].lower() or local.lower(),
        "host": server.host,
        "user": server.user or editing.address,
        "protocol": server.protocol,
        "security": server.security,
        "port": str(server.port),
    }
    return replace(editing, draft=Draft(editing.draft.before, {**editing.draft.typed, **typed}), tried=None)


def careful(ui: Ui, proposal: v1.Proposal) -> str:
    """Return why somebody has to look twice; in the engine's words where a doubt is a new one."""
    keys = [f"ac.doubt.{doubt}" for doubt in proposal.doubts]
    return " ".join(map(ui.t, keys)) if keys and all(map(knows, keys)) else proposal.needs_yes


def _proposals(ui: Ui, report: v1.DiscoveryReport, draft: Draft, pick: Callable[[v1.FoundServer], None]) -> ft.Control:
    """Return what was found, each to be picked."""
    found = offered(report)
    if not found:
        # What was only guessed is many names, and none of them answers.
        asked = [
            dim(ui, ui.t("acc.fact", a=step.asked, b=in_language(ui.lang, step.words, step.text)))
            for step in report.steps
            if step.source != "guess"
        ]
        lines: list[ft.Control] = [dim(ui, ui.t("ac.found.none"), 14), *asked]
        return ft.Column(lines, spacing=2, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)

    def row(one: v1.Proposal, server: v1.FoundServer) -> ft.Control:
        here = draft.typed.get("host") == server.host and draft.typed.get("port") == str(server.port)
        mark = ft.Icons.RADIO_BUTTON_CHECKED if here else ft.Icons.RADIO_BUTTON_UNCHECKED
        said: list[ft.Control] = [
            text(
                ui,
                f"{server.protocol.upper()} {server.host}:{server.port}, {option(ui, server.security)}",
                14,
                Face.MEDIUM,
            ),
            dim(ui, ui.t(f"ac.found.{one.source}", o=one.title or one.origin)),
        ]
        if one.needs_yes:
            why = careful(ui, one)
            said.append(text(ui, ui.t("ac.careful", why=why), 12.5, color=ui.p.tones[State.WARNING].ink))
        icon = ft.Icon(mark, size=20, color=ui.p.brand if here else ui.p.ink2)
        words = ft.Column(said, spacing=2, expand=True)
        return pressable(ui, ft.Row([icon, words], spacing=Space.M), lambda _: pick(server), selected=here)

    return ft.Column([row(*each) for each in found], spacing=2, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)


def wish_of(draft: Draft, settings: tuple[v1.SettingInfo, ...], password: str) -> v1.TryAccount | None:
    """Return the test that the form asks for; None while server or login are missing."""
    said = {one.name: draft.says(one).strip() for one in settings}
    if not (said.get("host") and said.get("user") and password):
        return None
    port = said.get("port", "")
    return v1.TryAccount(
        host=said["host"],
        user=said["user"],
        password=password,
        security=SECURITY.get(said.get("security", ""), "tls"),
        port=int(port) if port.isdecimal() else 0,
        auth=said.get("auth") or "auto",
        ca_file=said.get("ca_file", ""),
        fingerprint=said.get("fingerprint", ""),
        protocol="imap" if said.get("protocol") == "imap" else "pop3",
    )


@ft.component
def AccountForm() -> ft.Control:
    """Address, servers, password, a test; then it is kept."""
    ui = use_ui()
    name = ft.use_route_params().get("name") or NEW
    new = name == NEW
    editing, put = ft.use_state(Editing())
    engine = ui.reader.store.engine

    async def look() -> v1.SectionSettings:
        if new:
            return v1.SectionSettings(section="accounts", name="", values={}, revision="")
        return await engine.account(name)

    schema = use_loaded(ui, engine.settings_schema)
    held = use_loaded(ui, look, name)
    settings = next((one.settings for one in schema.sections if one.name == "accounts"), ()) if schema else ()
    back = "/accounts" if new else f"/accounts/{name}"
    title = ui.t("ac.new") if new else ui.t("ac.edit.title", a=name)
    lead = ui.t("ac.new.lead") if new else ""
    if not settings or held is None:
        return screen(ui, title, lead, skeleton(ui), back=back)
    before = {one.name: one.default for one in settings} if new else held.values
    draft = Draft(before, editing.draft.typed)
    wish = wish_of(draft, settings, editing.password)

    async def find() -> None:
        put(replace(editing, busy="find"))
        report = await told(ui, engine.discover(editing.address.strip()))
        best = offered(report)[:1] if report else []

        def came(now: Editing) -> Editing:
            found = replace(now, busy="", found=report)
            return taken_over(found, best[0][1]) if best and not best[0][0].needs_yes else found

        put(came)  # on what was typed meanwhile

    async def attempt() -> None:
        if wish is None:
            return
        put(replace(editing, busy="try", tried=None))
        report = await told(ui, engine.try_account(wish))
        put(lambda now: replace(now, busy="", tried=report))

    async def save() -> None:
        page = ft.context.page
        values = draft.changes(settings)
        if new:
            if not editing.first:
                put(replace(editing, faults={"first_fetch": ui.t("ac.first.missing")}))
                return
            values["first_fetch"] = editing.first
        elif not values and not editing.password:
            toast(page, ui, ui.t("set.same"))
            return
        password = editing.password or None
        try:
            if new:
                await engine.add_account(values, password=password)
            else:
                await engine.change_account(name, values, password=password, revision=held.revision)
        except RefusedError as error:
            put(replace(editing, faults=faults_of(error.settings, refusal(ui, error))))
            return
        except ClientError as error:
            toast(page, ui, refusal(ui, error))
            return
        kept = str(values.get("name") or name)
        toast(page, ui, ui.t("set.saved", a=kept))
        ui.reader.store.look()
        await page.push_route(f"/accounts/{kept}")

    def typed(changed: Draft) -> None:
        put(replace(editing, draft=changed, faults={}))

    stretch = ft.CrossAxisAlignment.STRETCH
    parts: list[ft.Control] = []
    if new:
        finding = editing.busy == "find"
        address = text_field(
            ui,
            ui.t("ac.address"),
            editing.address,
            on_change=lambda e: put(replace(editing, address=e.control.value or "")),
            expand=True,
            autofocus=True,
        )
        ready = "@" in editing.address and not editing.busy
        do = quiet(
            ui,
            ui.t("ac.finding" if finding else "ac.find"),
            ft.Icons.TRAVEL_EXPLORE,
            (lambda _: run(find)) if ready else None,
        )
        parts.append(
            ft.Column([ft.Row([address]), ft.Row([do])], spacing=Space.M)
            if ui.compact
            else ft.Row([address, do], spacing=Space.M)
        )
        if editing.found:
            parts.append(_proposals(ui, editing.found, draft, lambda server: put(taken_over(editing, server))))
        parts.append(ft.Divider(color=ui.p.line))
    shown = {key: said for key, said in editing.faults.items() if key not in {"first_fetch", "password"}}
    parts += form(ui, "accounts", settings, draft, typed, shown, whole=editing.whole)
    secret = text_field(
        ui,
        ui.t("set.password"),
        editing.password,
        on_change=lambda e: put(replace(editing, password=e.control.value or "", faults={})),
        password=True,
    )
    parts += [secret, dim(ui, ui.t("set.password.what")), *_fault(ui, editing.faults, "password")]
    if new:
        firsts = [(word, ui.t(f"ac.first.{word}")) for word in ("all", "new")]
        said = next((words for word, words in firsts if word == editing.first), ui.t("ac.first.ask"))
        ask = choice(
            ui,
            ui.t("ac.first"),
            editing.first or said,
            firsts,
            lambda word: put(replace(editing, first=word, faults={})),
        )
        parts += [ft.Row([ask]), *_fault(ui, editing.faults, "first_fetch")]
    if editing.tried:
        host = draft.typed.get("host") or str(before.get("host") or "")
        parts += [heading(ui, ui.t("acc.test"), 14.5), *test_steps(ui, editing.tried, subject=name, host=host)]
    trying = editing.busy == "try"
    more = ui.t("set.fewer" if editing.whole else "set.all")
    buttons: list[ft.Control] = [
        primary(ui.t("ac.add") if new else ui.t("set.save"), None, lambda _: run(save)),
        quiet(
            ui,
            ui.t("acc.do.trying" if trying else "ac.try"),
            ft.Icons.NETWORK_CHECK,
            (lambda _: run(attempt)) if wish and not editing.busy else None,
        ),
        ft.TextButton(more, on_click=lambda _: put(replace(editing, whole=not editing.whole))),
    ]
    parts.append(ft.Row(buttons, spacing=Space.M, run_spacing=Space.S, wrap=True))
    card = panel(ui, ft.Column(parts, spacing=Space.M, horizontal_alignment=stretch))
    held_in: ft.Control = card if ui.compact else ft.Row([ft.Container(card, width=WIDTH_PX)])
    body = ft.Column([held_in, ft.Container(height=Space.S)], horizontal_alignment=stretch)
    return screen(ui, title, lead, body, back=back)


def _fault(ui: Ui, faults: Mapping[str, str], name: str) -> list[ft.Control]:
    said = faults.get(name, "")
    return [text(ui, said, 12.5, color=ui.p.tones[State.ERROR].ink)] if said else []
