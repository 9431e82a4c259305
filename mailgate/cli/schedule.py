"""The verbs for when mail is fetched: pause, resume, schedule."""

import re
import sys
from datetime import datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cyclopts import App, Group

from mailgate.cli import show
from mailgate.cli.place import Asked, with_engine
from mailgate.contract import v1

if TYPE_CHECKING:
    from mailgate.client.http import EngineClient

USAGE: Final = 64
ASKED = Asked()
_CLOCK: Final = re.compile(r"([0-9]{1,2}):([0-9]{2})\Z")


def add_schedule_verbs(app: App, group: Group) -> None:
    """Add the verbs to `app`."""

    @app.command(group=group)
    def pause(
        account: str | None = None, /, *, minutes: int | None = None, until: str = "", asked: Asked = ASKED
    ) -> int:
        """Begin no session by the schedule; `mailgate fetch` still works.

        Parameters
        ----------
        account
            The account's name; without it all.
        minutes
            For how long, up to a year; without it until `mailgate resume`.
        until
            Until when, by this machine's clock: 18:00, or "2026-12-27 08:00".
        """
        if minutes is not None and until:
            print("name --minutes or --until, not both", file=sys.stderr)
            return USAGE

        async def ask(engine: "EngineClient") -> int:
            end = moment(until, (await engine.status()).now) if until else None
            if until and end is None:
                print(f'{until!r} is no time: write 18:00, or "2026-12-27 08:00"', file=sys.stderr)
                return USAGE
            await engine.pause(minutes, until=end, account=account or "")
            asked.say(await engine.status(), lambda said: pauses(said, account))
            return 0

        return with_engine(asked, ask)

    @app.command(group=group)
    def resume(account: str | None = None, /, *, asked: Asked = ASKED) -> int:
        """Let scheduled sessions go on.

        Parameters
        ----------
        account
            The account's name; without it the pause of all ends, and that of single accounts stays.
        """

        async def ask(engine: "EngineClient") -> int:
            await engine.resume(account or "")
            asked.say(await engine.status(), lambda said: pauses(said, account))
            return 0

        return with_engine(asked, ask)

    @app.command(group=group)
    def schedule(account: str | None = None, /, *, count: int = 10, asked: Asked = ASKED) -> int:
        """Show when accounts are fetched next, and by which rule.

        Parameters
        ----------
        account
            The account's name; without it all that are switched on.
        count
            How many sessions to look ahead, up to 100.
        """

        async def ask(engine: "EngineClient") -> int:
            names = [account] if account else [one.name for one in await engine.accounts() if one.enabled]
            plans = tuple([await engine.schedule(name, count=count) for name in names])
            asked.say(plans, lambda said: "\n\n".join(map(plan, said)) or "no account is switched on")
            return 0

        return with_engine(asked, ask)


def moment(text: str, now: datetime) -> datetime | None:
    """Return the moment that a person writes, by this machine's clock; a bare hour is the next one. None for nonsense."""
    here = now.astimezone()
    if found := _CLOCK.match(text.strip()):
        hour, minute = int(found[1]), int(found[2])
        if hour > 23 or minute > 59:  # noqa: PLR2004 a clock
            return None
        naive = here.replace(hour=hour, minute=minute, second=0, microsecond=0, tzinfo=None)
        then = naive.astimezone()
        return then if then > now else (naive + timedelta(days=1)).astimezone()
    try:
        return datetime.fromisoformat(text.strip()).astimezone()
    except (ValueError, OverflowError):
        return None


def pauses(said: v1.Status, account: str | None) -> str:
    """Return whether sessions begin by themselves: of one account, or of all."""
    if account is None:
        return show.pause(said)
    one = next((one for one in said.accounts if one.name == account), None)
    if one is None:
        return f"there is no account called {account!r} any more"
    if one.paused:
        return f"{account}: {show.paused_words(one)}"
    if said.paused:
        return f"{account} is not paused by itself, but all fetching is: {show.pause(said).lower()}"
    return f"{account}: goes on; next session {show.local(one.next_session, never='not planned')}"


def plan(said: v1.AccountSchedule) -> str:
    """Return what the schedule of one account says and plans."""
    name = f"schedule {said.schedule}" if said.schedule else "interval"
    jitter = f", each up to {said.jitter_s} s later at random" if said.jitter_s else ""
    lines = [f"{said.account}  ({name}, {said.zone}{jitter})"]
    lines += [f"  {rule}" for rule in said.rules]
    lines.append(f"  at least {said.min_interval_s} s apart: {said.min_interval_why}")
    if said.paused:
        lines.append("  paused" + (f" until {show.local(said.paused_until)}" if said.paused_until else ""))
    zone = _zone(said.zone)
    lines += [f"  {one.at.astimezone(zone):%a %Y-%m-%d %H:%M:%S}  {_why(one)}" for one in said.planned]
    return "\n".join(lines if said.planned else [*lines, "  no session is planned"])


def _zone(name: str) -> tzinfo | None:
    """Return the zone that the hours are meant in, None for that of this machine."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def _why(one: v1.PlannedSession) -> str:
    words = {"start": "as soon as may be", "interval": "interval", "fixed": "at", "retry": "again after a failure"}
    return f"{words[one.why]} {one.line}".strip() if one.why == "fixed" else one.line or words[one.why]
