"""What the reader does: each act asks the store, and tells her how it ended."""

from collections.abc import Awaitable
from contextlib import suppress
from typing import TypeVar

import flet as ft

from mailgate.app.components.dialogs import toast
from mailgate.app.session import Ui
from mailgate.app.words import knows
from mailgate.client.errors import ClientError
from mailgate.contract import v1

T = TypeVar("T")


def refusal(ui: Ui, error: ClientError) -> str:
    """Return why something was not done."""
    own = f"refused.{error.code}"
    return ui.t(own) if knows(own) else ui.t("refused", why=error.args[0])


async def told(ui: Ui, work: Awaitable[T]) -> T | None:
    """Return the result of `work`, or None after telling the reader why there is none."""
    page = ft.context.page
    try:
        return await work
    except ClientError as error:
        toast(page, ui, refusal(ui, error))
        return None


def _ended(ui: Ui, report: v1.SessionReport) -> str:
    """Return what a fetch came to, in a sentence or two."""
    counts = (("delivered", report.delivered), ("parked", report.parked), ("waiting", report.deferred))
    what = ", ".join(ui.t(f"fetch.{word}", n=count) for word, count in counts if count)
    said = [ui.t("fetch.done", n=report.taken, what=what)] if report.taken else []
    if report.left:
        said.append(ui.t("fetch.left", n=len(report.left)))
    if report.errors:
        said.append(ui.t("fetch.failed"))
    return " ".join(said) or ui.t("fetch.none")


async def fetch(ui: Ui, account: str | None = None) -> None:
    """Fetch now, from one account or from all, and say what came."""
    page = ft.context.page
    report = await told(ui, ui.reader.store.fetch(account))
    if report is not None:
        toast(page, ui, _ended(ui, report))


async def stop(ui: Ui) -> None:
    """End running sessions."""
    await told(ui, ui.reader.store.stop())


async def resume(ui: Ui) -> None:
    """Let fetching go on."""
    await told(ui, ui.reader.store.resume())


async def copy(ui: Ui, words: str) -> None:
    """Put words on the reader's clipboard. A browser may refuse, and then nothing happens."""
    page = ft.context.page
    with suppress(RuntimeError, TimeoutError):
        await ft.Clipboard().set(words)
        toast(page, ui, ui.t("copied"))


async def open_unrouted(ui: Ui) -> None:
    """Show the newest unrouted messages."""
    await told(ui, ui.reader.store.open_unrouted())


async def older_unrouted(ui: Ui) -> None:
    """Turn to the next page."""
    await told(ui, ui.reader.store.older_unrouted())


async def newer_unrouted(ui: Ui) -> None:
    """Turn back a page."""
    await told(ui, ui.reader.store.newer_unrouted())


async def recipients(ui: Ui) -> tuple[str, ...] | None:
    """Return whom a message can go to, or None after telling why that is not known."""
    return await told(ui, ui.reader.store.recipients())


async def deliver(ui: Ui, message_id: str, address: str) -> None:
    """Send an unrouted message to `address`."""
    page = ft.context.page
    try:
        await ui.reader.store.deliver(message_id, address)
    except ClientError as error:
        toast(page, ui, refusal(ui, error))
    else:
        toast(page, ui, ui.t("un.done", a=address))
