"""The part of the made-up engine that knows of accounts: tests, pauses, plans, reports, and what is too large."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

import msgspec

from mailgate.client.errors import RefusedError
from mailgate.contract import v1

FIRST: Final = datetime(2026, 11, 24, 9, 48, tzinfo=UTC)
CHANGED: Final = v1.SettingsChanged((), (), "r2")


REMEDIES: Final = v1.Words(en="The remedy.", de="Die Abhilfe.", fr="Le remède.")


def probe(*, ok: bool = True) -> v1.TestReport:
    """A connection test, good or with a refused login."""
    offers = (
        v1.Fact("capabilities", "UIDL TOP"),
        v1.Fact("largest", "2300000"),
        v1.Fact("tls", "TLSv1.3"),
        v1.Fact("certificate_expires", "2027-03-09"),
    )
    answers = v1.Words(en="pop.provider.example answers", de="pop.provider.example antwortet", fr="elle répond")
    steps = (
        v1.TestStep("connect", ok=True, text=answers.en, duration_ms=31, facts=offers, words=answers),
        v1.TestStep("login", ok=ok, text="welcome" if ok else "-ERR no", duration_ms=12),
    )
    return v1.TestReport(
        ok=ok,
        steps=steps,
        error_class="" if ok else "auth",
        remedy="" if ok else "The remedy.",
        remedies=None if ok else REMEDIES,
    )


def capability(name: str, **changes: Any) -> v1.CapabilityReport:
    """A provider whose header names one recipient."""
    plain = v1.CapabilityReport(
        account=name,
        messages=500,
        looked_at=480,
        unreadable=20,
        unattributed=3,
        headers=(v1.HeaderUse("X-Envelope-To", 470, 460, 12, 95.8),),
        points=(
            v1.CapabilityPoint("one_copy_each", holds=True, text="."),
            v1.CapabilityPoint("tomorrows", holds=None, text="Something new."),
        ),
        envelope_header="",
        suggestion="X-Envelope-To",
        safe=True,
        text="",
    )
    return msgspec.structs.replace(plain, **changes)


def large(number: int, account: str, **changes: Any) -> v1.OversizeMessage:
    """A message that is too large."""
    plain = v1.OversizeMessage(
        id=number,
        account=account,
        uid=f"u{number}",
        size=80_000_000,
        limit=50_000_000,
        server_limit=0,
        found_at=FIRST,
        from_="bau@partner.example",
        subject="Baupläne",
        date="",
        message_id="",
        recipients=(),
        told_at=None,
        wish="none",
        due=None,
        by="",
        decided_at=None,
    )
    return msgspec.structs.replace(plain, **changes)


class FakeAccounts:
    """Says what the test sets, and keeps in `asked` what was done."""

    asked: list[tuple[object, ...]]

    def __init__(self) -> None:
        super().__init__()
        self.test_says = probe()
        self.report_says: dict[str, v1.CapabilityReport] = {}
        self.too_large: list[v1.OversizeMessage] = []
        self.refuses = ""

    def _ask(self, *what: object) -> None:
        if self.refuses:
            raise RefusedError(self.refuses, code="conflict", status=409)
        self.asked.append(what)

    async def pause(self, minutes: int | None = None, *, until: datetime | None = None, account: str = "") -> None:
        self._ask("pause", account, minutes, until)

    async def schedule(self, account: str, *, count: int = 10) -> v1.AccountSchedule:
        whys: tuple[Literal["interval", "fixed"], ...] = ("interval", "fixed")
        planned = tuple(v1.PlannedSession(FIRST + timedelta(minutes=5 * n), why, "") for n, why in enumerate(whys))
        return v1.AccountSchedule(
            account=account,
            schedule="",
            zone="UTC",
            rules=(),
            min_interval_s=600,
            min_interval_why="the provider's wish",
            min_interval_reasons=v1.Words(en="the provider's wish", de="der Wunsch des Providers", fr="-"),
            jitter_s=0,
            paused=False,
            paused_until=None,
            planned=planned,
        )

    async def test_account(self, name: str) -> v1.TestReport:
        self._ask("test", name)
        return self.test_says

    async def account_report(self, name: str) -> v1.CapabilityReport:
        return self.report_says.get(name) or capability(name)

    async def enable_account(self, name: str) -> v1.SettingsChanged:
        self._ask("enable", name)
        return CHANGED

    async def disable_account(self, name: str) -> v1.SettingsChanged:
        self._ask("disable", name)
        return CHANGED

    async def remove_account(self, name: str, *, revision: str = "") -> v1.SettingsChanged:
        self._ask("remove", name)
        return CHANGED

    async def change_account(
        self, name: str, values: Mapping[str, Any], *, password: str | None = None, revision: str = ""
    ) -> v1.SettingsChanged:
        self._ask("change", name, dict(values), password)
        return CHANGED

    async def oversize(self) -> v1.OversizeList:
        return v1.OversizeList(tuple(self.too_large))

    async def decide_oversize(
        self, number: int, wish: Literal["fetch", "tonight", "delete", "leave"]
    ) -> v1.OversizeMessage:
        self._ask("large", number, wish)
        found = next(one for one in self.too_large if one.id == number)
        decided = msgspec.structs.replace(found, wish=wish)
        self.too_large[self.too_large.index(found)] = decided
        return decided
