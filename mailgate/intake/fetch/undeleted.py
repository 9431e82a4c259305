"""A provider that confirms deletions and lists the messages all the same: noticed, told, and not tried for ever.

What it keeps is known by the ledger and its header, so that nothing is downloaded twice. After some passes those messages
are left where they are: else each pass would look at the header of each of them, and delete it again in vain.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import msgspec

from mailgate.ports.store import Store

BORNE: Final = 3
"""So many times messages may come back before they are left there and somebody is told: some servers delete late."""
COUNTED_EVERY: Final = timedelta(minutes=10)
"""The sessions of one pass, or those that somebody asks for one after the other, count once."""

LOOKED_AT: Final = 100
"""Of so many deletions it is looked whether they last."""


@dataclass(frozen=True, slots=True)
class CameBack:
    """How many times in a row messages came back, when that was counted last, and some whose deletion followed it."""

    times: int = 0
    at: datetime | None = None
    deleted: tuple[str, ...] = ()

    def after(self, came_back: Collection[str], now: datetime) -> "CameBack":
        """Return what it is once a session has listed these again.

        What was merely not listed for a time, such as mail in another folder, comes back, too. So the first time is but
        a reason to look: it counts on where a deletion that was confirmed since did not last.
        """
        if self.at is None:
            return CameBack(1, now) if came_back else self
        if not self.deleted:
            return self
        if not set(self.deleted).isdisjoint(came_back):
            count = not timedelta() <= now - self.at < COUNTED_EVERY
            return CameBack(self.times + count, now if count else self.at)
        return CameBack()


class Undeleted:
    """What one account's provider makes of deletions that it confirms; kept in the store."""

    def __init__(self, account: str, store: Store) -> None:
        self._account = account
        self._store = store
        self._key = f"undeleted.{account}"
        self._known = CameBack()

    async def note(self, came_back: Collection[str], now: datetime, *, deletes: bool) -> bool:
        """Note which UIDs are listed again although their deletion was confirmed; True when the provider keeps them.

        Then they are left alone for good. Where the account `deletes` nothing, that concerns nobody.

        Raises:
            StoreError: it cannot be read, or not be written.
        """
        text = await self._store.value(self._key)
        before = msgspec.json.decode(text, type=CameBack) if text else CameBack()
        await self._keep(before.after(came_back, now) if deletes else CameBack(), before)
        keeps = self._known.times >= BORNE
        if keeps:
            await self._store.leave_alone(self._account, came_back)
        return keeps

    async def deleted(self, uids: Sequence[str]) -> None:
        """Note that these deletions were confirmed: the next session shows whether they were carried out."""
        if self._known.times and not self._known.deleted:
            await self._keep(CameBack(self._known.times, self._known.at, tuple(uids[:LOOKED_AT])), self._known)

    async def _keep(self, now: CameBack, before: CameBack) -> None:
        self._known = now
        if now != before:
            await self._store.put_value(self._key, msgspec.json.encode(now).decode() if now.times else None)
