"""What the reader decides about a parked message, and how she is told that it was done."""

from collections.abc import Awaitable
from typing import Final

import flet as ft

from mailgate.app.components.act import told
from mailgate.app.components.dialogs import toast
from mailgate.app.session import Ui
from mailgate.contract import v1

MAX_EXPORT: Final = 25_000_000
"""Octets that are handed to a browser at once: they go through the session's connection as one piece."""


async def decide(ui: Ui, work: Awaitable[v1.Message], said: str) -> None:
    """Carry out a decision and say so; `said` is the key of the words."""
    page = ft.context.page
    if await told(ui, work) is not None:
        toast(page, ui, ui.t(said))
    ui.reader.store.look()


async def redirect(ui: Ui, message_id: str, address: str) -> None:
    """Send a parked message to `address`."""
    page = ft.context.page
    if await told(ui, ui.reader.store.engine.deliver_to(message_id, (address,))) is not None:
        toast(page, ui, ui.t("un.done", a=address))
    ui.reader.store.look()


async def retry_all(ui: Ui, chosen: v1.ParkedSelection) -> None:
    """Try all messages of a selection once more, call by call, and say how many."""
    page = ft.context.page
    done = refused = 0
    while True:
        report = await told(ui, ui.reader.store.engine.decide_parked("retry", selection=chosen))
        if report is None:
            break
        done += len(report.done)
        refused += len(report.refused)
        if not report.next:
            break
        chosen = v1.ParkedSelection(reason=chosen.reason, account=chosen.account, text=chosen.text, before=report.next)
    if done or refused:
        toast(page, ui, ui.t("pk.all.some", n=done, m=refused) if refused else ui.t("pk.all.done", n=done))
    ui.reader.store.look()


async def export(ui: Ui, message: v1.Message) -> None:
    """Hand a message's octets to the reader's browser as a file."""
    page = ft.context.page
    if message.size > MAX_EXPORT:
        toast(page, ui, ui.t("pk.export.large", size=ui.size(message.size), id=message.id).replace("`", ""))
        return
    octets = await told(ui, _octets(ui, message.id))
    if octets:
        name = f"{message.id}.eml"
        await ft.FilePicker().save_file(file_name=name, src_bytes=octets)
        toast(page, ui, ui.t("pk.exported", name=name))


async def _octets(ui: Ui, message_id: str) -> bytes:
    return b"".join([chunk async for chunk in ui.reader.store.engine.eml(message_id)])
