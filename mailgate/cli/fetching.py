"""`mailgate fetch`: ask for sessions, and show how far they are on a terminal."""

import sys
from typing import TYPE_CHECKING

from mailgate.cli import show
from mailgate.contract import v1

if TYPE_CHECKING:
    from mailgate.client.http import EngineClient

WAIT_S = 1.0


async def fetch(engine: "EngineClient", account: str | None, *, wait: bool, as_json: bool) -> int:
    """Start sessions; with `wait` return once they and their deliveries are done: 0 only if nothing failed."""
    ticket = await engine.start_session(account)
    if not wait:
        print(
            show.as_json(ticket)
            if as_json
            else f"asked to fetch: {', '.join(ticket.accounts) or 'nothing, no account is switched on'}"
        )
        return 0
    if sys.stdout.isatty() and not as_json:
        report = await _with_bar(engine, ticket)
    else:
        report = await _silently(engine, ticket)
    print(show.as_json(report) if as_json else show.session(report))
    return 1 if report.failed else 0


async def _silently(engine: "EngineClient", ticket: v1.SessionTicket) -> v1.SessionReport:
    while True:
        report = await engine.session(ticket.id, wait_s=20)
        if report.done:
            return report


async def _with_bar(engine: "EngineClient", ticket: v1.SessionTicket) -> v1.SessionReport:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn  # noqa: PLC0415 65 ms, for this alone

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[more]}"))
    with Progress(*columns, transient=True) as progress:
        bar = progress.add_task("fetching", total=None, more="")
        while True:
            report = await engine.session(ticket.id, wait_s=WAIT_S)
            settled = report.delivered + report.parked
            if report.done:
                return report
            status = await engine.status()
            total = report.taken + max(0, status.new - status.taken)
            progress.update(bar, completed=settled, total=total or None, more=f"{report.taken} fetched")
