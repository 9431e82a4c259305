"""The store: every operation of `ports.store.Store`, each one transaction on the writer thread.

What an operation writes is in `taking` and `moves`, what it reads in `queries`. Reads run on a small pool of threads
with connections of their own, so that a busy writer does not make windows wait.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, TypeVar

from sqlalchemy import Connection, Engine, bindparam, update

from mailgate.adapters.platform.files import Files
from mailgate.adapters.store import bodies, copies, ledger, moves, oversize, queries, taking
from mailgate.adapters.store.failpoints import FailPoint, harmless
from mailgate.adapters.store.faults import as_store_error
from mailgate.adapters.store.queue_part import QueuePart
from mailgate.adapters.store.reading import Connections
from mailgate.adapters.store.recovery import recover
from mailgate.adapters.store.rows import add_steps, entry_select, load_entries, to_ms
from mailgate.adapters.store.schema import DATABASE, open_database, refuse_newer, upgrade
from mailgate.adapters.store.tables import CONTENT, ENTRY
from mailgate.adapters.store.values import Values
from mailgate.adapters.store.writer import Writer
from mailgate.model.address import Address
from mailgate.model.entry import EntryRecipient, EntryState, ParkReason, QueueEntry
from mailgate.model.errors import ErrorClass, StoreError
from mailgate.model.message import ContentRef, HeaderEdit
from mailgate.model.oversize import OversizeMessage
from mailgate.model.verdict import Disposition, TraceStep
from mailgate.ports.store import (
    Comparison,
    ContentWriter,
    DraftContent,
    Finding,
    LedgerRow,
    MessageFilter,
    NewEntry,
    Outcome,
    StoreCounts,
    received,
)

_READERS: Final = 2
_SYNCED: Final = update(CONTENT).where(CONTENT.c.id == bindparam("synced")).values(volatile=None)

T = TypeVar("T")


class SqliteStore(QueuePart):
    """A store in one folder: `mailgate.db` and `spool/`. Make one with `open_store`."""

    def __init__(
        self, engine: Engine, spool: bodies.SpoolFolder, *, inline_limit: int, fail_point: FailPoint = harmless
    ) -> None:
        self._engine = engine
        self._spool = spool
        self._inline_limit = inline_limit
        self._fail_point = fail_point
        self._writer = Writer(engine)
        self._last_id = 0
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="store-reader")
        self._connections = Connections(engine)
        self._values = Values(self._read, self._writer)
        # Accounts that took a large body in this run, and others of which none is volatile: no need to look again.
        self._large: set[str] = set()
        self._all_durable: set[str] = set()

    async def close(self) -> None:
        """Finish what was asked for and let go of the files."""
        await asyncio.to_thread(self._writer.close)
        self._readers.shutdown()
        self._connections.close()
        self._engine.dispose()

    @property
    def commits(self) -> int:
        """How many transactions were committed, for benchmarks."""
        return self._writer.commits

    # -- bodies

    async def new_content(self) -> ContentWriter:
        """Return a writer for a new body."""
        return bodies.Writer(self._spool, self._inline_limit)

    async def discard(self, draft: DraftContent) -> None:
        """Forget a draft that no entry will own."""
        if isinstance(draft.token, str):
            await asyncio.to_thread(self._spool.remove, draft.token)

    async def header(self, ref: ContentRef, *, limit: int) -> bytes:
        """Return the first `limit` octets of a body."""
        octets = b""
        async with aclosing(self.read(ref)) as chunks:
            async for chunk in chunks:
                octets += chunk
                if len(octets) >= limit:
                    break
        return octets[:limit]

    async def small_bodies(self, refs: Sequence[ContentRef]) -> Mapping[int, bytes]:
        """Return those of these bodies that lie in the database, by content id."""
        return await self._read(lambda c: queries.bodies(c, [ref.id for ref in refs])) if refs else {}

    async def read(self, ref: ContentRef, *, start: int = 0) -> AsyncGenerator[bytes, None]:
        """Yield a body's octets from `start` on."""
        file, octets = await self._read(lambda c: queries.body(c, ref.id))
        if file is None:
            yield octets[start:]
            return
        async with aclosing(bodies.read_file(self._spool, file, start=start, size_octets=ref.size_octets)) as chunks:
            async for chunk in chunks:
                yield chunk

    # -- taking in

    def draw_up(self, draft: DraftContent, new: NewEntry) -> QueueEntry:
        """Return the entry that `accept` would write, with an id that is its own."""
        self._last_id += 1
        return received(self._last_id, draft, new)

    async def accept(
        self,
        draft: DraftContent,
        new: NewEntry,
        *,
        entry: QueueEntry | None = None,
        decision: Disposition | None = None,
    ) -> QueueEntry:
        """Take a message: body, entry and ledger row in one commit. When that fails the draft is forgotten."""
        drawn = entry or self.draw_up(draft, new)
        if isinstance(draft.token, str):
            self._large.add(new.source.account)  # before the commit: one whose outcome is unknown counts, too
            self._all_durable.discard(new.source.account)
        try:
            return await self._commit("accept", lambda c: taking.take(c, draft, new, drawn, decision))
        except StoreError as exc:
            if exc.error_class is not ErrorClass.INTERNAL:
                # Certainly not committed. Each try on a full disk would else leave one more body on it.
                await self.discard(draft)
            raise

    async def make_durable(self, account: str) -> None:
        """Sync the bodies of this account's messages that are not delivered yet."""
        if account in self._all_durable:
            return
        found = await self._read(lambda c: queries.volatile(c, account))
        if not found:
            if account not in self._large:
                self._all_durable.add(account)
            return
        try:
            missing = await asyncio.to_thread(self._spool.make_durable, [name for name, _ in found.values()])
        except OSError as exc:
            raise as_store_error(exc) from exc

        def job(connection: Connection) -> None:
            safe = [content_id for content_id, (name, _) in found.items() if name not in missing]
            if safe:
                connection.execute(_SYNCED, [{"synced": content_id} for content_id in safe])
            for name, entry_id in found.values():
                if name in missing:
                    taking.forget(connection, entry_id)

        await self._commit("durable", job)

    # -- the ledger

    async def ledger(self, account: str) -> Mapping[str, LedgerRow]:
        """Return all remembered UIDs of an account."""
        return await self._read(lambda c: ledger.rows(c, account))

    async def compare(self, account: str, uids: Collection[str], *, now: datetime, remember: timedelta) -> Comparison:
        """Hold listed UIDs against those that are remembered. Where nothing is gone, nothing is written."""
        compared = await self._read(lambda c: ledger.compare(c, account, uids, stale_before=now - remember))
        if compared.gone or compared.stale:
            await self._writer.run(
                lambda c: ledger.note_gone(c, account, gone=compared.gone, stale=compared.stale, now=now)
            )
        return compared.result

    async def begin_mailbox(self, account: str, mailbox: str, seen: Mapping[str, int], *, now: datetime) -> None:
        """Remember whose UIDs the account's are from now on, and which of them are to be left alone."""
        key = ledger.mailbox_key(account)
        await self._values.write(key, mailbox, lambda c: ledger.begin_mailbox(c, account, mailbox, seen, now=now))

    async def mailbox(self, account: str) -> str | None:
        """Return what `begin_mailbox` was last told."""
        return await self.value(ledger.mailbox_key(account))

    async def settle_known(self, account: str, uids: Collection[str], *, step: TraceStep | None) -> None:
        """Take up UIDs again that stand for the messages they stood for."""
        if uids:
            await self._writer.run(lambda c: ledger.take_up(c, account, uids, step))

    async def doubt(self, account: str, uids: Collection[str], *, now: datetime) -> None:
        """Trust these UIDs no more."""
        await self._writer.run(lambda c: ledger.note_gone(c, account, gone=uids, stale=(), now=now))

    async def gone_since(self, account: str, since: datetime) -> Sequence[LedgerRow]:
        """Return the UIDs that are DELETED since then."""
        return await self._read(lambda c: ledger.gone_since(c, account, since))

    async def rename_known(self, account: str, old: str, new: str, *, step: TraceStep) -> None:
        """Note that a message is listed under another UID."""
        await self._writer.run(lambda c: ledger.rename(c, account, old, new, step))

    async def deletable(self, account: str, *, seen_before: datetime, even_open: bool) -> Sequence[str]:
        """Return UIDs whose messages may be deleted at the provider, as far as the ledger goes."""
        return await self._read(lambda c: ledger.deletable(c, account, seen_before=seen_before, even_open=even_open))

    async def mark_deleting(self, account: str, uids: Collection[str]) -> frozenset[str]:
        """Note that the deletion of these UIDs is about to be asked for; return those for which it may be."""
        if not uids:
            return frozenset()
        return await self._commit("deleting", lambda c: ledger.mark_deleting(c, account, uids))

    async def mark_deleted(self, account: str, uids: Collection[str], *, step: TraceStep) -> None:
        """Record deletions that the provider confirmed."""
        if uids:
            await self._commit("deleted", lambda c: ledger.mark_deleted(c, account, uids, step))

    async def leave_alone(self, account: str, uids: Collection[str]) -> None:
        """Leave these UIDs at the provider for good."""
        if uids:
            await self._writer.run(lambda c: ledger.leave_alone(c, account, uids))

    # -- the queue

    async def received(self, *, after: int, limit: int) -> Sequence[QueueEntry]:
        """Return RECEIVED entries above `after`, oldest first."""
        query = (
            entry_select()
            .where(ENTRY.c.state == EntryState.RECEIVED.value, ENTRY.c.id > after)
            .order_by(ENTRY.c.id)
            .limit(limit)
        )
        return await self._read(lambda c: load_entries(c, c.execute(query).all()))

    async def due(self, now: datetime, *, limit: int, exclude: frozenset[int], lane: str = "") -> Sequence[QueueEntry]:
        """Return READY entries of a lane whose time has come, the most overdue first."""
        query = (
            entry_select()
            .where(
                ENTRY.c.lane == lane,
                ENTRY.c.state == EntryState.READY.value,
                ENTRY.c.next_attempt <= to_ms(now),
            )
            .order_by(ENTRY.c.next_attempt, ENTRY.c.id)
            .limit(limit + len(exclude))
        )
        found = await self._read(lambda c: load_entries(c, c.execute(query).all()))
        return [entry for entry in found if entry.id not in exclude][:limit]

    async def parked_due(self, now: datetime, *, limit: int) -> Sequence[QueueEntry]:
        """Return PARKED entries that are to be tried once more by themselves."""
        query = (
            entry_select()
            .where(ENTRY.c.state == EntryState.PARKED.value, ENTRY.c.next_attempt <= to_ms(now))
            .order_by(ENTRY.c.next_attempt, ENTRY.c.id)
            .limit(limit)
        )
        return await self._read(lambda c: load_entries(c, c.execute(query).all()))

    async def aged(self, received_before: datetime, *, after: int, limit: int) -> tuple[Sequence[QueueEntry], int]:
        """Return READY messages of the office that were accepted by then, oldest first, and where to go on."""
        return await self._read(lambda c: queries.aged(c, received_before, after=after, limit=limit))

    async def note(self, entry_id: int, step: TraceStep) -> None:
        """Add a step to an entry's trace."""
        await self._writer.run(lambda c: add_steps(c, entry_id, [step]))

    async def wake(self, now: datetime) -> int:
        """Make READY what rested until now."""
        first = await self.rests_until()
        if first is None or first > now:
            return 0
        return await self._commit("decide", lambda c: moves.wake(c, now))

    async def sent_since(self, lane: str, since: datetime) -> int:
        """Return how many recipients the next hop of a lane has taken since then."""
        return await self._read(lambda c: queries.sent_since(c, lane, since))

    async def rests_until(self) -> datetime | None:
        """Return when the first of what rests for a time is to be READY."""
        return await self._read(queries.rests_until)

    async def next_due(self, *, exclude: frozenset[int], lane: str = "") -> datetime | None:
        """Return the earliest `next_attempt` of READY entries of a lane."""
        return await self._read(lambda c: queries.next_due(c, exclude, lane))

    async def decide(self, entry_id: int, disposition: Disposition, *, now: datetime) -> EntryState:
        """Write the pipeline's decision on a RECEIVED entry."""
        return await self._commit("decide", lambda c: moves.decide(c, entry_id, disposition, now=now))

    async def claim_copy(
        self, entry_id: int, key: str, addresses: Sequence[Address], *, since: datetime, step: TraceStep
    ) -> Mapping[Address, int]:
        """Return who has the message by another entry, and claim the others for this one."""
        return await self._commit(
            "claim_copy", lambda c: copies.claim(c, entry_id, key, addresses, since=since, step=step)
        )

    async def claim(self, entry_id: int) -> bool:
        """Move READY to ACTIVE and count the attempt."""
        return await self._commit("claim", lambda c: moves.claim(c, entry_id))

    async def release(self, entry_id: int, *, next_attempt: datetime) -> None:
        """Move ACTIVE back to READY and uncount the attempt."""
        await self._writer.run(lambda c: moves.release(c, entry_id, next_attempt=next_attempt))

    async def record(self, entry_id: int, outcome: Outcome, *, now: datetime) -> None:
        """Write what a conversation came to."""
        await self._commit("record", lambda c: moves.record(c, entry_id, outcome, now=now))

    async def park(
        self, entry_id: int, reason: ParkReason, *, error: str, step: TraceStep, body_lost: bool = False
    ) -> None:
        """Park an entry that cannot go on; with `body_lost` the provider's copy is fetched again."""
        await self._writer.run(lambda c: moves.park(c, entry_id, reason, error=error, step=step, body_lost=body_lost))

    async def deliver_to(
        self, entry_id: int, recipients: Sequence[EntryRecipient], step: TraceStep, *, edit: HeaderEdit | None = None
    ) -> bool:
        """Move a PARKED entry to READY with these recipients beside those that were reached already."""
        return await self._writer.run(lambda c: moves.deliver_to(c, entry_id, recipients, step, edit))

    async def delete(self, entry_id: int, step: TraceStep, *, by: str) -> bool:
        """Move a PARKED entry to DONE since a person deleted it; its body goes as that of a delivered one."""
        return await self._writer.run(lambda c: moves.delete(c, entry_id, step, by=by))

    async def _commit(self, name: str, job: Callable[[Connection], T]) -> T:
        """Run a job that has fail points: `NAME.begun` before its commit, `NAME.committed` after it."""

        def begun(connection: Connection) -> T:
            result = job(connection)
            self._fail_point(f"{name}.begun")
            return result

        result = await self._writer.run(begun)
        self._fail_point(f"{name}.committed")
        return result

    # -- looking

    async def entry(self, entry_id: int) -> QueueEntry | None:
        """Return an entry, or None."""
        query = entry_select().where(ENTRY.c.id == entry_id)
        found = await self._read(lambda c: load_entries(c, c.execute(query).all()))
        return found[0] if found else None

    async def messages(
        self, which: MessageFilter, *, before: int | None, limit: int
    ) -> tuple[Sequence[QueueEntry], int]:
        """Return entries, newest first, and how many match in all."""
        return await self._read(lambda c: queries.messages(c, which, before, limit))

    async def trace(self, entry_id: int) -> Sequence[TraceStep]:
        """Return an entry's path, oldest step first."""
        return await self._read(lambda c: queries.trace(c, entry_id))

    async def counts(self, *, since: datetime, now: datetime) -> StoreCounts:
        """Return the counts that windows show."""
        return await self._read(lambda c: queries.counts(c, since, now))

    async def oversize(self) -> Sequence[OversizeMessage]:
        """Return what is kept in mind since it is too large."""
        return await self._read(oversize.rows)

    async def put_oversize(self, message: OversizeMessage) -> int:
        """Keep one in mind, or its change."""
        return await self._writer.run(lambda c: oversize.put(c, message))

    async def drop_oversize(self, ids: Collection[int]) -> None:
        """Forget some."""
        await self._writer.run(lambda c: oversize.drop(c, ids))

    async def value(self, key: str) -> str | None:
        """Return a remembered value."""
        return await self._values.get(key)

    async def put_value(self, key: str, value: str | None) -> None:
        """Remember a value; None forgets it."""
        await self._values.put(key, value)

    # -- keeping house

    async def shift_due(self, delta: timedelta) -> int:
        """Move every `next_attempt` by `delta`."""
        by = delta // timedelta(milliseconds=1)
        job = update(ENTRY).where(ENTRY.c.next_attempt.is_not(None)).values(next_attempt=ENTRY.c.next_attempt + by)
        return await self._writer.run(lambda c: int(c.execute(job).rowcount))

    async def clamp_due(self, latest: datetime) -> int:
        """Bring every `next_attempt` of READY entries after `latest` forward to it."""
        late = (ENTRY.c.state == EntryState.READY.value, ENTRY.c.next_attempt > to_ms(latest))
        job = update(ENTRY).where(*late).values(next_attempt=to_ms(latest))
        return await self._writer.run(lambda c: int(c.execute(job).rowcount))

    async def purge(self, *, done_before: datetime, bodies_before: datetime) -> int:
        """Let go of the bodies of entries that were DONE before `bodies_before`, and of entries before `done_before`.

        Works in portions, so that no message waits long for the writer.
        """
        removed = 0
        more_bodies = more_entries = True
        while more_bodies or more_entries:
            files, more_bodies = await self._writer.run(lambda c: queries.drop_bodies(c, bodies_before))
            for name in files:
                await asyncio.to_thread(self._spool.remove, name)
            gone, more_entries = await self._writer.run(lambda c: queries.drop_entries(c, done_before))
            removed += gone
        return removed

    async def probe(self) -> None:
        """Write and sync something small."""
        await self.put_value("probe", "written")

    async def recover(self, *, now: datetime) -> tuple[Finding, ...]:
        """Mend what a crash left; call it before anything else runs."""
        findings = await self._writer.run(lambda c: recover(c, self._spool, now))
        self._last_id = await self._read(queries.last_entry_id)
        return findings

    async def _read(self, query: Callable[[Connection], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._connections.read, query)


async def open_store(
    data_dir: Path,
    *,
    files: Files,
    inline_limit: int,
    now: datetime,
    fail_point: FailPoint = harmless,
) -> tuple[SqliteStore, tuple[Finding, ...]]:
    """Open the store in `data_dir`, making it when there is none; mend what a crash left and say what was mended.

    Raises:
        StoreTooNewError: a newer program wrote it.
        StoreError: it cannot be opened; the file is kept as it is.
    """

    def prepare() -> tuple[Engine, bodies.SpoolFolder]:
        spool = bodies.SpoolFolder(data_dir, files, fail_point)
        refuse_newer(data_dir / DATABASE)
        engine = open_database(data_dir / DATABASE)
        try:
            upgrade(engine)
            spool.prepare()
        except BaseException as exc:
            engine.dispose()
            if isinstance(exc, OSError):
                raise as_store_error(exc) from exc
            raise
        return engine, spool

    engine, spool = await asyncio.to_thread(prepare)
    store = SqliteStore(engine, spool, inline_limit=inline_limit, fail_point=fail_point)
    try:
        return store, await store.recover(now=now)
    except BaseException:
        await store.close()
        raise
