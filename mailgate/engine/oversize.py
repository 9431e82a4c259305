"""Messages that are too large to be fetched: kept in mind, told to those whom they concern, decided about by a person.

The provider has them, and nothing is lost. A deletion is written down before it is asked for, and done by a session only
where the message still has the size and the header that were shown.
"""

import contextlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from mailgate.engine.outbox import NoticeOutbox
from mailgate.mime.decode import glance
from mailgate.mime.header_hash import header_hash
from mailgate.mime.headers import split_header
from mailgate.model.address import Address
from mailgate.model.errors import ConflictError, StoreError, UnknownError
from mailgate.model.events import OversizeDecided
from mailgate.model.notices import Notice, NoticeKind
from mailgate.model.oversize import OversizeMessage, OversizeWish
from mailgate.model.settings import Account, Config
from mailgate.pipeline.inbound import InboundPipeline
from mailgate.policy.loops import is_own_notice
from mailgate.policy.notices import moment_text, size_text
from mailgate.policy.oversize import fits, is_wanted, size_limit, tell_now, tonight
from mailgate.policy.recipients import lenient_address
from mailgate.ports.clock import Clock
from mailgate.ports.events import Health, Publisher, raise_store_condition
from mailgate.ports.stages import LargeMessage, OversizePlan
from mailgate.ports.store import Store

MAX_TOLD: Final = 10
"""Recipients of one message that get a notice."""
TICK_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class OversizeTools:
    """What the desk works with. `size_limit` is what the internal server has said last, `fetch` asks for a session."""

    store: Store
    outbox: NoticeOutbox
    pipeline: InboundPipeline
    publisher: Publisher
    health: Health
    clock: Clock
    size_limit: Callable[[], int | None]
    fetch: Callable[[str], object]


