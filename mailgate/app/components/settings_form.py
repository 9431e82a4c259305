"""A form made from the engine's schema: a field for each setting, its fault below it."""

from collections.abc import Callable, Mapping

import flet as ft

from mailgate.app.components.base import dim, field, text
from mailgate.app.components.forms import choice
from mailgate.app.session import Ui
from mailgate.app.settings import Draft, of_field, parted
from mailgate.app.theme import Space, State
from mailgate.app.words import knows
from mailgate.contract import v1


def label(ui: Ui, section: str, name: str) -> str:
    """Return what a setting is called: our words, else its name in the file."""
    key = f"set.{section}.{name}"
    return ui.t(key) if knows(key) else name


def option(ui: Ui, word: str) -> str:
    """Return what a choice is called: our words, else the word in the file."""
    key = f"set.word.{word}"
    return ui.t(key) if knows(key) else word


def _field(
    ui: Ui, section: str, setting: v1.SettingInfo, draft: Draft, put: Callable[[Draft], None], fault: str
) -> ft.Control:
    name, said = label(ui, section, setting.name), draft.says(setting)
    options = [*setting.words, *(["true", "false"] if setting.switch or setting.kind == "switch" else [])]
    if options and not setting.many:
        unset = [] if setting.default is not None else [("", ui.t("set.unset"))]
        known = choice(
            ui,
            name,
            said,
            [*unset, *((word, option(ui, word)) for word in options)],
            lambda word: put(draft.put(setting.name, word)),
        )
        box: ft.Control = ft.Row([known])
    else:
        box = field(ui, name, said, on_change=lambda e: put(draft.put(setting.name, e.control.value or "")))
    below: list[ft.Control] = []
    if fault:
        below = [text(ui, fault, 12.5, color=ui.p.tones[State.ERROR].ink)]
    elif not knows(f"set.{section}.{setting.name}"):
        below = [dim(ui, setting.description)]
    elif setting.many:
        below = [dim(ui, ui.t("set.many"))]
    return ft.Column([box, *below], spacing=Space.XS, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)


def form(
    ui: Ui,
    section: str,
    settings: tuple[v1.SettingInfo, ...],
    draft: Draft,
    put: Callable[[Draft], None],
    faults: Mapping[str, str],
    *,
    whole: bool,
) -> list[ft.Control]:
    """Return the fields: the main ones, and all when the reader wants the `whole`."""
    first, others = parted(section, settings)
    shown = (*first, *others) if whole else first
    named = {one.name for one in shown}
    loose = [said for name, said in faults.items() if name not in named]
    top: list[ft.Control] = [text(ui, said, 13.5, color=ui.p.tones[State.ERROR].ink) for said in loose]
    return [*top, *(_field(ui, section, one, draft, put, faults.get(one.name, "")) for one in shown)]


def faults_of(settings: tuple[v1.SettingFault, ...], said: str) -> dict[str, str]:
    """Return the faults by setting; what belongs to none under an empty name."""
    if not settings:
        return {"": said}
    found: dict[str, str] = {}
    for fault in settings:
        found.setdefault(of_field(fault.path), " ".join(filter(None, (fault.text, fault.remedy))))
    return found
