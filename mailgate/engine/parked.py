"""Parked messages: looked at, taken out as `.eml`, and decided about, one by one or many at once."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from mailgate.mime.view import MAX_OCTETS, View, view
from mailgate.model.address import parse_address
from mailgate.model.entry import EntryRecipient, EntryState, ParkReason, QueueEntry, entry_number
from mailgate.model.errors import ConflictError, ContentLostError, MailgateError, UnknownError
from mailgate.model.settings import Config
from mailgate.policy.search import Code
from mailgate.ports.store import MessageFilter, Store
from mailgate.queue.manager import QueueManager

MAX_ACT: Final = 500
"""Messages that one call decides about at most: some seconds of a busy store."""


class Act(StrEnum):
    """What a person can decide about a parked message."""

    RETRY = "retry"
    REDIRECT = "redirect"
    WRAP = "wrap"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Decided:
    """What a decision about several came to: queue ids in their order; `next`: where a further call goes on."""

    done: tuple[str, ...]
    refused: tuple[tuple[str, MailgateError], ...]
    next: str = ""


class ParkedMessages:
    """What a person can do with parked messages; messages in other states can be looked at, too.

    Every method that names a message raises `UnknownError` when there is none of that id, and `ConflictError` when what
    is asked for does not fit its state; nothing is changed then.
    """

    def __init__(self, store: Store, queue: QueueManager, config: Callable[[], Config]) -> None:
        self._store = store
        self._queue = queue
        self._config = config

    async def message(self, name: str) -> QueueEntry:
        """Return a message by its queue id."""
        entry = await self._store.entry(message_number(name))
        if entry is None:
            raise UnknownError(f"there is no message {name}: `mailgate log` lists what there is")
        return entry

    # -- looking

    async def preview(self, name: str) -> tuple[QueueEntry, View]:
        """Return a message and what it says, without anything active."""
        entry = await self.message(name)
        octets = bytearray()
        async with aclosing(self._read(entry)) as chunks:
            async for chunk in chunks:
                octets += chunk
                if len(octets) >= MAX_OCTETS:
                    break
        seen, more = bytes(octets[:MAX_OCTETS]), entry.content.size_octets > MAX_OCTETS
        return entry, await asyncio.to_thread(view, seen, more=more)

    async def eml(self, name: str, *, as_sent: bool) -> tuple[QueueEntry, AsyncGenerator[bytes, None]]:
        """Return a message and its octets: as they were fetched, or with all that is put on them when it is sent.

        The first chunk is read before this returns, so that a body which is lost is told as an error.
        """
        entry = await self.message(name)
        chunks = self._queue.as_sent(entry) if as_sent else self._store.read(entry.content)
        try:
            first = await anext(chunks, b"")
        except ContentLostError as exc:
            await chunks.aclose()
            raise _lost(entry) from exc

        async def octets() -> AsyncGenerator[bytes, None]:
            async with aclosing(chunks) as rest:
                yield first
                async for chunk in rest:
                    yield chunk

        return entry, octets()

    async def _read(self, entry: QueueEntry) -> AsyncGenerator[bytes, None]:
        try:
            async with aclosing(self._store.read(entry.content)) as chunks:
                async for chunk in chunks:
                    yield chunk
        except ContentLostError as exc:
            raise _lost(entry) from exc

    # -- deciding

    async def act(self, name: str, act: Act, *, addresses: tuple[str, ...] = (), by: str) -> QueueEntry:
        """Decide about one message, and return it; `addresses`, recipients of this office, go with REDIRECT alone."""
        await self._decide(act, addresses)(message_number(name), by)
        return await self.message(name)

    async def act_on(self, names: tuple[str, ...], act: Act, *, addresses: tuple[str, ...] = (), by: str) -> Decided:
        """Decide about these messages; each for which it cannot be done stays as it was, and does not stop the others."""
        decide = self._decide(act, addresses)
        done: list[str] = []
        refused: list[tuple[str, MailgateError]] = []
        for name in dict.fromkeys(names):
            try:
                await decide(message_number(name), by)
            except (UnknownError, ConflictError) as exc:
                refused.append((name, exc))
            else:
                done.append(name)
        return Decided(tuple(done), tuple(refused))

    async def act_on_all(
        self, which: MessageFilter, act: Act, *, before: str = "", addresses: tuple[str, ...] = (), by: str
    ) -> Decided:
        """Decide about the parked messages that match, newest first, at most `MAX_ACT` of them."""
        parked = parked_filter(which.park_reason, which.account, which.text)
        number = message_number(before) if before else None
        found, _ = await self._store.messages(parked, before=number, limit=MAX_ACT)
        decided = await self.act_on(tuple(entry.name for entry in found), act, addresses=addresses, by=by)
        return Decided(decided.done, decided.refused, next=found[-1].name if len(found) == MAX_ACT else "")

    def _decide(self, act: Act, addresses: tuple[str, ...]) -> Callable[[int, str], Awaitable[None]]:
        """Return what carries an act out; what is wrong with the act itself is told before anything is changed."""
        operator = self._queue.operator
        recipients = self._recipients(addresses) if act is Act.REDIRECT else []
        if addresses and act is not Act.REDIRECT:
            raise ConflictError("addresses go with `redirect` alone")

        async def decide(number: int, by: str) -> None:
            match act:
                case Act.RETRY:
                    await operator.retry(number, by=by)
                case Act.REDIRECT:
                    await operator.redirect(number, recipients, by=by)
                case Act.WRAP:
                    await operator.wrap(number, by=by)
                case Act.DELETE:
                    await operator.delete(number, by=by)

        return decide

    def _recipients(self, addresses: tuple[str, ...]) -> list[EntryRecipient]:
        if not addresses:
            raise ConflictError("name at least one recipient")
        mailboxes = self._config().recipients
        known = {parse_address(mailbox.address).key for mailbox in mailboxes}
        parsed = [parse_address(text) for text in dict.fromkeys(addresses)]
        for address in parsed:
            if address.key not in known:
                names = ", ".join(mailbox.address for mailbox in mailboxes) or "none"
                raise UnknownError(f"{address} is no recipient of this office; there are: {names}")
        return [EntryRecipient(one, Code.PERSON.value) for one in parsed]


def message_number(name: str) -> int:
    """Return the number behind a queue id.

    Raises:
        UnknownError: it is none.
    """
    number = entry_number(name)
    if number is None:
        raise UnknownError(f"{name!r} is no message id: they look like Pmg001A")
    return number


def _lost(entry: QueueEntry) -> ConflictError:
    return ConflictError(f"the body of {entry.name} is not kept any more: only its path is (`mailgate explain`)")


def parked_filter(reason: ParkReason | None, account: str, text: str) -> MessageFilter:
    """Return what lists parked messages; what is empty does not restrict."""
    return MessageFilter(frozenset({EntryState.PARKED}), reason, account, text)