class OversizeMessages:
    """The `ports.stages.OversizeDesk` of the engine, and what windows ask of it. `config` may be changed."""

    def __init__(self, config: Config, tools: OversizeTools) -> None:
        self.config = config
        self._tools = tools
        self._kept: dict[int, OversizeMessage] | None = None
        self._begun: set[int] = set()  # put off until tonight, and asked for since

    # -- for sessions

    async def plan(self, account: Account) -> OversizePlan:
        """Return what the next session does; see `ports.stages.OversizeDesk`."""
        limit = size_limit(account, self.config.fetch, await self.server_octets())
        rows = await self._of(account.name)
        now = self._tools.clock.now()
        return OversizePlan(
            limit=limit,
            wanted=frozenset(one.uid for one in rows if is_wanted(one, now)),
            known={one.uid: one.size_octets for one in rows},
            left=frozenset(one.uid for one in rows if one.wish is OversizeWish.LEAVE),
            doomed={one.uid: (one.size_octets, one.header_hash) for one in rows if one.wish is OversizeWish.DELETE},
        )

    async def found(self, account: str, still: Collection[str], new: Sequence[LargeMessage]) -> None:
        """Take note of what a session has found; see `ports.stages.OversizeDesk`.

        A message that has another UID since the mailbox was renumbered is known by its header and its size; without a
        header it is not, and a person decides anew.
        """
        no_header = header_hash(b"")
        before = [one for one in await self._of(account) if one.uid not in still]
        alike = {(one.header_hash, one.size_octets): one for one in before if one.header_hash != no_header}
        gone = {one.id for one in before}
        now = self._tools.clock.now()
        for large in new:
            header = split_header(large.header)[0]
            key = (header_hash(header), large.size_octets)
            if known := alike.pop(key, None):
                gone.discard(known.id)
                await self._put(replace(known, uid=large.uid))
                continue
            names = self._recipients(account, header)
            own = is_own_notice(header, self._tools.pipeline.loop_key)
            message = OversizeMessage(
                account=account,
                uid=large.uid,
                size_octets=large.size_octets,
                header_hash=key[0],
                found_at=now,
                glance=glance(header),
                recipients=names,
                wish=OversizeWish.LEAVE if own else OversizeWish.NONE,
                by="MailGate" if own else "",
            )
            await self._put(message)
        await self._drop(gone)
        for one in await self._of(account):
            if tell_now(one, now):
                await self._tell(one, now)

    async def deleted(self, account: str, uids: Collection[str]) -> None:
        """Take note of confirmed deletions; see `ports.stages.OversizeDesk`."""
        rows = [one for one in await self._of(account) if one.uid in uids]
        await self._drop([one.id for one in rows])
        for one in rows:
            self._publish(one, "deleted at the provider", by=one.by)

    async def server_octets(self) -> int:
        """Return what the internal server takes at most, as it said last, in this run or an earlier one.

        0: not known, or it names no limit, which also lifts an earlier one (RFC 1870 section 3).
        """
        internal = self.config.internal
        key = f"internal.size.{internal.host}:{internal.port}"
        kept = int(await self._tools.store.value(key) or 0)
        now = self._tools.size_limit()
        if now is None or now == kept:
            return kept
        await self._tools.store.put_value(key, str(now))
        return now

    # -- for people

    async def messages(self) -> tuple[OversizeMessage, ...]:
        """Return all that are kept in mind, in the order in which they were found."""
        return tuple((await self._rows()).values())

    async def decide(self, number: int, wish: OversizeWish, *, by: str) -> OversizeMessage:
        """Write down what is to be done with one, and let a session do it.

        Raises:
            UnknownError: there is no such message, or not any more.
            ConflictError: the internal server does not take a message so large.
        """
        rows = await self._rows()
        if number not in rows:
            raise UnknownError(f"there is no oversize message {number}: `mailgate oversize` lists what there is")
        message = rows[number]
        server = await self.server_octets()
        if wish in {OversizeWish.FETCH, OversizeWish.TONIGHT} and not fits(message, server):
            raise ConflictError(
                f"the internal server takes messages of {server} octets at most, and this one has {message.size_octets}:"
                " raise the limit there first"
            )
        clock = self._tools.clock
        due = None
        if wish is OversizeWish.TONIGHT:
            local = clock.now().astimezone().replace(tzinfo=None)
            due = tonight(local, self.config.fetch.night).astimezone(UTC)
        decided = replace(message, wish=wish, due=due, by=by, decided_at=clock.now())
        await self._put(decided)
        self._begun.discard(number)
        self._publish(decided, _WORDS[wish], by=by)
        if wish in {OversizeWish.FETCH, OversizeWish.DELETE}:
            self._ask(decided.account)
        return decided

    async def run(self) -> None:
        """Ask for a session when something that was put off is due, until cancelled."""
        while True:
            try:
                await self.tick()
            except StoreError as exc:
                raise_store_condition(self._tools.health, exc)
            await self._tools.clock.sleep(TICK_S)

    async def tick(self) -> None:
        """Look once."""
        now = self._tools.clock.now()
        for one in (await self._rows()).values():
            if one.wish is OversizeWish.TONIGHT and is_wanted(one, now) and one.id not in self._begun:
                self._begun.add(one.id)
                self._ask(one.account)

    def _ask(self, account: str) -> None:
        with contextlib.suppress(UnknownError, ConflictError):  # switched off, or no mail is taken: a later session
            self._tools.fetch(account)

    # -- telling

    def _recipients(self, account: str, header: bytes) -> tuple[str, ...]:
        try:
            routing = self._tools.pipeline.try_routing(account, header)
        except UnknownError:  # the account has been removed meanwhile
            return ()
        return tuple(str(one.address) for one in routing.recipients)[:MAX_TOLD]

    async def _tell(self, message: OversizeMessage, now: datetime) -> None:
        """Send a notice to each recipient, or to the administrator where nobody can be named."""
        outbox = self._tools.outbox
        account = self.config.account(message.account)
        if account is None:
            return
        limit = size_limit(account, self.config.fetch, await self.server_octets())
        values = {
            "from": message.glance.from_,
            "subject": message.glance.subject,
            "date": message.glance.date,
            "size": size_text(message.size_octets, outbox.language),
            "limit": size_text(limit, outbox.language),
            "account": message.account,
            "id": str(message.id),
            "time": moment_text(now.astimezone(), outbox.language),
        }
        about = f"{message.uid} of account {message.account}"
        for to in self._told(message):
            if not await outbox.send(Notice(NoticeKind.OVERSIZE, to, values, about=about)):
                return  # too many for now: later
        if known := (await self._rows()).get(message.id):  # as it is by now: somebody may have decided meanwhile
            await self._put(replace(known, told_at=now))

    def _told(self, message: OversizeMessage) -> list[Address]:
        names = message.recipients or (self.config.notices.administrator,)
        return [address for address in map(lenient_address, names) if address is not None]

    def _publish(self, message: OversizeMessage, what: str, *, by: str) -> None:
        self._tools.publisher.publish(
            OversizeDecided(account=message.account, uid=message.uid, number=message.id, what=what, by=by)
        )

    # -- what is kept

    async def _rows(self) -> dict[int, OversizeMessage]:
        if self._kept is None:
            found = {one.id: one for one in await self._tools.store.oversize()}
            if self._kept is None:  # else somebody was quicker, and may have added to it by now
                self._kept = found
        return self._kept

    async def _of(self, account: str) -> list[OversizeMessage]:
        return [one for one in (await self._rows()).values() if one.account == account]

    async def _put(self, message: OversizeMessage) -> None:
        rows = await self._rows()
        number = await self._tools.store.put_oversize(message)
        rows[number] = replace(message, id=number)

    async def _drop(self, numbers: Collection[int]) -> None:
        rows = await self._rows()
        if numbers:
            await self._tools.store.drop_oversize(numbers)
            for number in numbers:
                rows.pop(number, None)


_WORDS: Final = {
    OversizeWish.NONE: "nothing decided",
    OversizeWish.FETCH: "to be fetched now",
    OversizeWish.TONIGHT: "to be fetched tonight",
    OversizeWish.DELETE: "to be deleted at the provider",
    OversizeWish.LEAVE: "left at the provider",
}
