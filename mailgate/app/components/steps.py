"""What a test of a connection found, step by step."""

import re
from datetime import date
from typing import Final

import flet as ft

from mailgate.app import formats
from mailgate.app.components.base import chip, dim, text, with_commands
from mailgate.app.material import STATE_ICON
from mailgate.app.session import Ui
from mailgate.app.theme import Face, Space, State
from mailgate.app.words import Lang, knows
from mailgate.contract import v1

_SIZES: Final = frozenset({"largest", "octets"})
_DAYS: Final = frozenset({"certificate_expires"})
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d")


def in_language(lang: Lang, words: v1.Words | None, said: str) -> str:
    """Return what the engine says in the reader's language; `said` where it speaks none but English."""
    return said if words is None else {"en": words.en, "de": words.de, "fr": words.fr}[lang]


def _fact(ui: Ui, fact: v1.Fact) -> ft.Control:
    value = fact.value
    if fact.name in _SIZES and value.isdecimal():
        value = ui.size(int(value))
    elif fact.name in _DAYS and _DAY.fullmatch(value):
        value = formats.day(ui.lang, date.fromisoformat(value))
    return text(ui, ui.t("acc.fact", a=ui.t(f"offer.{fact.name}"), b=value), 12, Face.MONO, ui.p.ink2)


def _step(ui: Ui, step: v1.TestStep) -> ft.Control:
    state = State.OK if step.ok else State.ERROR
    key = f"step.{step.name}"
    head = ft.Row(
        [
            ft.Icon(STATE_ICON[state], size=18, color=ui.p.tones[state].ink),
            ft.Container(text(ui, ui.t(key) if knows(key) else step.name, 14, Face.MEDIUM), expand=True),
            dim(ui, ui.t("acc.ms", n=ui.number(step.duration_ms)), 12.5),
        ],
        spacing=Space.S,
    )
    facts = [_fact(ui, fact) for fact in step.facts if knows(f"offer.{fact.name}")]
    said = ft.Column(
        [dim(ui, in_language(ui.lang, step.words, step.text), 13), *facts],
        spacing=2,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )
    return ft.Column(
        [head, ft.Container(said, padding=ft.Padding.only(left=26))],
        spacing=2,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )


def test_steps(ui: Ui, report: v1.TestReport, *, subject: str, host: str) -> list[ft.Control]:
    """Return the verdict, each step with its time and what was offered, and what to do where one failed."""
    verdict = chip(ui, State.OK if report.ok else State.ERROR, ui.t("acc.test.ok" if report.ok else "acc.test.bad"))
    parts: list[ft.Control] = [ft.Row([verdict]), *(_step(ui, step) for step in report.steps)]
    if not report.ok:
        key = f"cond.account_failing.{report.error_class}.fix"
        # The engine's remedy names where the password of this account is kept; ours is for an engine without it.
        ours = report.remedies is None and knows(key)
        said = ui.t(key, subject=subject, host=host) if ours else in_language(ui.lang, report.remedies, report.remedy)
        parts.append(with_commands(ui, said, 13.5))
    return parts
