"""When the administrator is told of a condition: once it has held for a while, and once more when it is over."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Literal

from mailgate.model.events import Severity
from mailgate.model.notices import NoticeKind

RESTART_GRACE: Final = timedelta(minutes=15)
"""How long an incident of an earlier run goes on unseen: what it was about is looked at anew by then."""
SILENT: Final = frozenset({"notices_held"})
"""Conditions that no message tells of: this one is that too many were written."""


@dataclass(frozen=True, slots=True)
class Held:
    """A condition that holds: which, about what, since when, and in MailGate's own words."""

    code: str
    subject: str
    since: datetime
    text: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Incident:
    """A condition from its beginning to its end. `told_at`: an alarm went out; `gone_at`: it does not hold any more.

    `earlier`: it began in an earlier run, and has not been seen in this one.
    """

    held: Held
    told_at: datetime | None = None
    gone_at: datetime | None = None
    earlier: bool = False

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from others."""
        return self.held.code, self.held.subject


@dataclass(frozen=True, slots=True)
class Message:
    """An alarm or a recovery that is due."""

    kind: NoticeKind
    incident: Incident


def counts(severity: Severity, code: str, threshold: Literal["error", "warning", "off"]) -> bool:
    """Return whether the administrator wants to know of such a condition."""
    wanted = {"error": {Severity.ERROR}, "warning": {Severity.ERROR, Severity.WARNING}, "off": set()}
    return severity in wanted[threshold] and code not in SILENT


def followed(incidents: Sequence[Incident], held: Collection[Held], now: datetime) -> list[Incident]:
    """Return the incidents as they stand now; one that was told keeps the time at which it began."""
    there = {(one.code, one.subject): one for one in held}
    known = {one.key for one in incidents}
    stand = []
    for one in incidents:
        if found := there.get(one.key):
            text = replace(found, since=min(found.since, one.held.since))
            stand.append(replace(one, held=text, gone_at=None, earlier=False))
        else:
            stand.append(replace(one, gone_at=one.gone_at or now))
    return stand + [Incident(one) for key, one in there.items() if key not in known]


def due(incidents: Sequence[Incident], now: datetime, settle: timedelta) -> tuple[list[Message], list[Incident]]:
    """Return what is to be told now, and the incidents that are over and need no word."""
    tell: list[Message] = []
    forget: list[Incident] = []
    for one in incidents:
        if one.gone_at is None:
            if one.told_at is None and now - one.held.since >= settle:
                tell.append(Message(NoticeKind.ALARM, one))
        elif now - one.gone_at >= (max(settle, RESTART_GRACE) if one.earlier else settle):
            # What came and went while nothing could be sent is told once it is over.
            if one.told_at or one.gone_at - one.held.since >= settle:
                tell.append(Message(NoticeKind.RECOVERY, one))
            else:
                forget.append(one)
    return tell, forget
