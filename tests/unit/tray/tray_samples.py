"""Snapshots of a made-up office, as the engine would send them."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import msgspec

from mailgate.contract import v1

NOW = datetime(2026, 11, 24, 8, 31, tzinfo=UTC)
BERLIN = timezone(timedelta(hours=1))
"""The reader's zone: 08:31 UTC is 09:31 there."""


def account(name: str = "office", *, enabled: bool = True, error_class: str = "") -> v1.AccountState:
    return v1.AccountState(
        name=name,
        host="pop.provider.example",
        port=995,
        security="tls",
        user=f"{name}@office.example",
        enabled=enabled,
        busy=False,
        taken=0,
        new=0,
        last_success=None,
        last_attempt=None,
        next_session=None,
        failures=0,
        error="",
        error_class=error_class,
        remedy="",
    )


def condition(
    code: str = "account_failing",
    subject: str = "office",
    *,
    severity: v1.SeverityWord = "error",
    text: str = "Account office cannot be fetched: login refused.",
    remedy: str = "Enter the new password.",
    since: datetime = NOW,
) -> v1.Condition:
    return v1.Condition(code=code, subject=subject, severity=severity, since=since, text=text, remedy=remedy)


def waiting(*, unrouted: int = 0, parked: int = 0) -> dict[str, Any]:
    """Return what a snapshot says of so many messages that wait for a person; `parked` includes the unrouted."""
    held = []
    if unrouted:
        held.append(condition("unrouted", "", severity="warning", text=f"{unrouted} messages have nobody to go to."))
    if parked > unrouted:
        held.append(condition("parked", "", severity="warning", text=f"{parked} messages are kept."))
    counts = v1.Counts(waiting=0, deferred=0, unrouted=unrouted, parked=parked, delivered_today=12)
    return {"counts": counts, "conditions": tuple(held)}


def status(**differs: object) -> v1.Status:
    """Return a snapshot of an office where all is well, but for what `differs`."""
    calm = v1.Status(
        version="0.1.0",
        state="running",
        started_at=NOW - timedelta(hours=2),
        now=NOW,
        seq=7,
        run="first",
        paused=False,
        paused_until=None,
        busy=False,
        taken=0,
        new=0,
        last_mail=None,
        next_session=NOW + timedelta(minutes=15),
        internal_host="mail.office.example",
        internal_ok=True,
        accounts=(account(), account("shop")),
        conditions=(),
        counts=v1.Counts(waiting=0, deferred=0, unrouted=0, parked=0, delivered_today=12),
        data_dir="",
    )
    return msgspec.structs.replace(calm, **differs)
