"""A Store in memory: the same promises as the real one for as long as the process lives, and the same refusals.

`tests/suites/test_store_suite.py` keeps it alike.
"""

import hashlib
from collections import Counter
from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from mailgate.adapters.store.recovery import BODY_GONE, INTERRUPTED
from mailgate.model.address import Address
from mailgate.model.entry import (
    OPEN_RECIPIENT,
    SETTLED,
    EntryRecipient,
    EntryState,
    ParkReason,
    QueueEntry,
    RecipientState,
    can_move,
)
from mailgate.model.envelope import Envelope
from mailgate.model.errors import ContentLostError, StaleEntryError, StoreError
from mailgate.model.message import ContentRef, HeaderEdit
from mailgate.model.oversize import OversizeMessage
from mailgate.model.source import Direction
from mailgate.model.status import DeliveryResult
from mailgate.model.verdict import Disposition, Stage, TraceStep
from mailgate.policy.telling import tells
from mailgate.ports.queue_store import MOVED_FROM, QueueChange, QueueFilter, QueueForecast, QueueMove, QueueSlice
from mailgate.ports.store import (
    Comparison,
    ContentWriter,
    DraftContent,
    LedgerRow,
    LedgerState,
    MessageFilter,
    NewEntry,
    Outcome,
    StoreCounts,
    received,
)

_HEADER = 256 * 1024
_REACHED = frozenset({RecipientState.DELIVERED, RecipientState.RELAYED})


@dataclass(slots=True)
class _Seen:
    row: LedgerRow
    last_listed: datetime


