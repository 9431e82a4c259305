"""Tells the administrator by mail of conditions that last, and of their end; once each, over restarts, too.

While the internal server takes nothing, no message goes out; what was to be told is told when it is well again.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from mailgate.config.conditions import ConditionWords, condition_words
from mailgate.engine.health import INTERNAL, HealthBoard
from mailgate.engine.outbox import NoticeOutbox
from mailgate.model.errors import StoreError
from mailgate.model.notices import Notice, NoticeKind
from mailgate.policy.alarms import Held, Incident, Message, counts, due, followed
from mailgate.policy.notices import moment_text
from mailgate.policy.recipients import lenient_address
from mailgate.ports.clock import Clock
from mailgate.ports.events import raise_store_condition
from mailgate.ports.store import Store

TICK_S: Final = 5.0
_KEY: Final = "alarms.incidents"


class Alarms:
    """`tick` is one look at the conditions, `run` looks until it is cancelled."""

    def __init__(self, *, outbox: NoticeOutbox, store: Store, health: HealthBoard, clock: Clock) -> None:
        self._outbox = outbox
        self._store = store
        self._health = health
        self._clock = clock
        self._incidents: list[Incident] | None = None
        self._kept = ""

    async def run(self) -> None:
        """Look again and again."""
        while True:
            try:
                await self.tick()
            except StoreError as exc:
                raise_store_condition(self._health, exc)
            await self._clock.sleep(TICK_S)

    async def tick(self) -> None:
        """Follow the conditions, and tell what is due."""
        settings = self._outbox.settings
        now = self._clock.now()
        to = lenient_address(settings.administrator)
        wanted = settings.alarm if to else "off"
        held = [
            Held(one.code, one.subject, one.since, one.text, one.remedy)
            for one in self._health.conditions
            if counts(one.severity, one.code, wanted)
        ]
        if wanted == "off":
            self._incidents = []
        elif self._incidents is None:
            self._incidents = await self._read()
        self._incidents = followed(self._incidents or [], held, now)
        can_send = not any(self._health.holds(code) for code in INTERNAL)
        if to and can_send:
            tell, forget = due(self._incidents, now, settings.alarm_after)
            gone = list(forget)
            for one in tell:
                if not await self._outbox.send(Notice(one.kind, to, self._values(one), about=_name(one.incident.held))):
                    break  # too many for now: later
                if one.kind is NoticeKind.RECOVERY:
                    gone.append(one.incident)
                else:
                    told = replace(one.incident, told_at=now)
                    self._incidents[self._incidents.index(one.incident)] = told
            self._incidents = [one for one in self._incidents if one not in gone]
        await self._keep(self._incidents)

    def _values(self, message: Message) -> dict[str, str]:
        held, language = message.incident.held, self._outbox.language
        words = condition_words(held.code, held.subject, language) or ConditionWords(held.text, "", held.remedy)
        values = {
            "title": words.title,
            "meaning": words.meaning,
            "remedy": words.remedy,
            "text": held.text,
            "code": _name(held),
            "since": moment_text(held.since.astimezone(), language),
        }
        if message.incident.gone_at:
            values["time"] = moment_text(message.incident.gone_at.astimezone(), language)
        return values

    async def _read(self) -> list[Incident]:
        self._kept = await self._store.value(_KEY) or ""
        return [_incident(one) for one in json.loads(self._kept or "[]")]

    async def _keep(self, incidents: Sequence[Incident]) -> None:
        text = json.dumps([_row(one) for one in incidents]) if incidents else ""
        if text != self._kept:
            await self._store.put_value(_KEY, text or None)
            self._kept = text


def _name(held: Held) -> str:
    return f"{held.code} ({held.subject})" if held.subject else held.code


def _row(one: Incident) -> dict[str, Any]:
    held = one.held
    return {
        "code": held.code,
        "subject": held.subject,
        "since": held.since.timestamp(),
        "text": held.text,
        "remedy": held.remedy,
        "told_at": one.told_at.timestamp() if one.told_at else None,
        "gone_at": one.gone_at.timestamp() if one.gone_at else None,
    }


def _incident(row: dict[str, Any]) -> Incident:
    held = Held(row["code"], row["subject"], _moment(row["since"]), row["text"], row["remedy"])
    told_at, gone_at = row["told_at"], row["gone_at"]
    return Incident(
        held,
        None if told_at is None else _moment(told_at),
        None if gone_at is None else _moment(gone_at),
        earlier=gone_at is None,
    )


def _moment(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)
