"""The part of the made-up engine that knows of parked messages."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec

from mailgate.client.errors import ClientError, RefusedError
from mailgate.contract import v1

TEXT = "Guten Tag,\nanbei die Rechnung."


def preview(message: v1.Message, **changes: Any) -> v1.Preview:
    """What a message says."""
    plain = v1.Preview(
        id=message.id,
        size=message.size,
        headers=(v1.HeaderLine("Date", "Tue, 24 Nov 2026 08:44:00 +0000"), v1.HeaderLine("To", "alle@office.example")),
        text=TEXT,
        text_type="html",
        attachments=(v1.Attachment(name="Rechnung.pdf", type="application/pdf", size=20_400),),
        cut=True,
    )
    return msgspec.structs.replace(plain, **changes)


class FakeParked:
    """Holds `held`, the parked messages, newest first; what is decided is kept in `asked`."""

    asked: list[tuple[object, ...]]
    broken: ClientError | None

    def __init__(self) -> None:
        super().__init__()
        self.held: list[v1.Message] = []
        self.octets = b"Subject: x\r\n\r\nx\r\n"

    def _found(self, message_id: str) -> v1.Message:
        if self.broken is not None:
            raise self.broken
        for message in self.held:
            if message.id == message_id:
                return message
        raise RefusedError(f"there is no message {message_id}", code="no_such_message", status=404)

    def _decided(self, act: str, message_id: str) -> v1.Message:
        found = self._found(message_id)
        self.asked.append((act, message_id))
        self.held.remove(found)
        return found

    async def message(self, message_id: str) -> v1.MessageTrace:
        return v1.MessageTrace(self._found(message_id), ())

    async def parked(
        self, *, reason: str = "", account: str = "", text: str = "", before: str = "", limit: int = 100
    ) -> v1.MessagePage:
        if self.broken is not None:
            raise self.broken
        fits = [m for m in self.held if reason in {"", m.park_reason} and text.casefold() in m.subject.casefold()]
        older = [m for m in fits if not before or m.id < before]
        page = tuple(older[:limit])
        return v1.MessagePage(page, page[-1].id if len(older) > limit else "", len(fits))

    async def decide_parked(
        self,
        act: v1.ActWord,
        *,
        ids: tuple[str, ...] = (),
        selection: v1.ParkedSelection | None = None,
        addresses: tuple[str, ...] = (),
    ) -> v1.ParkedReport:
        self.asked.append((act, ids, selection, addresses))
        first, *others = self.held
        self.held = [first]
        refused = v1.ActRefused(first.id, "not_parked", "no")
        return v1.ParkedReport(tuple(m.id for m in others), (refused,))

    async def retry(self, message_id: str) -> v1.Message:
        return self._decided("retry", message_id)

    async def wrap(self, message_id: str) -> v1.Message:
        return self._decided("wrap", message_id)

    async def delete(self, message_id: str) -> v1.Message:
        return self._decided("delete", message_id)

    async def preview(self, message_id: str) -> v1.Preview:
        return preview(self._found(message_id))

    async def eml(self, message_id: str, *, as_sent: bool = False) -> AsyncIterator[bytes]:
        self._found(message_id)
        yield self.octets
