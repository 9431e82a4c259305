"""What the icon shows: a pure function of the engine's last snapshot, the connection and the time.

Events are not applied one by one: any event makes `follow.py` take a new snapshot (at most two a second), so there is
no second account of the engine's state here that could disagree with it.
"""

from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta, tzinfo
from enum import StrEnum
from typing import Final

from mailgate.contract import v1
from mailgate.tray.conditions import concerning, title
from mailgate.tray.words import Words

TOOLTIP_UNITS: Final = 127
"""UTF-16 units that Windows takes in a tooltip: 128 with the final NUL (NOTIFYICONDATAW, szTip)."""


class IconState(StrEnum):
    """The pictures there are, in the order in which they win; `working` has two frames."""

    DISCONNECTED = "disconnected"
    ERROR = "error"
    PAUSED = "paused"
    WORKING = "working"
    ATTENTION = "attention"
    IDLE = "idle"


@dataclass(frozen=True, slots=True)
class Fetch:
    """Start download sessions: of one account, or of all."""

    account: str | None = None


@dataclass(frozen=True, slots=True)
class Pause:
    """Pause fetching. Tomorrow is found when the entry is clicked, not when the menu is made."""

    minutes: int | None = None
    until_tomorrow: bool = False


@dataclass(frozen=True, slots=True)
class Resume:
    """Let fetching go on."""


@dataclass(frozen=True, slots=True)
class OpenApp:
    """Open the app in the browser, logged in."""


@dataclass(frozen=True, slots=True)
class Quit:
    """Take the icon away; the engine goes on."""


Action = Fetch | Pause | Resume | OpenApp | Quit


@dataclass(frozen=True, slots=True)
class MenuItem:
    """An entry: an `action`, or a menu of its own (`items`). A left click on the icon does the `default` one."""

    text: str
    action: Action | None = None
    items: tuple["MenuItem", ...] = ()
    enabled: bool = True
    default: bool = False


@dataclass(frozen=True, slots=True)
class Picture:
    """All that the reader can see of the tray. `frame` is 0 or 1, and 0 unless `state` is working."""

    state: IconState
    tooltip: str
    menu: tuple[MenuItem, ...]
    frame: int = 0


