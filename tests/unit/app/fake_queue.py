"""The part of the made-up engine that knows of the outgoing queue."""

from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from mailgate.client.errors import RefusedError
from mailgate.contract import v1

QUEUED: Final = datetime(2026, 11, 24, 9, 1, tzinfo=UTC)
ALL: Final = v1.QueueSelection()


def queued(number: int, **changes: Any) -> v1.QueueEntry:
    """A message that a relay has put off; a greater number came later."""
    to = v1.QueueRecipient(f"kunde{number}@partner.example", "pending", "451 4.7.1 Greylisted", ())
    plain = v1.QueueEntry(
        id=f"Pmg{0x6C00 + number:X}",
        state="ready",
        queued_at=QUEUED,
        next_attempt=QUEUED.replace(hour=10),
        until=None,
        deferred=True,
        tries=2,
        sender="anna@office.example",
        from_="Anna <anna@office.example>",
        subject=f"Angebot {number}",
        message_id=f"<{number}@office.example>",
        size=47_100,
        relay="provider",
        relay_missing=False,
        recipients=(to,),
        text="",
        last_answer="451 4.7.1 try later",
        host="smtp.provider.example",
        will_tell=True,
        will_tell_why="",
    )
    return msgspec.structs.replace(plain, **changes)


class FakeQueue:
    """Holds `outgoing`, newest first; what is done is kept in `asked`."""

    asked: list[tuple[object, ...]]

    def __init__(self) -> None:
        super().__init__()
        self.outgoing: list[v1.QueueEntry] = []

    async def queue(self, which: v1.QueueSelection = ALL, *, before: str = "", limit: int = 100) -> v1.QueuePage:
        fits = [one for one in self.outgoing if which.text in one.subject and (not before or one.id < before)]
        page = tuple(fits[:limit])
        return v1.QueuePage(page, page[-1].id if len(fits) > limit else "", len(self.outgoing))

    async def queue_entry(self, message_id: str) -> v1.QueueEntry:
        for one in self.outgoing:
            if one.id == message_id:
                return one
        raise RefusedError("not there", code="not_found", status=404)

    async def queue_act(
        self,
        message_id: str,
        act: v1.QueueActWord,
        *,
        until: datetime | None = None,
        silent: bool = False,
        to_relay: str | None = None,
    ) -> v1.QueueActed:
        self.asked.append((act, message_id))
        one = await self.queue_entry(message_id)
        if act in {"freeze", "thaw"}:
            now = msgspec.structs.replace(one, state="frozen" if act == "freeze" else "ready")
            self.outgoing[self.outgoing.index(one)] = now
            one = now
        return v1.QueueActed(one, v1.QueueBefore("ready", None, "provider"), undo=7 if act != "send" else 0)

    def _operation(self, number: int, act: v1.QueueActWord) -> v1.Operation:
        return v1.Operation(number, act, "waiting", "app", QUEUED, None, 1, 0, 0, undoable=True)

    async def queue_act_on(self, wish: v1.QueueBulkAct) -> v1.Operation:
        self.asked.append((wish.act, wish.ids, wish.delay_s))
        return self._operation(8, wish.act)

    async def undo(self, number: int) -> v1.Operation:
        self.asked.append(("undo", number))
        return self._operation(number, "remove")