class MemoryStore:
    """While `failure` is set every write raises it and changes nothing, as on a full or a damaged disk."""

    def __init__(self, *, inline_limit: int = 65536) -> None:
        self.failure: StoreError | None = None
        self.write_failure: StoreError | None = None  # raised while a body is written
        self._inline_limit = inline_limit
        self._volatile: set[int] = set()  # entries whose body a power cut may take away
        self._entries: dict[int, QueueEntry] = {}
        self._finished: dict[int, datetime] = {}
        self._bodies: dict[int, bytes] = {}
        self._traces: dict[int, list[TraceStep]] = {}
        self._ledger: dict[tuple[str, str], _Seen] = {}
        self._values: dict[str, str] = {}
        self._copies: dict[tuple[str, Address], tuple[int, datetime]] = {}
        self._oversize: dict[int, OversizeMessage] = {}
        self._large = 0
        self._undo: dict[int, tuple[int, QueueEntry]] = {}
        self._last = 0

    def lose_body(self, entry_id: int) -> None:
        """Let a body be gone, as from a broken disk."""
        del self._bodies[self._entries[entry_id].content.id]

    async def recover(self, *, now: datetime) -> None:
        """Mend what a crash left, as the real store does when it is opened."""
        for entry in list(self._entries.values()):
            if entry.id in self._volatile and entry.state is not EntryState.DONE:
                self._forget_if_it_comes_again(entry)
        for entry in list(self._entries.values()):
            if entry.state is EntryState.ACTIVE:
                self._again(entry, now)
        for entry in list(self._entries.values()):
            if entry.state is not EntryState.DONE and entry.content.id not in self._bodies:
                self._give_up(entry, now)

    def _forget_if_it_comes_again(self, entry: QueueEntry) -> None:
        listed = any(
            seen.row.entry_id == entry.id and seen.row.state is not LedgerState.DELETED
            for seen in self._ledger.values()
        )
        if listed and entry.content.id not in self._bodies:
            self._forget(entry.id)
            del self._entries[entry.id], self._traces[entry.id]

    def _forget(self, entry_id: int) -> None:
        self._ledger = {key: seen for key, seen in self._ledger.items() if seen.row.entry_id != entry_id}

    def _again(self, entry: QueueEntry, now: datetime) -> None:
        recipients = tuple(
            replace(one, state=RecipientState.UNKNOWN) if one.state is RecipientState.PENDING else one
            for one in entry.recipients
        )
        self._entries[entry.id] = replace(
            entry, state=EntryState.READY, next_attempt=now, recipients=recipients, text=INTERRUPTED
        )
        self._traces[entry.id].append(TraceStep(now, Stage.RECOVERED, INTERRUPTED))

    def _give_up(self, entry: QueueEntry, now: datetime) -> None:
        if entry.error == BODY_GONE:
            return
        text = f"{entry.name}: {BODY_GONE}; the provider's copy is fetched again if it is still there"
        self._entries[entry.id] = replace(
            entry,
            state=EntryState.PARKED,
            park_reason=ParkReason.ERROR,
            next_attempt=None,
            text=text,
            error=BODY_GONE,
        )
        self._traces[entry.id].append(TraceStep(now, Stage.PARKED, text))
        self._forget(entry.id)

    # -- bodies

    async def new_content(self) -> ContentWriter:
        return _Writer(self)

    async def discard(self, draft: DraftContent) -> None:
        pass

    async def header(self, ref: ContentRef, *, limit: int) -> bytes:
        return self._body(ref)[:limit]

    async def small_bodies(self, refs: Sequence[ContentRef]) -> Mapping[int, bytes]:
        return {ref.id: self._bodies[ref.id] for ref in refs if ref.id in self._bodies}

    async def read(self, ref: ContentRef, *, start: int = 0) -> AsyncGenerator[bytes, None]:
        body = self._body(ref)
        for at in range(start, len(body), _HEADER):
            yield body[at : at + _HEADER]

    def _body(self, ref: ContentRef) -> bytes:
        if ref.id not in self._bodies:
            raise ContentLostError(f"the body of content {ref.id} is not kept any more")
        return self._bodies[ref.id]

    # -- taking in, and the ledger

    def draw_up(self, draft: DraftContent, new: NewEntry) -> QueueEntry:
        self._last += 1
        return received(self._last, draft, new)

    async def accept(
        self,
        draft: DraftContent,
        new: NewEntry,
        *,
        entry: QueueEntry | None = None,
        decision: Disposition | None = None,
    ) -> QueueEntry:
        self.check()
        assert isinstance(draft.token, bytes)
        entry = entry or self.draw_up(draft, new)
        entry = replace(entry, content=replace(entry.content, id=entry.id))
        self._entries[entry.id] = entry
        self._bodies[entry.content.id] = draft.token
        self._traces[entry.id] = list(new.trace)
        if draft.size_octets > self._inline_limit and not draft.durable:
            self._volatile.add(entry.id)
        if new.source.account and new.envelope is None:
            self._remember(entry.id, draft, new)
        if decision is not None:
            await self.decide(entry.id, decision, now=new.received_at)
        return self._entries[entry.id]

    def _remember(self, entry_id: int, draft: DraftContent, new: NewEntry) -> None:
        row = LedgerRow(
            new.source.uid,
            LedgerState.TAKEN,
            entry_id,
            new.received_at,
            draft.size_octets,
            draft.sha256,
            new.header_hash,
        )
        self._ledger[new.source.account, new.source.uid] = _Seen(row, new.received_at)

    async def ledger(self, account: str) -> Mapping[str, LedgerRow]:
        return {uid: seen.row for (name, uid), seen in self._ledger.items() if name == account}

    async def make_durable(self, account: str) -> None:
        of_account = {e.id for e in self._entries.values() if e.source.account == account}
        unfinished = {n for n in self._volatile & of_account if self._entries[n].state is not EntryState.DONE}
        if unfinished:
            self.check()
        for entry_id in unfinished:
            if self._entries[entry_id].content.id not in self._bodies:
                self._forget(entry_id)
            else:
                self._volatile.discard(entry_id)

    async def compare(self, account: str, uids: Collection[str], *, now: datetime, remember: timedelta) -> Comparison:
        known = {uid: seen for (name, uid), seen in self._ledger.items() if name == account}
        live = {uid: seen.row for uid, seen in known.items() if seen.row.state is not LedgerState.DELETED}
        doubtful = {
            uid: known[uid].row
            for uid in uids
            if uid in known and known[uid].row.state in {LedgerState.DELETED, LedgerState.DELETING}
        }
        gone = set(live) - set(uids)
        stale = {
            uid
            for uid, seen in known.items()
            if uid not in live and uid not in set(uids) and seen.last_listed < now - remember
        }
        if gone or stale:
            self.check()
        for uid in gone:
            self._set(account, uid, LedgerState.DELETED, now)
        for uid in stale:
            del self._ledger[account, uid]
        open_entries = [row.entry_id for uid, row in live.items() if uid in uids and row.state is LedgerState.TAKEN]
        return Comparison(
            new=frozenset(uid for uid in uids if uid not in known),
            doubtful=doubtful,
            open_entries=tuple(sorted(open_entries)),
            remembered=len(live),
            gone=len(gone),
        )

    async def begin_mailbox(self, account: str, mailbox: str, seen: Mapping[str, int], *, now: datetime) -> None:
        self.check()
        for (name, uid), known in self._ledger.items():
            if name == account and known.row.state is not LedgerState.DELETED:
                self._set(account, uid, LedgerState.DELETED, now)
        for uid, size in seen.items():
            self._ledger[account, uid] = _Seen(LedgerRow(uid, LedgerState.SEEN, 0, now, size, ""), now)
        self._values[f"mailbox.{account}"] = mailbox

    async def mailbox(self, account: str) -> str | None:
        return self._values.get(f"mailbox.{account}")

    async def settle_known(self, account: str, uids: Collection[str], *, step: TraceStep | None) -> None:
        if uids:
            self.check()
        for uid in uids:
            if seen := self._ledger.get((account, uid)):
                entry = self._entries.get(seen.row.entry_id)
                still_open = entry is not None and entry.state not in SETTLED
                self._set(account, uid, LedgerState.TAKEN if still_open else LedgerState.SETTLED)
                if step is not None:
                    self._tell(account, uid, step)

    async def doubt(self, account: str, uids: Collection[str], *, now: datetime) -> None:
        self.check()
        for uid in uids:
            self._set(account, uid, LedgerState.DELETED, now)

    async def gone_since(self, account: str, since: datetime) -> Sequence[LedgerRow]:
        return [
            seen.row
            for (name, _), seen in self._ledger.items()
            if name == account and seen.row.state is LedgerState.DELETED and seen.last_listed >= since
        ]

    async def rename_known(self, account: str, old: str, new: str, *, step: TraceStep) -> None:
        self.check()
        seen = self._ledger.pop((account, old))
        seen.row = replace(seen.row, uid=new)
        self._ledger[account, new] = seen
        await self.settle_known(account, [new], step=step)

    async def deletable(self, account: str, *, seen_before: datetime, even_open: bool) -> Sequence[str]:
        states = {LedgerState.SETTLED, LedgerState.TAKEN} if even_open else {LedgerState.SETTLED}
        return [
            uid
            for (name, uid), seen in self._ledger.items()
            if name == account and seen.row.state in states and seen.row.first_seen <= seen_before
        ]

    async def mark_deleting(self, account: str, uids: Collection[str]) -> frozenset[str]:
        self.check()
        marked = set()
        for uid in uids:
            seen = self._ledger.get((account, uid))
            if seen is None or seen.row.state not in {LedgerState.TAKEN, LedgerState.SETTLED}:
                continue
            entry = self._entries.get(seen.row.entry_id)
            if entry and entry.state is not EntryState.DONE and entry.id in self._volatile:
                continue
            self._set(account, uid, LedgerState.DELETING)
            marked.add(uid)
        return frozenset(marked)

    async def mark_deleted(self, account: str, uids: Collection[str], *, step: TraceStep) -> None:
        self.check()
        for uid in uids:
            if seen := self._ledger.get((account, uid)):
                if seen.row.state is not LedgerState.DELETED:
                    self._set(account, uid, LedgerState.DELETED, step.at)
                self._tell(account, uid, step)

    async def leave_alone(self, account: str, uids: Collection[str]) -> None:
        self.check()
        for uid in uids:
            if (account, uid) in self._ledger:
                self._set(account, uid, LedgerState.SEEN)

    def _set(self, account: str, uid: str, state: LedgerState, listed: datetime | None = None) -> None:
        seen = self._ledger[account, uid]
        seen.row = replace(seen.row, state=state)
        seen.last_listed = listed or seen.last_listed

    def _tell(self, account: str, uid: str, step: TraceStep) -> None:
        entry_id = self._ledger[account, uid].row.entry_id
        if entry_id in self._traces:
            self._traces[entry_id].append(step)

    # -- the queue

    async def received(self, *, after: int, limit: int) -> Sequence[QueueEntry]:
        return [e for e in self._entries.values() if e.state is EntryState.RECEIVED and e.id > after][:limit]

    async def due(self, now: datetime, *, limit: int, exclude: frozenset[int], lane: str = "") -> Sequence[QueueEntry]:
        return [entry for when, entry in self._waiting(exclude) if when <= now and entry.lane == lane][:limit]

    async def parked_due(self, now: datetime, *, limit: int) -> Sequence[QueueEntry]:
        parked = [e for e in self._entries.values() if e.state is EntryState.PARKED and e.next_attempt]
        due = [e for e in parked if e.next_attempt and e.next_attempt <= now]
        return sorted(due, key=lambda e: (e.next_attempt, e.id))[:limit]

    async def aged(self, received_before: datetime, *, after: int, limit: int) -> tuple[Sequence[QueueEntry], int]:
        ready = [
            e
            for n, e in sorted(self._entries.items())
            if n > after and e.direction is Direction.OUTBOUND and e.state is EntryState.READY
        ][:limit]
        old = [e for e in ready if e.received_at <= received_before]
        return old, ready[-1].id if old and len(ready) == limit else 0

    async def note(self, entry_id: int, step: TraceStep) -> None:
        self.check()
        self._traces[entry_id].append(step)

    async def wake(self, now: datetime) -> int:
        resting = [
            entry
            for entry in self._entries.values()
            if entry.state in {EntryState.HELD, EntryState.FROZEN} and entry.next_attempt and entry.next_attempt <= now
        ]
        if resting:
            self.check()
        self._entries |= {entry.id: replace(entry, state=EntryState.READY) for entry in resting}
        return len(resting)

    async def sent_since(self, lane: str, since: datetime) -> int:
        ended = [self._entries[n] for n, at in self._finished.items() if at >= since and n in self._entries]
        return sum(one.state is RecipientState.DELIVERED for e in ended if e.lane == lane for one in e.recipients)

    async def rests_until(self) -> datetime | None:
        resting = [e for e in self._entries.values() if e.state in {EntryState.HELD, EntryState.FROZEN}]
        return min((e.next_attempt for e in resting if e.next_attempt), default=None)

    async def next_due(self, *, exclude: frozenset[int], lane: str = "") -> datetime | None:
        return next((when for when, entry in self._waiting(exclude) if entry.lane == lane), None)

    def _waiting(self, exclude: Collection[int]) -> list[tuple[datetime, QueueEntry]]:
        ready = [e for e in self._entries.values() if e.state is EntryState.READY and e.id not in exclude]
        return sorted(((e.next_attempt, e) for e in ready if e.next_attempt), key=lambda pair: (pair[0], pair[1].id))

    async def decide(self, entry_id: int, disposition: Disposition, *, now: datetime) -> EntryState:
        done = bool(disposition.merged_into) and not disposition.recipients and not disposition.park
        park = disposition.park or (None if disposition.recipients or done else ParkReason.UNROUTED)
        state = EntryState.PARKED if park else EntryState.HELD if disposition.hold_until else EntryState.READY
        if done:
            state = EntryState.DONE
            self._finished[entry_id] = now
        self._move(
            entry_id,
            {EntryState.RECEIVED},
            state,
            disposition.trace,
            sender=disposition.sender,
            edit=disposition.edit,
            codes=disposition.codes,
            park_reason=park,
            next_attempt=None if park or done else disposition.hold_until or now,
            text=disposition.trace[-1].text if disposition.trace else "",
            glance=disposition.glance,
            recipients=disposition.recipients,
        )
        return state

    async def claim_copy(
        self, entry_id: int, key: str, addresses: Sequence[Address], *, since: datetime, step: TraceStep
    ) -> Mapping[Address, int]:
        self.check()
        held: dict[Address, int] = {}
        for address in addresses:
            other, at = self._copies.get((key, address), (entry_id, step.at))
            if other != entry_id and at >= since and self._is_for(self._entries.get(other), address):
                held[address] = other
            else:
                self._copies[key, address] = (entry_id, step.at)
        for other in sorted(set(held.values())):
            self._traces[other].append(step)
        return held

    def _is_for(self, entry: QueueEntry | None, address: Address) -> bool:
        """Whether an entry is on the way to `address`, or has reached it."""
        if entry is None or entry.state is EntryState.RECEIVED:
            return entry is not None
        states = {one.state for one in entry.recipients if one.address == address}
        under_way = entry.state not in SETTLED and bool(states & OPEN_RECIPIENT)
        return under_way or bool(states & _REACHED)

    async def claim(self, entry_id: int) -> bool:
        self.check()
        entry = self._entries.get(entry_id)
        if entry is None or entry.state is not EntryState.READY:
            return False
        self._entries[entry_id] = replace(entry, state=EntryState.ACTIVE, attempts=entry.attempts + 1)
        self._undo.pop(entry_id, None)
        return True

    async def release(self, entry_id: int, *, next_attempt: datetime) -> None:
        attempts = self._entries[entry_id].attempts - 1 if entry_id in self._entries else 0
        self._move(entry_id, {EntryState.ACTIVE}, EntryState.READY, (), attempts=attempts, next_attempt=next_attempt)

    async def record(self, entry_id: int, outcome: Outcome, *, now: datetime) -> None:
        entry = self._entries.get(entry_id)
        answered = {result.address: result for result in outcome.results}
        recipients = tuple(_answered(one, answered.get(str(one.address))) for one in entry.recipients) if entry else ()
        busy = entry is not None and entry.state is EntryState.ACTIVE
        if busy and outcome.state is EntryState.DONE and any(one.state in OPEN_RECIPIENT for one in recipients):
            raise StoreError(f"entry {entry_id} has an open recipient")
        again = None if outcome.state is EntryState.DONE else outcome.next_attempt
        if outcome.state is EntryState.READY:
            again = again or now
        self._move(
            entry_id,
            {EntryState.ACTIVE},
            outcome.state,
            outcome.trace,
            recipients=recipients,
            next_attempt=again,
            park_reason=outcome.park_reason,
            **({} if outcome.edit is None else {"edit": outcome.edit}),
            **({"text": outcome.trace[-1].text} if outcome.trace else {}),
            **({"attempts": entry.attempts - 1} if entry and outcome.uncounted else {}),
        )
        if outcome.state is EntryState.DONE:
            self._finished[entry_id] = now

    async def park(
        self, entry_id: int, reason: ParkReason, *, error: str, step: TraceStep, body_lost: bool = False
    ) -> None:
        self._move(
            entry_id,
            {EntryState.RECEIVED, EntryState.READY, EntryState.ACTIVE},
            EntryState.PARKED,
            [step],
            park_reason=reason,
            next_attempt=None,
            error=error,
            text=step.text,
        )
        self._undo.pop(entry_id, None)
        if body_lost:
            self._forget(entry_id)

    async def deliver_to(
        self, entry_id: int, recipients: Sequence[EntryRecipient], step: TraceStep, *, edit: HeaderEdit | None = None
    ) -> bool:
        if not recipients:
            raise StoreError(f"entry {entry_id} cannot be delivered to nobody")
        entry = self._entries.get(entry_id)
        if entry is None or entry.state is not EntryState.PARKED:
            return False
        wanted = {one.address.key for one in recipients}
        kept = [one for one in entry.recipients if one.state in _REACHED and one.address.key not in wanted]
        self._move(
            entry_id,
            {EntryState.PARKED},
            EntryState.READY,
            [step],
            recipients=(*kept, *recipients),
            park_reason=None,
            next_attempt=step.at,
            codes="".join(one.code for one in [*kept, *recipients]),
            edit=edit or entry.edit,
            error="",
            text=step.text,
        )
        self._undo.pop(entry_id, None)
        return True

    async def delete(self, entry_id: int, step: TraceStep, *, by: str) -> bool:
        self.check()
        entry = self._entries.get(entry_id)
        if entry is None or entry.state is not EntryState.PARKED:
            return False
        values: dict[str, Any] = {"next_attempt": None, "deleted_by": by, "error": "", "text": step.text}
        self._move(entry_id, {EntryState.PARKED}, EntryState.DONE, [step], **values)
        self._finished[entry_id] = step.at
        return True

    def _move(
        self,
        entry_id: int,
        before: set[EntryState],
        after: EntryState,
        trace: Sequence[TraceStep],
        **values: Any,
    ) -> None:
        self.check()
        entry = self._entries.get(entry_id)
        if entry is None or entry.state not in before or not can_move(entry.state, after):
            raise StaleEntryError(f"entry {entry_id} cannot become {after.value}")
        self._entries[entry_id] = replace(entry, state=after, **values)
        self._traces[entry_id] += trace
        if after in SETTLED:
            for seen in self._ledger.values():
                if seen.row.entry_id == entry_id and seen.row.state is LedgerState.TAKEN:
                    seen.row = replace(seen.row, state=LedgerState.SETTLED)

    async def queue(self, which: QueueFilter, *, before: int | None, limit: int) -> QueueSlice:
        found = [entry for entry in reversed(self._queue(which)) if before is None or entry.id < before][:limit]
        following = found[-1].id if len(found) == limit else None
        total = None if which.text or which.recipient else len(self._queue(which))
        return QueueSlice(tuple(found), following, total)

    def _queue(self, which: QueueFilter) -> list[QueueEntry]:
        outbound = [e for e in self._entries.values() if e.direction is Direction.OUTBOUND]
        return [e for e in outbound if e.state is not EntryState.DONE and _is_meant(e, which)]

    async def queue_counts(self) -> Mapping[tuple[str, EntryState], int]:
        return Counter((entry.lane, entry.state) for entry in self._queue(QueueFilter()))

    async def forecast(self, which: QueueFilter) -> QueueForecast:
        found = self._queue(which)
        untold = [e for e in found if e.envelope and not tells(e.envelope)]
        no_sender = sum(e.sender is None for e in untold)
        return QueueForecast(len(found), no_sender, len(untold) - no_sender)

    async def waiting_recipients(self, lane: str, *, before: datetime, limit: int) -> int:
        waiting = {EntryState.READY, EntryState.HELD}
        found = [e for e in self._entries.values() if e.lane == lane and e.state in waiting]
        return min(limit, sum(len(e.open_recipients) for e in found if e.next_attempt and e.next_attempt < before))

    async def queue_ids(self, which: QueueFilter, *, after: int, last: int, limit: int) -> Sequence[int]:
        return [entry.id for entry in self._queue(which) if after < entry.id <= last][:limit]

    async def change(self, entry_ids: Collection[int], change: QueueChange) -> frozenset[int]:
        self.check()
        at = change.step.at
        by_move: dict[QueueMove, dict[str, Any]] = {
            QueueMove.FREEZE: {"state": EntryState.FROZEN, "next_attempt": change.until},
            QueueMove.THAW: {"state": EntryState.READY, "next_attempt": at},
            QueueMove.SEND: {"state": EntryState.READY, "next_attempt": at},
            QueueMove.LANE: {"lane": change.lane},
            QueueMove.REMOVE: {"state": EntryState.DONE, "next_attempt": None, "deleted_by": change.by, "error": ""},
        }
        done = self._in_states(entry_ids, MOVED_FROM[change.move])
        for entry in done:
            self._undo[entry.id] = (change.operation, entry)
            self._entries[entry.id] = replace(entry, text=change.step.text, **by_move[change.move])
            self._traces[entry.id].append(change.step)
            if change.move is QueueMove.REMOVE:
                self._finished[entry.id] = at
        return frozenset(entry.id for entry in done)

    def _in_states(self, entry_ids: Collection[int], states: Collection[EntryState]) -> list[QueueEntry]:
        entries = [self._entries[entry_id] for entry_id in entry_ids if entry_id in self._entries]
        return [e for e in entries if e.direction is Direction.OUTBOUND and e.state in states]

    async def changed_by(self, operation: int, *, after: int, limit: int) -> Sequence[int]:
        queued = {entry.id for entry in self._queue(QueueFilter())}
        found = [entry_id for entry_id, (number, _) in self._undo.items() if number == operation]
        return sorted(entry_id for entry_id in found if entry_id in queued and entry_id > after)[:limit]

    async def take_back(self, entry_ids: Collection[int], operation: int, step: TraceStep) -> frozenset[int]:
        self.check()
        done = [
            entry
            for entry in self._in_states(entry_ids, MOVED_FROM[QueueMove.REMOVE])
            if self._undo.get(entry.id, (0, entry))[0] == operation
        ]
        for entry in done:
            _, was = self._undo.pop(entry.id)
            self._entries[entry.id] = replace(
                entry, state=was.state, next_attempt=was.next_attempt, lane=was.lane, text=step.text
            )
            self._traces[entry.id].append(step)
        return frozenset(entry.id for entry in done)

    async def readdress(
        self, entry_id: int, recipients: Sequence[EntryRecipient], envelope: Envelope, step: TraceStep
    ) -> bool:
        self.check()
        found = self._in_states([entry_id], MOVED_FROM[QueueMove.LANE])
        for entry in found:
            again: dict[str, Any] = {}
            if entry.state is EntryState.PARKED:
                again = {"state": EntryState.READY, "next_attempt": step.at, "park_reason": None, "error": ""}
            self._undo.pop(entry_id, None)
            self._entries[entry_id] = replace(
                entry, recipients=tuple(recipients), envelope=envelope, text=step.text, **again
            )
            self._traces[entry_id].append(step)
        return bool(found)

    # -- looking

    async def entry(self, entry_id: int) -> QueueEntry | None:
        return self._entries.get(entry_id)

    async def messages(
        self, which: MessageFilter, *, before: int | None, limit: int
    ) -> tuple[Sequence[QueueEntry], int]:
        found = [entry for entry in reversed(self._entries.values()) if _matches(entry, which)]
        return [entry for entry in found if before is None or entry.id < before][:limit], len(found)

    async def trace(self, entry_id: int) -> Sequence[TraceStep]:
        return list(self._traces.get(entry_id, ()))

    async def counts(self, *, since: datetime, now: datetime) -> StoreCounts:
        entries = list(self._entries.values())
        hours = [0] * 24
        for when in self._delivered():
            slot = (when - (now - timedelta(hours=24))) // timedelta(hours=1)
            if now - timedelta(hours=24) < when <= now:
                hours[min(slot, 23)] += 1
        busy = {EntryState.RECEIVED, EntryState.READY, EntryState.ACTIVE}
        return StoreCounts(
            waiting=sum(e.state in busy for e in entries),
            deferred=sum(when > now for when, _ in self._waiting(())),
            unrouted=sum(e.park_reason is ParkReason.UNROUTED and e.state is EntryState.PARKED for e in entries),
            parked=sum(e.state is EntryState.PARKED for e in entries),
            delivered=sum(when >= since for when in self._delivered()),
            hours=tuple(hours),
            last_mail=max((e.received_at for e in entries), default=None),
            held=sum(e.state is EntryState.HELD for e in entries),
            frozen=sum(e.state is EntryState.FROZEN for e in entries),
        )

    def _delivered(self) -> list[datetime]:
        return [when for entry_id, when in self._finished.items() if not self._entries[entry_id].deleted_by]

    async def oversize(self) -> Sequence[OversizeMessage]:
        return [self._oversize[one] for one in sorted(self._oversize)]

    async def put_oversize(self, message: OversizeMessage) -> int:
        self.check()
        if message.id and message.id not in self._oversize:
            return message.id
        if not message.id:
            self._large += 1
            message = replace(message, id=self._large)
        self._oversize[message.id] = message
        return message.id

    async def drop_oversize(self, ids: Collection[int]) -> None:
        self.check()
        for one in ids:
            self._oversize.pop(one, None)

    async def value(self, key: str) -> str | None:
        return self._values.get(key)

    async def put_value(self, key: str, value: str | None) -> None:
        self.check()
        self._values.pop(key, None)
        if value is not None:
            self._values[key] = value

    # -- keeping house

    async def shift_due(self, delta: timedelta) -> int:
        return self._set_due(lambda when: when + delta, lambda _: True)

    async def clamp_due(self, latest: datetime) -> int:
        return self._set_due(lambda _: latest, lambda when: when > latest, {EntryState.READY})

    def _set_due(self, change: Any, which: Any, states: Collection[EntryState] = frozenset(EntryState)) -> int:
        self.check()
        waiting = [e for e in self._entries.values() if e.next_attempt is not None and e.state in states]
        chosen = [e for e in waiting if which(e.next_attempt)]
        for entry in chosen:
            self._entries[entry.id] = replace(entry, next_attempt=change(entry.next_attempt))
        return len(chosen)

    async def purge(self, *, done_before: datetime, bodies_before: datetime) -> int:
        self.check()
        for entry_id, when in self._finished.items():
            if when <= bodies_before:
                self._bodies.pop(self._entries[entry_id].content.id, None)
        gone = [
            entry_id
            for entry_id, when in self._finished.items()
            if when < done_before and self._entries[entry_id].content.id not in self._bodies
        ]
        for entry_id in gone:
            del self._entries[entry_id], self._traces[entry_id], self._finished[entry_id]
        return len(gone)

    async def probe(self) -> None:
        self.check()

    def check(self) -> None:
        """Raise what is set as `failure`."""
        if self.failure:
            raise self.failure


