"""The first line of the overview and what stands below it: decisions, from the engine's status to plain values.

Every sentence is a key of `words.py` with its values. Nothing here is guessed: what the status does not say is not shown.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from mailgate.app.store import Picture
from mailgate.app.theme import State
from mailgate.app.words import knows
from mailgate.contract import v1

HALTING: Final = frozenset({"disk_low", "store_damaged", "store_refuses"})
"""Conditions under which MailGate takes no mail."""

_RANK: Final = {"error": 0, "warning": 1, "info": 2}
_TONE: Final = {"error": State.ERROR, "warning": State.WARNING, "info": State.NOTE}


class Remedy(StrEnum):
    """What a button on a health card does."""

    FETCH_ACCOUNT = "do.retry.account"
    CHOOSE_RECIPIENTS = "do.choose"
    DECIDE_PARKED = "do.decide"
    RESUME = "do.resume.fetch"
    LOOK_AT_ACCOUNT = "do.account"


@dataclass(frozen=True, slots=True)
class Phrase:
    """A key of `words.py` with its values, or (without a key) words that the engine said."""

    key: str = ""
    values: Mapping[str, object] = field(default_factory=dict)
    said: str = ""


@dataclass(frozen=True, slots=True)
class Station:
    """A place on the path: a fact about it, and its state; None while all is well."""

    fact: Phrase
    state: State | None = None


@dataclass(frozen=True, slots=True)
class Path:
    """The inbound lane. `before_gate` and `before_server` say whether the line is broken there."""

    provider: Station
    gate: Station
    server: Station
    before_gate: bool
    before_server: bool


@dataclass(frozen=True, slots=True)
class Card:
    """A health condition: what happened, what it means, what to do about it. `key` tells it from the others."""

    key: str
    state: State
    title: Phrase
    meaning: Phrase
    fix: Phrase
    since: datetime | None
    details: str = ""
    remedy: Remedy | None = None
    account: str = ""


def failing(status: v1.Status) -> frozenset[str]:
    """Return the names of the enabled accounts whose trouble has lasted long enough to matter."""
    enabled = {account.name for account in status.accounts if account.enabled}
    return frozenset(c.subject for c in status.conditions if c.code == "account_failing") & enabled


def _enabled(status: v1.Status) -> int:
    return sum(account.enabled for account in status.accounts)


def halted(status: v1.Status) -> bool:
    """Return whether MailGate takes no mail, to keep what it has safe."""
    return any(c.code in HALTING for c in status.conditions)


def headline(picture: Picture) -> Phrase:
    """Return the answer to: is mail moving, and if not, where does it stop?"""
    status = picture.status
    if picture.lost:
        return Phrase("ov.lost")
    if status is None:
        return Phrase("ov.loading")
    if status.state == "stopping":
        return Phrase("ov.stopping")
    if halted(status):
        return Phrase("ov.gate")
    if not status.internal_ok:
        return Phrase("ov.server")
    if not _enabled(status):
        return Phrase("ov.off")
    if len(failing(status)) == _enabled(status):
        return Phrase("ov.provider")
    if status.paused:
        return Phrase("ov.paused.until", {"t": status.paused_until}) if status.paused_until else Phrase("ov.paused")
    if failing(status):
        return Phrase("ov.some")
    needing = sum(c.severity != "info" for c in status.conditions)
    return Phrase("ov.attention", {"n": needing}) if needing else Phrase("ov.moving")


def path(status: v1.Status) -> Path:
    """Return the path of inbound mail, broken where it stops."""
    count, sick = _enabled(status), len(failing(status))
    stopped = halted(status)
    match count:
        case 0:
            accounts = Phrase("path.accounts.none")
        case 1:
            accounts = Phrase("path.account.sick" if sick else "path.account")
        case _:
            accounts = Phrase("path.accounts", {"n": count - sick, "m": count})
    if stopped:
        gate = Station(Phrase("path.halted"), State.ERROR)
    elif status.paused:
        gate = Station(Phrase("path.paused"), State.PAUSED)
    else:
        gate = Station(Phrase("path.onway", {"n": status.counts.waiting}))
    server = Station(Phrase("path.accepts")) if status.internal_ok else Station(Phrase("path.silent"), State.ERROR)
    return Path(
        provider=Station(accounts, State.ERROR if sick else None),
        gate=gate,
        server=server,
        before_gate=stopped or sick > 0,
        before_server=not status.internal_ok,
    )


def service_state(picture: Picture) -> tuple[State, str]:
    """Return the state of the whole as one chip: its tone and the key of its word."""
    status = picture.status
    if picture.lost or status is None:
        return State.WAITING, "engine.lost"
    if status.state == "stopping":
        return State.WAITING, "engine.stopping"
    severities = {condition.severity for condition in status.conditions}
    if "error" in severities or not status.internal_ok:
        return State.ERROR, "engine.error"
    if status.busy:
        return State.ACTIVE, "engine.fetching"
    if status.paused:
        return State.PAUSED, "engine.paused"
    if "warning" in severities:
        return State.WARNING, "engine.attention"
    return State.OK, "engine.running"


def cards(status: v1.Status) -> tuple[Card, ...]:
    """Return the health conditions as cards: errors first, then warnings, the oldest of each first.

    A pause is somebody's wish and no condition, but it is ended here too.
    """
    ranked = sorted(status.conditions, key=lambda c: (_RANK[c.severity], c.since))
    found = [_card(condition, status) for condition in ranked]
    if status.paused and all(condition.code != "fetch_paused" for condition in ranked):
        found.append(_pause(status))
    return tuple(found)


def _pause(status: v1.Status) -> Card:
    until = status.paused_until
    return Card(
        key="fetch_paused",
        state=State.PAUSED,
        title=Phrase("cond.fetch_paused"),
        meaning=Phrase("cond.fetch_paused.what"),
        fix=Phrase("cond.fetch_paused.until", {"t": until}) if until else Phrase("cond.fetch_paused.fix"),
        since=None,
        remedy=Remedy.RESUME,
    )


def _card(condition: v1.Condition, status: v1.Status) -> Card:
    values = _values(condition, status)
    base = f"cond.{condition.code}"
    own = ""
    if condition.code == "account_failing":
        account = next((a for a in status.accounts if a.name == condition.subject), None)
        if account and knows(f"{base}.{account.error_class}"):
            own = f"{base}.{account.error_class}"
    known = knows(base)
    return Card(
        key=_coded(condition),
        state=_TONE[condition.severity],
        title=Phrase(own or base, values) if known else Phrase(said=condition.text),
        meaning=Phrase(f"{base}.what", values) if known else Phrase(),
        fix=Phrase(f"{own or base}.fix", values) if known else Phrase(said=condition.remedy),
        since=condition.since,
        details="\n".join(filter(None, (_coded(condition), condition.text, condition.remedy))) if known else "",
        remedy=_remedy(condition, status),
        account=condition.subject if condition.code in {"account_failing", "messages_left"} else "",
    )


def _coded(condition: v1.Condition) -> str:
    return f"{condition.code}: {condition.subject}" if condition.subject else condition.code


def _values(condition: v1.Condition, status: v1.Status) -> dict[str, object]:
    host = status.internal_host.rpartition(":")[0] or status.internal_host
    for account in status.accounts:
        if condition.code == "account_failing" and account.name == condition.subject:
            host = account.host
    counts = status.counts
    count = counts.unrouted if condition.code == "unrouted" else counts.parked - counts.unrouted
    return {"subject": condition.subject, "host": host or condition.subject, "n": count}


def _remedy(condition: v1.Condition, status: v1.Status) -> Remedy | None:
    match condition.code:
        case "account_failing" if condition.subject in {account.name for account in status.accounts}:
            return Remedy.FETCH_ACCOUNT
        case "unrouted":
            return Remedy.CHOOSE_RECIPIENTS
        case "parked" | "loop":
            return Remedy.DECIDE_PARKED
        case "fetch_paused":
            return Remedy.RESUME
        case "messages_left":
            return Remedy.LOOK_AT_ACCOUNT
        case _:
            return None


def fine(status: v1.Status) -> tuple[Phrase, ...]:
    """Return what is watched and was found in order: only what the status itself shows."""
    found = []
    healthy = [account for account in status.accounts if account.enabled and account.last_success and not account.error]
    if healthy and len(healthy) == _enabled(status):
        found.append(Phrase("health.fine.accounts", {"n": len(healthy)}))
    if status.internal_ok:
        found.append(Phrase("health.fine.server"))
    if not status.counts.unrouted:
        found.append(Phrase("health.fine.unrouted"))
    return tuple(found)


def sender(message: v1.Message) -> str:
    """Return who a message says it is from, else its envelope sender; empty when it has neither."""
    return message.from_ or message.sender.strip("<>")


def last_session(status: v1.Status) -> tuple[datetime | None, int]:
    """Return when a session was last tried, and how many accounts ended theirs with an error."""
    tried = [account.last_attempt for account in status.accounts if account.last_attempt]
    return max(tried, default=None), sum(bool(account.error) for account in status.accounts if account.enabled)
