"""Shapes of messages that stay at the provider since they are too large; re-exported by `v1`."""

from datetime import datetime
from typing import Literal

import msgspec

from mailgate.contract.shapes import Shape, Wish

OversizeWord = Literal["none", "fetch", "tonight", "delete", "leave"]


class OversizeMessage(Shape):
    """One message that is too large to be fetched. `wish` is what a person has decided, `none`: nothing yet.

    `limit` is how many octets may be fetched of this account, `server_limit` what the internal server takes (0: not
    known). `recipients` are those for whom it is, as its header says; `told_at` is when they were told last. `due` is
    from when on it is fetched. `by` has decided, at `decided_at`.
    """

    id: int
    account: str
    uid: str
    size: int
    limit: int
    server_limit: int
    found_at: datetime
    from_: str = msgspec.field(name="from")
    subject: str
    date: str
    message_id: str
    recipients: tuple[str, ...]
    told_at: datetime | None
    wish: OversizeWord
    due: datetime | None
    by: str
    decided_at: datetime | None


class DecideOversize(Wish):
    """What is to be done: fetch it despite its size, now or tonight; delete it at the provider; leave it there."""

    wish: Literal["fetch", "tonight", "delete", "leave"]


class OversizeList(Shape):
    """All of them, in the order in which they were found."""

    messages: tuple[OversizeMessage, ...]
