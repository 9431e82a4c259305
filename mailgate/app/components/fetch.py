"""Fetch now: the one thing people come for most. Shows progress where it was started, and can be stopped there."""

import flet as ft

from mailgate.app.components import act
from mailgate.app.components.base import Handler, icon_button, one_line, primary
from mailgate.app.session import Ui, run
from mailgate.app.store import Picture
from mailgate.app.theme import Face

HEIGHT_PX = 44


def progress_words(ui: Ui, picture: Picture) -> str:
    """Return how far a running fetch is, in words."""
    if picture.stopping:
        return ui.t("fetch.stopping")
    status = picture.status
    if status is None or not status.busy:
        return ui.t("fetch.starting")
    if status.new:
        return ui.t("fetch.progress", i=ui.number(status.taken), n=ui.number(status.new))
    return ui.t("fetch.busy")


def progress_bar(ui: Ui, picture: Picture, height: int, radius: int = 0) -> ft.ProgressBar:
    """Return how far a running fetch is, as a bar; it moves to and fro while nobody can say."""
    status = picture.status
    known = status is not None and status.busy and status.new > 0
    return ft.ProgressBar(
        value=min(1.0, status.taken / status.new) if status and known else None,
        color=ui.p.brand,
        bgcolor=ui.p.line,
        bar_height=height,
        border_radius=radius,
        semantics_label=progress_words(ui, picture),
    )


def _start(ui: Ui, picture: Picture) -> Handler | None:
    if picture.lost or picture.status is None:
        return None
    return lambda _: run(act.fetch, ui)


def _stop(ui: Ui, picture: Picture) -> Handler | None:
    return None if picture.stopping else lambda _: run(act.stop, ui)


def fetch_box(ui: Ui, picture: Picture) -> ft.Control:
    """Return the button with its words, or the progress with a way to stop it."""
    if not picture.busy:
        return ft.Container(primary(ui.t("do.fetch"), ft.Icons.DOWNLOAD, _start(ui, picture)), height=HEIGHT_PX)
    said = ft.Column(
        [one_line(ui, progress_words(ui, picture), 12.5, Face.MEDIUM), progress_bar(ui, picture, 6, 3)],
        spacing=6,
        expand=True,
        alignment=ft.MainAxisAlignment.CENTER,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )
    stop = icon_button(ui, ft.Icons.CLOSE, ui.t("do.stop"), _stop(ui, picture))
    return ft.Row([said, stop], height=HEIGHT_PX)


def fetch_icon(ui: Ui, picture: Picture) -> ft.Control:
    """Return the button where there is no room for words."""
    if picture.busy:
        return icon_button(ui, ft.Icons.CLOSE, ui.t("do.stop"), _stop(ui, picture), filled=True)
    return icon_button(ui, ft.Icons.DOWNLOAD, ui.t("do.fetch"), _start(ui, picture), filled=True)
