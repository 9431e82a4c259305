"""Snapshots of a made-up office, as the engine would send them."""

from datetime import UTC, datetime, timedelta, timezone

import msgspec

from mailgate.contract import v1

NOW = datetime(2026, 11, 24, 8, 31, tzinfo=UTC)
BERLIN = timezone(timedelta(hours=1))
"""The reader's zone: 08:31 UTC is 09:31 there."""


def account(name: str = "office", *, enabled: bool = True) -> v1.AccountState:
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
        error_class="",
        remedy="",
    )


def condition(
    code: str = "auth",
    subject: str = "office",
    *,
    severity: v1.SeverityWord = "error",
    text: str = "pop.provider.example refuses our login",
    remedy: str = "Enter the new password.",
    since: datetime = NOW,
) -> v1.Condition:
    return v1.Condition(code=code, subject=subject, severity=severity, since=since, text=text, remedy=remedy)


def counts(*, unrouted: int = 0, parked: int = 0) -> v1.Counts:
    return v1.Counts(waiting=0, deferred=0, unrouted=unrouted, parked=parked, delivered_today=12)


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
        counts=counts(),
        data_dir="",
    )
    return msgspec.structs.replace(calm, **differs)
