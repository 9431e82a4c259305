"""What the reader does with an account, and how she is told that it was done."""

from collections.abc import Awaitable
from datetime import datetime, timedelta

import flet as ft

from mailgate.app.components.act import told
from mailgate.app.components.dialogs import toast
from mailgate.app.session import Ui, run
from mailgate.contract import v1


async def pause(ui: Ui, name: str, minutes: int | None = None, until: datetime | None = None) -> None:
    """Pause an account: for so many minutes, until a time, or until `resume`."""
    page, engine = ft.context.page, ui.reader.store.engine
    if await _done(ui, engine.pause(minutes, until=until, account=name)):
        toast(page, ui, ui.t("acc.paused.done", a=name), lambda _: run(_resume_quietly, ui, name))


async def resume(ui: Ui, name: str) -> None:
    """Let an account go on."""
    page = ft.context.page
    if await _resume_quietly(ui, name):
        toast(page, ui, ui.t("acc.resumed.done", a=name))


async def _resume_quietly(ui: Ui, name: str) -> bool:
    return await _done(ui, ui.reader.store.engine.resume(name))


async def switch(ui: Ui, name: str, *, on: bool) -> None:
    """Switch an account on or off."""
    page = ft.context.page
    if await _switch(ui, name, on=on):
        said = ui.t("acc.on.done" if on else "acc.off.done", a=name)
        toast(page, ui, said, lambda _: run(_flip, ui, name, not on))


async def _flip(ui: Ui, name: str, on: bool) -> None:  # noqa: FBT001 a task's arguments are by position
    await _switch(ui, name, on=on)


async def _switch(ui: Ui, name: str, *, on: bool) -> bool:
    engine = ui.reader.store.engine
    return await _done(ui, engine.enable_account(name) if on else engine.disable_account(name))


async def remove(ui: Ui, name: str) -> None:
    """Remove an account from the configuration."""
    page = ft.context.page
    if await _done(ui, ui.reader.store.engine.remove_account(name)):
        toast(page, ui, ui.t("acc.removed.done", a=name))
        await page.push_route("/accounts")


async def use_header(ui: Ui, report: v1.CapabilityReport) -> None:
    """Take the header that a report suggests as the account's envelope header."""
    page, engine = ft.context.page, ui.reader.store.engine
    if await _done(ui, engine.change_account(report.account, {"envelope_header": report.suggestion})):
        toast(page, ui, ui.t("rep.used", h=report.suggestion))


async def set_up(ui: Ui, name: str, setup: v1.SetupWord) -> None:
    """Take over the settings of a way to share the mailbox; the provider's envelope header stays."""
    page, engine = ft.context.page, ui.reader.store.engine
    held = await told(ui, engine.account(name))
    if held is None:
        return
    wish = v1.SetUp(setup=setup, envelope_header=str(held.values.get("envelope_header") or ""), revision=held.revision)
    if await _done(ui, engine.set_up_account(name, wish)):
        toast(page, ui, ui.t("set.saved", a=name))


async def _done(ui: Ui, work: Awaitable[object]) -> bool:
    """Return whether `work` was done; why not is told to the reader."""
    done = await told(ui, _yes(work))
    ui.reader.store.look()
    return done is True


async def _yes(work: Awaitable[object]) -> bool:
    await work
    return True


def tomorrow(ui: Ui) -> datetime | None:
    """Return when the reader's next day begins."""
    now = ui.now
    if now is None:
        return None
    here = now.astimezone(ui.reader.zone)
    return (here + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
