"""Which message a listed UID stands for: the mailbox, deletions without an answer, shared UIDs, new UIDs for all."""

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Final

from mailgate.intake.fetch.choosing import base_uid, is_older, is_renumbered, told_apart_anew
from mailgate.intake.fetch.mailbox import ProviderMailbox
from mailgate.intake.fetch.pop3 import Listed
from mailgate.intake.fetch.tools import Tools
from mailgate.mime.header_hash import header_hash
from mailgate.model.errors import ErrorClass, SessionError
from mailgate.model.settings import Account
from mailgate.model.verdict import Stage, TraceStep
from mailgate.ports.store import Comparison, LedgerRow, LedgerState
from mailgate.wire.errors import WireError

_EVER: Final = datetime(1970, 1, 1, tzinfo=UTC)
_STILL_LISTED: Final = {
    LedgerState.DELETING: "Still listed after its deletion was asked for; its header is the same",
    LedgerState.DELETED: "Listed again after its deletion; its header is the same",
}
_NAMES_IT: Final = re.compile(rb"^(?:Received|Message-ID)[ \t]*:", re.IGNORECASE | re.MULTILINE)
"""Fields that no two messages have alike. Without one, a server that gives UIDs anew could hide a message behind another."""


class Identity:
    """Looks at one listing of one account's mailbox."""

    def __init__(self, account: Account, tools: Tools, dialogue: ProviderMailbox, listed: Sequence[Listed]) -> None:
        self._account = account
        self._tools = tools
        self._dialogue = dialogue
        self._listed = listed
        self.came_back: list[str] = []
        """UIDs that are listed again although they were gone; found by `same_as_before`."""

    async def know_the_mailbox(self) -> None:
        """UIDs belong to a mailbox, not to the account's name: another login or host makes all of them doubtful.

        A doubtful one is compared by its octets before anything is deleted. What the very first session was to leave
        alone stays so where UID and size are the same: a mailbox that got another name must not bring years of mail.
        """
        store, account, listed = self._tools.store, self._account, self._listed
        mailbox = mailbox_name(account)
        before = await store.mailbox(account.name)
        if before == mailbox:
            return
        seen: dict[str, int] = {}
        if before is not None:
            ledger = await store.ledger(account.name)
            left_alone = {uid: row.size_octets for uid, row in ledger.items() if row.state is LedgerState.SEEN}
            seen = {one.uid: one.size_octets for one in listed if left_alone.get(one.uid) == one.size_octets}
        else:
            seen = {one.uid: one.size_octets for one in await self._left_alone()}
        now = self._tools.clock.now()
        if before is not None:
            await store.put_value(self._begun_key, now.isoformat())
        await store.begin_mailbox(account.name, mailbox, seen, now=now)

    @property
    def _begun_key(self) -> str:
        return f"mailbox-begun.{self._account.name}"

    async def _of_another(self, rows: Sequence[LedgerRow]) -> frozenset[str]:
        """Return those of deleted rows whose UID was one of the mailbox before, if there was another."""
        begun = await self._tools.store.value(self._begun_key) if rows else None
        if begun is None:
            return frozenset()
        since = datetime.fromisoformat(begun) + timedelta(milliseconds=1)
        here = {row.uid for row in await self._tools.store.gone_since(self._account.name, since)}
        return frozenset(row.uid for row in rows if row.uid not in here)

    async def _left_alone(self) -> Sequence[Listed]:
        """Return what the very first session is to leave alone for good."""
        match self._account.first_fetch:
            case "all":
                return ()
            case "new":
                return self._listed
            case day:
                try:
                    first = date.fromisoformat(day)
                except ValueError as exc:
                    text = f"first_fetch: there is no day {day}"
                    raise SessionError(text, error_class=ErrorClass.CONFIG) from exc
                headers = self._dialogue.top_headers(self._listed)
                older = [one async for one, header in headers if is_older(header, first)]
                if older and not await self._dialogue.in_step():
                    raise WireError("the server has lost count of its answers: no message is left alone by its header")
                return older

    async def same_as_before(self, comparison: Comparison, now: datetime) -> frozenset[str]:
        """Return UIDs that need no download to be known: header and size say that they stand for the same message.

        Those are UIDs whose deletion was asked for, and not answered or not carried out, and UIDs that are told from
        their twin by a mark that they have gained or lost, since the twin came or went. What was to be left alone from
        the first and is listed again with its size stays so: a mailbox that was empty for once must not bring years of
        mail.
        """
        same = await self._told_apart(comparison, now)
        left_alone = [one.uid for one in self._listed if _was_left_alone(comparison.doubtful.get(one.uid), one)]
        await self._tools.store.leave_alone(self._account.name, left_alone)
        return same.union(left_alone)

    async def _told_apart(self, comparison: Comparison, now: datetime) -> frozenset[str]:
        store, name, listed = self._tools.store, self._account.name, self._listed
        deleting = {
            one.number: comparison.doubtful[one.uid]
            for one in listed
            if one.uid in comparison.doubtful and _may_be_same(comparison.doubtful[one.uid], one)
        }
        others = await self._of_another([row for row in deleting.values() if row.state is LedgerState.DELETED])
        deleting = {number: row for number, row in deleting.items() if row.uid not in others}
        gone = await store.gone_since(name, now) if comparison.gone and comparison.new else ()
        bases = {base_uid(row.uid) for row in gone}
        marked = [one for one in listed if one.uid in comparison.new and base_uid(one.uid) in bases]
        if not deleting and not marked:
            return frozenset()
        asked = [one for one in listed if one.number in deleting] + marked
        known_again: list[str] = []
        hashes: dict[int, str] = {}
        named: set[int] = set()
        async for one, header in self._dialogue.top_headers(asked):
            hashes[one.number] = header_hash(header)
            if _NAMES_IT.search(header):
                named.add(one.number)
        for state, text in _STILL_LISTED.items():
            same = [
                one.uid
                for one in listed
                if (row := deleting.get(one.number)) is not None
                and row.state is state
                and hashes.get(one.number) == row.header_hash
                and (state is LedgerState.DELETING or one.number in named)
            ]
            await store.settle_known(name, same, step=TraceStep(now, Stage.RECOGNISED, text))
            known_again += same
            if state is LedgerState.DELETED:
                self.came_back = same
        renamed = told_apart_anew(gone, marked, hashes)
        for old, new in renamed:
            step = TraceStep(now, Stage.RECOGNISED, "Listed under another UID; its header is the same", f"UID {new}")
            await store.rename_known(name, old, new, step=step)
        return frozenset(known_again).union(new for _, new in renamed)

    @property
    def _renumbered_key(self) -> str:
        return f"renumbered.{self._account.name}"

    async def renumbered(self, comparison: Comparison, now: datetime) -> dict[str, list[str]]:
        """Return UIDs that a renumbered mailbox no longer lists, by the hash of all octets; else nothing.

        It stays so until a session has taken the last new message, since one session may not get that far.
        """
        store = self._tools.store
        if await self._has_new_numbering():
            await store.put_value(self._renumbered_key, _EVER.isoformat())
            await store.put_value(self._numbering_key, self._dialogue.numbering)
        since = await store.value(self._renumbered_key)
        if since is None:
            if not is_renumbered(len(self._listed), comparison):
                return {}
            since = now.isoformat()
            await store.put_value(self._renumbered_key, since)
        by_hash: dict[str, list[str]] = {}
        for row in await store.gone_since(self._account.name, datetime.fromisoformat(since)):
            if row.sha256:
                by_hash.setdefault(row.sha256, []).append(row.uid)
        return by_hash

    @property
    def _numbering_key(self) -> str:
        return f"numbering.{self._account.name}"

    async def _has_new_numbering(self) -> bool:
        """Whether the server says that UIDs of before stand for nothing any more (RFC 3501 section 2.3.1.1).

        POP3 says nothing of the kind: there, it shows in the list.
        """
        store, now = self._tools.store, self._dialogue.numbering
        if not now:
            return False
        before = await store.value(self._numbering_key)
        if before == now:
            return False
        known = _by_folder(before or "")
        if any(known.get(name, number) != number for name, number in _by_folder(now).items()):
            return True
        await store.put_value(self._numbering_key, now)
        return False

    async def all_known(self) -> None:
        """Note that a renumbered mailbox holds nothing any more that was not looked at under its new UIDs."""
        await self._tools.store.put_value(self._renumbered_key, None)


def mailbox_name(account: Account) -> str:
    """Return what names the mailbox that UIDs belong to."""
    return f"{account.user} at {account.host}"


def _by_folder(numbering: str) -> dict[str, str]:
    return {name: number for number, _, name in (line.partition(" ") for line in numbering.splitlines())}


def _was_left_alone(row: LedgerRow | None, one: Listed) -> bool:
    return row is not None and not row.entry_id and not row.sha256 and row.size_octets == one.size_octets


def _may_be_same(row: LedgerRow, one: Listed) -> bool:
    return row.state in _STILL_LISTED and bool(row.header_hash) and row.size_octets == one.size_octets
