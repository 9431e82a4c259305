"""Messages that stay at the provider since they are too large, and what a person wants done with each."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from mailgate.model.message import Glance


class OversizeWish(StrEnum):
    """What a person has decided."""

    NONE = "none"  # nothing yet
    FETCH = "fetch"  # despite the limit, in the next session
    TONIGHT = "tonight"  # the same, from a time on
    DELETE = "delete"  # at the provider
    LEAVE = "leave"  # there, and nobody is told any more


@dataclass(frozen=True, slots=True, kw_only=True)
class OversizeMessage:
    """One message that is too large; `id` 0: not kept yet.

    `header_hash` is that of `mime.header_hash`, by which it is known again. `told_at` is when those for whom it is were
    told last, `due` from when on it is fetched. `by` has decided, at `decided_at`.
    """

    id: int = 0
    account: str
    uid: str
    size_octets: int
    header_hash: str
    found_at: datetime
    glance: Glance
    recipients: tuple[str, ...] = ()
    told_at: datetime | None = None
    wish: OversizeWish = OversizeWish.NONE
    due: datetime | None = None
    by: str = ""
    decided_at: datetime | None = None
