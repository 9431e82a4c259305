"""A person's acts on parked messages: retry, redirect, wrap, delete. Each is in trace, log row and event, with who did it."""

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import replace

from mailgate.mime.headers import MAX_HEADER_OCTETS, split_header
from mailgate.model.entry import REACHED, EntryRecipient, EntryState, QueueEntry
from mailgate.model.errors import ConflictError, ContentLostError, UnknownError
from mailgate.model.events import MessageDecided
from mailgate.model.message import HeaderEdit
from mailgate.model.source import Direction
from mailgate.model.verdict import Stage, TraceStep
from mailgate.ports.stages import Processor
from mailgate.queue.keeping import Keeper


class Operator:
    """Decides about parked entries. `made_ready` hears of each that may be sent now.

    Every act raises `UnknownError` when there is no such entry, and `ConflictError` when it is not parked, or cannot be
    sent: nothing is changed then.
    """

    def __init__(self, keeper: Keeper, processor: Processor, made_ready: Callable[[int], None]) -> None:
        self._keeper = keeper
        self._store = keeper.store
        self._processor = processor
        self._made_ready = made_ready

    async def redirect(
        self, entry_id: int, recipients: Sequence[EntryRecipient], *, by: str, wrap: bool = False
    ) -> None:
        """Send an entry to `recipients`, with the header that they would have got from the pipeline."""
        entry, header = await self._parked(entry_id)
        _not_of_the_office(entry)
        names = _names(recipients)
        edit = replace(self._processor.edit_for(entry, header, recipients), wrap=wrap)
        await self._send(entry, recipients, edit, f"Sent to {names} by {by}", by=by, what=f"sent to {names}")

    async def retry(self, entry_id: int, *, by: str) -> None:
        """Send an entry once more to those who do not have it; one that has nobody is routed anew."""
        entry, header = await self._parked(entry_id)
        recipients = _still_without(entry)
        if recipients:
            edit = replace(entry.edit, wrap=False)
            await self._send(entry, recipients, edit, f"Tried once more by {by}", by=by, what="tried once more")
            return
        disposition = await self._processor.process(entry, header)
        if not disposition.recipients or disposition.park is not None:
            why = disposition.trace[-1].text if disposition.trace else "nobody to go to"
            raise ConflictError(f"{entry.name} stays parked. {why}")
        found = disposition.recipients
        what = f"routed anew, to {_names(found)}"
        await self._send(entry, found, disposition.edit, f"{what[0].upper()}{what[1:]}, by {by}", by=by, what=what)

    async def wrap(self, entry_id: int, *, by: str) -> None:
        """Send an entry as an attachment of a new message to those who do not have it."""
        entry, _ = await self._parked(entry_id)
        _not_of_the_office(entry)
        recipients = _still_without(entry)
        if not recipients:
            raise ConflictError(f"{entry.name} has nobody to go to: send it to somebody first")
        edit = replace(entry.edit, wrap=True)
        await self._send(entry, recipients, edit, f"Sent as an attachment by {by}", by=by, what="sent as an attachment")

    async def delete(self, entry_id: int, *, by: str) -> None:
        """End an entry: nobody else gets it. Its body is kept as long as that of a delivered one."""
        entry = await self._entry(entry_id)
        _not_of_the_office(entry)
        step = TraceStep(self._keeper.clock.now(), Stage.DECIDED, f"Deleted by {by}")
        if not await self._store.delete(entry_id, step, by=by):
            raise ConflictError(f"{entry.name} is not parked any more: nothing was changed")
        self._keeper.publisher.publish(MessageDecided(entry=entry.name, by=by, what="deleted"))

    async def fall_back(self, entry: QueueEntry, *, by: str) -> None:
        """Send an entry that the internal server knows no recipient for to who gets such mail, if there is anybody.

        One who was refused himself does not get it again: then it waits for a person.
        """
        found = self._processor.fallback_for(entry)
        if found is None or any(one.address.key == found[0].address.key for one in entry.recipients):
            return
        with contextlib.suppress(ConflictError):  # a person was quicker
            await self.redirect(entry.id, [found[0]], by=by, wrap=found[1])

    async def _entry(self, entry_id: int) -> QueueEntry:
        entry = await self._store.entry(entry_id)
        if entry is None:
            raise UnknownError("there is no such message: `mailgate log` lists what there is")
        if entry.state is not EntryState.PARKED:
            raise ConflictError(f"{entry.name} is not parked (it is {entry.state}): nothing was changed")
        return entry

    async def _parked(self, entry_id: int) -> tuple[QueueEntry, bytes]:
        """Return a parked entry and its header."""
        entry = await self._entry(entry_id)
        try:
            return entry, split_header(await self._store.header(entry.content, limit=MAX_HEADER_OCTETS))[0]
        except ContentLostError as exc:
            raise ConflictError(f"{entry.name} cannot be sent, its body is lost: {exc}") from exc

    async def _send(
        self,
        entry: QueueEntry,
        recipients: Sequence[EntryRecipient],
        edit: HeaderEdit,
        text: str,
        *,
        by: str,
        what: str,
    ) -> None:
        step = TraceStep(self._keeper.clock.now(), Stage.DECIDED, text)
        if not await self._store.deliver_to(entry.id, recipients, step, edit=edit):
            raise ConflictError(f"{entry.name} is not parked any more: nothing was changed")
        self._keeper.publisher.publish(MessageDecided(entry=entry.name, by=by, what=what))
        self._made_ready(entry.id)


def _not_of_the_office(entry: QueueEntry) -> None:
    """Refuse what would end mail of the office, or send it elsewhere, with nobody told."""
    if entry.direction is Direction.OUTBOUND:
        raise ConflictError(
            f"{entry.name} is mail that your office sends: nothing was changed. `mailgate queue remove` ends it and tells "
            "its sender; `mailgate queue` has what else can be done with it"
        )


def _still_without(entry: QueueEntry) -> list[EntryRecipient]:
    """Return the recipients that do not have the message, as if they had not been tried."""
    return [EntryRecipient(one.address, one.code) for one in entry.recipients if one.state not in REACHED]


def _names(recipients: Sequence[EntryRecipient]) -> str:
    return ", ".join(str(one.address) for one in recipients)
