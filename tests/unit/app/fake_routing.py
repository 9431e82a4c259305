"""The part of the made-up engine that knows of routing: teaching and trying."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from mailgate.client.errors import RefusedError
from mailgate.contract import v1

OLD: Final = "einkauf.alt@office.example"
SUGGESTED: Final = (
    v1.Suggestion("alias", OLD, "X-Envelope-To", own=True),
    v1.Suggestion("list", "<rund.lists.example>", "List-Id", own=False),
)


def caught(number: int, **changes: Any) -> v1.CaughtMessage:
    """A message that a lesson would lead elsewhere."""
    plain = v1.CaughtMessage(
        id=f"Pmg{0x4C00 + number:X}",
        state="parked",
        park_reason="unrouted",
        account="office",
        from_="x@y.example",
        subject=f"Altes {number}",
        before=(),
        after=("anna.lindner@office.example",),
    )
    return msgspec.structs.replace(plain, **changes)


def routed(*addresses: str, **changes: Any) -> v1.RoutingReport:
    """Where a message would go."""
    recipients = tuple(v1.Recipient(address, "1E", "pending", "") for address in addresses)
    looked = (
        v1.Candidate("anna.lindner@office.example", "X-Envelope-To", accepted=True, why="a recipient", code="1E"),
        v1.Candidate("other@elsewhere.example", "Cc", accepted=False, why="not a domain of the account"),
    )
    plain = v1.RoutingReport(
        recipients, "1E", looked, "No header names anybody.", evidence=("X-Envelope-To: anna",), fallback="park"
    )
    return msgspec.structs.replace(plain, **changes)


class FakeRouting:
    """Says what the test sets, and keeps in `asked` what was taught and tried."""

    asked: list[tuple[object, ...]]

    def __init__(self) -> None:
        super().__init__()
        self.catches: tuple[v1.CaughtMessage, ...] = ()
        self.no_lesson = ""
        self.routes = routed("anna.lindner@office.example")
        self.stored: list[v1.Message] = []
        self.suggests: tuple[v1.Suggestion, ...] = SUGGESTED

    async def suggestions(self, message_id: str) -> v1.Suggestions:
        return v1.Suggestions(message_id, self.suggests)

    async def preview_teach(self, wish: v1.Teach) -> v1.TeachPreview:
        if self.no_lesson:
            raise RefusedError(self.no_lesson, code="conflict", status=409)
        return v1.TeachPreview(wish.id, wish.recipients, "1A", "", self.catches, looked_at=480, unreadable=20)

    async def teach(self, wish: v1.Teach) -> v1.TeachReport:
        self.asked.append(("teach", wish.kind, wish.value, wish.recipients, wish.others))
        sent = (wish.id, *(one.id for one in self.catches)) if wish.others else (wish.id,)
        return v1.TeachReport((), "r2", sent, ())

    async def messages(
        self, *, state: str = "", account: str = "", text: str = "", before: str = "", limit: int = 100
    ) -> v1.MessagePage:
        fits = tuple(one for one in self.stored if text.casefold() in one.subject.casefold())
        return v1.MessagePage(fits[:limit], "", len(fits))

    async def try_message(
        self,
        message_id: str = "",
        *,
        header: str = "",
        account: str = "",
        settings: Mapping[str, Any] | None = None,
    ) -> v1.RoutingReport:
        self.asked.append(("try", message_id, header, account))
        return self.routes