class _Writer:
    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self._octets = bytearray()

    async def write(self, data: bytes) -> None:
        if self._store.write_failure is not None:
            raise self._store.write_failure
        self._octets += data

    async def finish(self, *, durable: bool = False) -> DraftContent:
        self._store.check()
        body = bytes(self._octets)
        return DraftContent(body, len(body), hashlib.sha256(body).hexdigest(), body[:_HEADER], durable)

    async def abandon(self) -> None:
        self._octets.clear()


def _answered(one: EntryRecipient, result: DeliveryResult | None) -> EntryRecipient:
    if result is None:
        return one
    if result.delivered:
        state = RecipientState.DELIVERED
    elif result.permanent:
        state = RecipientState.FAILED
    else:
        state = RecipientState.UNKNOWN if result.unknown else RecipientState.PENDING
    return replace(one, state=state, reply=result.reply)


def _matches(entry: QueueEntry, which: MessageFilter) -> bool:
    look = entry.glance
    texts = [look.subject, look.from_, look.message_id, str(entry.sender or ""), entry.source.uid]
    texts += [str(one.address) for one in entry.recipients]
    return (
        (not which.states or entry.state in which.states)
        and (which.park_reason is None or entry.park_reason is which.park_reason)
        and (not which.account or entry.source.account == which.account)
        and (not which.text or any(which.text.casefold() in text.casefold() for text in texts))
    )


def _is_meant(entry: QueueEntry, which: QueueFilter) -> bool:
    addresses = [str(one.address) for one in entry.recipients]
    texts = [entry.glance.subject, entry.glance.from_, entry.glance.message_id, str(entry.sender or ""), *addresses]
    return (
        (not which.states or entry.state in which.states)
        and (which.lane is None or entry.lane == which.lane)
        and (not which.sender or which.sender.casefold() in str(entry.sender or "").casefold())
        and (not which.recipient or any(which.recipient.casefold() in one.casefold() for one in addresses))
        and (not which.text or any(which.text.casefold() in one.casefold() for one in texts))
        and (which.received_before is None or entry.received_at < which.received_before)
        and (not which.ids or entry.id in which.ids)
    )