@dataclass(frozen=True, slots=True)
class TrayModel:
    """What the tray knows. `zone` is the reader's, None for the machine's own.

    The last `status` is kept while the connection is gone, so that what is new afterwards can be told from it.
    """

    words: Words
    zone: tzinfo | None = None
    status: v1.Status | None = None
    connected: bool = False
    lost_since: datetime | None = None
    no_access: bool = False
    frame: int = 0

    def seen(self, status: v1.Status) -> "TrayModel":
        """Return the model after a snapshot arrived."""
        return replace(self, status=status, connected=True, lost_since=None, no_access=False)

    def lost(self, now: datetime, *, no_access: bool = False) -> "TrayModel":
        """Return the model after the engine was not reached; the first of several losses counts."""
        return replace(self, connected=False, lost_since=self.lost_since or now, no_access=no_access)

    def next_frame(self) -> "TrayModel":
        """Return the model with the other picture of a working engine."""
        return replace(self, frame=1 - self.frame)

    def state(self) -> IconState:
        """Return the picture that the snapshot asks for: the worst of what holds."""
        status = self.status
        if status is None or not self.connected or status.state == "stopping":
            return IconState.DISCONNECTED
        if any(c.severity == "error" for c in status.conditions):
            return IconState.ERROR
        if status.paused or _all_paused(status):
            return IconState.PAUSED
        if status.busy:
            return IconState.WORKING
        return IconState.ATTENTION if concerning(status) else IconState.IDLE

    def picture(self, now: datetime) -> Picture:
        """Return what to show. `now` is aware; it decides whether a time needs its date."""
        state = self.state()
        line = self._line(state, now)
        return Picture(
            state,
            clip(self.words.tooltip.format(text=line), TOOLTIP_UNITS),
            self._menu(state, line, now),
            self.frame if state is IconState.WORKING else 0,
        )

    def _line(self, state: IconState, now: datetime) -> str:
        words, status = self.words, self.status
        if state is IconState.DISCONNECTED or status is None:
            if status is not None and self.connected:
                return words.stopping
            if self.no_access:
                return words.no_access
            return words.lost_since.format(time=self._time(self.lost_since, now)) if self.lost_since else words.lost
        match state:
            case IconState.ERROR | IconState.ATTENTION:
                first, *more = self._attention(status)
                return words.and_more.format(text=first, count=len(more)) if more else first
            case IconState.PAUSED:
                if not status.paused:  # each account for itself
                    return words.paused
                until = status.paused_until
                return words.paused_until.format(time=self._time(until, now)) if until else words.paused
            case IconState.WORKING:
                return words.working_of.format(taken=status.taken, new=status.new) if status.new else words.working
            case IconState.IDLE:
                if resting := self._resting(status, now):
                    first, *more = resting
                    return words.and_more.format(text=first, count=len(more)) if more else first
                due = status.next_session
                return words.running_next.format(time=self._time(due, now)) if due else words.running

    def _resting(self, status: v1.Status, now: datetime) -> list[str]:
        """Return which accounts are at rest while others go on: throttled by the provider, or paused."""
        told = [self._rest(account, now) for account in status.accounts if account.enabled]
        return [text for text in told if text]

    def _rest(self, account: v1.AccountState, now: datetime) -> str:
        """Return why an account is at rest, empty when it is not."""
        words = self.words
        if account.given_up:
            return words.account_given_up.format(account=account.name)
        if account.paused:
            until = account.paused_until
            form = words.account_paused_until if until else words.account_paused
            return form.format(account=account.name, time=self._time(until, now))
        until = account.throttled_until
        if until is not None and until > now:
            return words.account_throttled.format(account=account.name, time=self._time(until, now))
        return ""

    def _attention(self, status: v1.Status) -> list[str]:
        """Return what needs the reader, worst first, then oldest."""
        return [title(condition, status, self.words) for condition in concerning(status)]

    def _menu(self, state: IconState, line: str, now: datetime) -> tuple[MenuItem, ...]:
        words, status = self.words, self.status
        there = state is not IconState.DISCONNECTED
        accounts = status.accounts if status is not None and there else ()
        fetch = [MenuItem(words.fetch_now, Fetch(), enabled=there, default=True)]
        if accounts:
            each = tuple(
                MenuItem((self._rest(a, now) if a.enabled else "") or a.name, Fetch(a.name), enabled=a.enabled)
                for a in accounts
            )
            fetch.append(MenuItem(words.fetch_account, items=each))
        if there and status is not None and status.paused:
            pause = MenuItem(words.resume, Resume())
        else:
            spans = (
                MenuItem(words.pause_hour, Pause(minutes=60)),
                MenuItem(words.pause_tomorrow, Pause(until_tomorrow=True)),
                MenuItem(words.pause_open, Pause()),
            )
            pause = MenuItem(words.pause, items=spans, enabled=there)
        return (
            MenuItem(clip(line[:1].upper() + line[1:], TOOLTIP_UNITS), enabled=False),
            *fetch,
            pause,
            MenuItem(words.open_app, OpenApp(), enabled=there),
            MenuItem(words.quit, Quit()),
        )

    def _time(self, at: datetime | None, now: datetime) -> str:
        if at is None:
            return ""
        here, today = at.astimezone(self.zone), now.astimezone(self.zone)
        return here.strftime(self.words.today if here.date() == today.date() else self.words.other_day)


def _all_paused(status: v1.Status) -> bool:
    """Return whether each account that is switched on is paused for itself."""
    enabled = [account for account in status.accounts if account.enabled]
    return bool(enabled) and all(account.paused for account in enabled)


def minutes_until_tomorrow(now: datetime, zone: tzinfo | None = None) -> int:
    """Return the whole minutes, at least 1, until the reader's next day begins."""
    here = now.astimezone(zone)
    midnight = datetime.combine(here.date() + timedelta(days=1), time())
    # astimezone(None) is right for a naive local time; a named zone is put on it instead
    tomorrow = midnight.astimezone() if zone is None else midnight.replace(tzinfo=zone)
    seconds = tomorrow.timestamp() - now.timestamp()  # by timestamps: a night of changing clocks has 23 or 25 hours
    return max(1, -int(-seconds // 60))


def clip(text: str, units: int) -> str:
    """Return the text, cut with an ellipsis where it has more than so many UTF-16 units."""
    if _units(text) <= units:
        return text
    while _units(text) > units - 1:
        text = text[:-1]
    return text.rstrip() + "…"


def _units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
