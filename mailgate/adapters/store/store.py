"""The store: every operation of `ports.store.Store`, each one transaction on the writer thread.

Reads run on a small pool of threads with connections of their own, so that a busy writer does not make windows wait.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Engine, bindparam, delete, exists, insert, literal, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from mailgate.adapters.platform.files import Files
from mailgate.adapters.store import bodies, queries
from mailgate.adapters.store.failpoints import FailPoint, harmless
from mailgate.adapters.store.faults import as_store_error
from mailgate.adapters.store.recovery import recover
from mailgate.adapters.store.rows import (
    add_steps,
    encode_edit,
    entry_select,
    load_entries,
    store_address,
    to_ms,
    write_recipients,
)
from mailgate.adapters.store.schema import DATABASE, open_database, upgrade
from mailgate.adapters.store.tables import BODY, CONTENT, ENTRY, LEDGER, RECIPIENT, TRACE, VALUE
from mailgate.adapters.store.writer import Writer
from mailgate.model.entry import SETTLED, EntryRecipient, EntryState, ParkReason, QueueEntry, RecipientState
from mailgate.model.errors import StaleEntryError
from mailgate.model.message import ContentRef
from mailgate.model.status import DeliveryResult
from mailgate.model.verdict import Disposition, TraceStep
from mailgate.ports.store import (
    ContentWriter,
    DraftContent,
    Finding,
    LedgerRow,
    LedgerState,
    MessageFilter,
    NewEntry,
    Outcome,
    StoreCounts,
)

_READERS: Final = 2

T = TypeVar("T")


class SqliteStore:
    """A store in one folder: `mailgate.db` and `spool/`. Make one with `open_store`."""

    def __init__(
        self, engine: Engine, spool: bodies.SpoolFolder, *, inline_limit: int, fail_point: FailPoint = harmless
    ) -> None:
        self._engine = engine
        self._spool = spool
        self._inline_limit = inline_limit
        self._fail_point = fail_point
        self._writer = Writer(engine)
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="store-reader")

    async def close(self) -> None:
        """Finish what was asked for and let go of the files."""
        await asyncio.to_thread(self._writer.close)
        self._readers.shutdown()
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
        async for chunk in self.read(ref):
            octets += chunk
            if len(octets) >= limit:
                break
        return octets[:limit]

    async def read(self, ref: ContentRef, *, start: int = 0) -> AsyncIterator[bytes]:
        """Yield a body's octets from `start` on."""
        file, octets = await self._read(lambda c: queries.body(c, ref.id))
        if file is None:
            yield octets[start:]
            return
        async for chunk in bodies.read_file(self._spool, file, start):
            yield chunk

    # -- taking in

    async def accept(self, draft: DraftContent, new: NewEntry) -> QueueEntry:
        """Take a message: body, entry and ledger row in one commit."""

        def job(connection: Connection) -> QueueEntry:
            file, octets = (draft.token, None) if isinstance(draft.token, str) else (None, draft.token)
            content_id = connection.execute(
                insert(CONTENT)
                .values(size_octets=draft.size_octets, sha256=draft.sha256, file=file)
                .returning(CONTENT.c.id)
            ).scalar_one()
            if octets is not None:
                connection.execute(insert(BODY).values(content_id=content_id, octets=octets))
            source, at = new.source, to_ms(new.received_at)
            entry_id = connection.execute(
                insert(ENTRY)
                .values(
                    direction=new.direction.value,
                    state=EntryState.RECEIVED.value,
                    account=source.account,
                    uid=source.uid,
                    session=source.session,
                    host=source.host,
                    content_id=content_id,
                    received_at=at,
                    attempts=0,
                    message_id=new.glance.message_id,
                    subject=new.glance.subject,
                    from_=new.glance.from_,
                    date=new.glance.date,
                    edit=b"",
                    codes="",
                    text=new.trace[-1].text if new.trace else "",
                    error="",
                )
                .returning(ENTRY.c.id)
            ).scalar_one()
            add_steps(connection, entry_id, new.trace)
            seen = upsert(LEDGER).values(
                account=source.account,
                uid=source.uid,
                state=LedgerState.TAKEN.value,
                entry_id=entry_id,
                first_seen=at,
                last_listed=at,
                size_octets=draft.size_octets,
                sha256=draft.sha256,
            )
            connection.execute(
                seen.on_conflict_do_update(
                    index_elements=["account", "uid"],
                    set_={
                        name: seen.excluded[name]
                        for name in ("state", "entry_id", "first_seen", "last_listed", "size_octets", "sha256")
                    },
                )
            )
            self._fail_point("accept.begun")
            return QueueEntry(
                id=entry_id,
                direction=new.direction,
                state=EntryState.RECEIVED,
                source=source,
                content=ContentRef(content_id, draft.size_octets, draft.sha256),
                sender=None,
                received_at=new.received_at,
                next_attempt=None,
                attempts=0,
                glance=new.glance,
                text=new.trace[-1].text if new.trace else "",
            )

        entry = await self._writer.run(job)
        self._fail_point("accept.committed")
        return entry

    # -- the ledger

    async def ledger(self, account: str) -> Mapping[str, LedgerRow]:
        """Return all remembered UIDs of an account."""
        return await self._read(lambda c: queries.ledger(c, account))

    async def note_listed(self, account: str, uids: Sequence[str], *, now: datetime, remember: timedelta) -> None:
        """Remember when these UIDs were last listed; forget those not listed for `remember`."""

        def job(connection: Connection) -> None:
            at = to_ms(now)
            if uids:
                connection.execute(
                    update(LEDGER)
                    .where(LEDGER.c.account == account, LEDGER.c.uid == bindparam("listed"))
                    .values(last_listed=at),
                    [{"listed": uid} for uid in uids],
                )
            connection.execute(
                delete(LEDGER).where(LEDGER.c.account == account, LEDGER.c.last_listed < to_ms(now - remember))
            )

        await self._writer.run(job)

    async def settle_known(self, account: str, uid: str, *, step: TraceStep) -> None:
        """Mark a UID settled again."""
        await self._set_ledger(account, [uid], LedgerState.SETTLED, step)

    async def mark_deleted(self, account: str, uids: Sequence[str], *, step: TraceStep) -> None:
        """Record deletions that the provider confirmed."""
        if uids:
            await self._set_ledger(account, uids, LedgerState.DELETED, step, fail_point="deleted")

    async def _set_ledger(
        self, account: str, uids: Sequence[str], state: LedgerState, step: TraceStep, *, fail_point: str = ""
    ) -> None:
        def job(connection: Connection) -> None:
            which = [{"which": uid} for uid in uids]
            here = (LEDGER.c.account == account, LEDGER.c.uid == bindparam("which"))
            connection.execute(update(LEDGER).where(*here).values(state=state.value, last_listed=to_ms(step.at)), which)
            # The ledger outlives the entry: one that was purged has no trace any more.
            told = select(
                LEDGER.c.entry_id, literal(to_ms(step.at)), literal(step.stage.value), literal(step.text), literal("")
            ).where(*here, exists().where(ENTRY.c.id == LEDGER.c.entry_id))
            connection.execute(insert(TRACE).from_select(["entry_id", "at", "stage", "text", "evidence"], told), which)
            if fail_point:
                self._fail_point(f"{fail_point}.begun")

        await self._writer.run(job)
        if fail_point:
            self._fail_point(f"{fail_point}.committed")

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

    async def due(self, now: datetime, *, limit: int, exclude: frozenset[int]) -> Sequence[QueueEntry]:
        """Return READY entries whose time has come, the most overdue first."""
        query = (
            entry_select()
            .where(ENTRY.c.state == EntryState.READY.value, ENTRY.c.next_attempt <= to_ms(now))
            .order_by(ENTRY.c.next_attempt, ENTRY.c.id)
            .limit(limit + len(exclude))
        )
        found = await self._read(lambda c: load_entries(c, c.execute(query).all()))
        return [entry for entry in found if entry.id not in exclude][:limit]

    async def next_due(self, *, exclude: frozenset[int]) -> datetime | None:
        """Return the earliest `next_attempt` of READY entries."""
        return await self._read(lambda c: queries.next_due(c, exclude))

    async def decide(self, entry_id: int, disposition: Disposition, *, now: datetime) -> EntryState:
        """Write the pipeline's decision on a RECEIVED entry."""
        state = EntryState.PARKED if disposition.park else EntryState.READY

        def job(connection: Connection) -> None:
            glance = disposition.glance
            self._move(
                connection,
                entry_id,
                {EntryState.RECEIVED},
                state,
                sender=store_address(disposition.sender),
                edit=encode_edit(disposition.edit),
                codes=disposition.codes,
                park_reason=disposition.park.value if disposition.park else None,
                next_attempt=None if disposition.park else to_ms(now),
                text=disposition.trace[-1].text if disposition.trace else "",
                message_id=glance.message_id,
                subject=glance.subject,
                from_=glance.from_,
                date=glance.date,
            )
            write_recipients(connection, entry_id, disposition.recipients)
            add_steps(connection, entry_id, disposition.trace)
            self._settle(connection, entry_id, state)
            self._fail_point("decide.begun")

        await self._writer.run(job)
        self._fail_point("decide.committed")
        return state

    async def claim(self, entry_id: int) -> bool:
        """Move READY to ACTIVE and count the attempt."""

        def job(connection: Connection) -> bool:
            done = connection.execute(
                update(ENTRY)
                .where(ENTRY.c.id == entry_id, ENTRY.c.state == EntryState.READY.value)
                .values(state=EntryState.ACTIVE.value, attempts=ENTRY.c.attempts + 1)
            )
            self._fail_point("claim.begun")
            return done.rowcount == 1

        claimed = await self._writer.run(job)
        self._fail_point("claim.committed")
        return claimed

    async def release(self, entry_id: int, *, next_attempt: datetime) -> None:
        """Move ACTIVE back to READY and uncount the attempt."""
        job = (
            update(ENTRY)
            .where(ENTRY.c.id == entry_id, ENTRY.c.state == EntryState.ACTIVE.value)
            .values(state=EntryState.READY.value, attempts=ENTRY.c.attempts - 1, next_attempt=to_ms(next_attempt))
        )
        await self._writer.run(lambda c: c.execute(job))

    async def record(self, entry_id: int, outcome: Outcome, *, now: datetime) -> None:
        """Write what a conversation came to; a body that is no longer needed is removed after the commit."""

        def job(connection: Connection) -> None:
            _write_results(connection, entry_id, outcome.results)
            self._move(
                connection,
                entry_id,
                {EntryState.ACTIVE},
                outcome.state,
                next_attempt=None if outcome.next_attempt is None else to_ms(outcome.next_attempt),
                park_reason=outcome.park_reason.value if outcome.park_reason else None,
                finished_at=to_ms(now) if outcome.state is EntryState.DONE else None,
                **({"text": outcome.trace[-1].text} if outcome.trace else {}),
            )
            add_steps(connection, entry_id, outcome.trace)
            self._settle(connection, entry_id, outcome.state)
            self._fail_point("record.begun")

        await self._writer.run(job)
        self._fail_point("record.committed")

    async def park(self, entry_id: int, reason: ParkReason, *, error: str, step: TraceStep) -> None:
        """Park an entry that cannot go on."""

        def job(connection: Connection) -> None:
            self._move(
                connection,
                entry_id,
                {EntryState.RECEIVED, EntryState.READY, EntryState.ACTIVE},
                EntryState.PARKED,
                park_reason=reason.value,
                next_attempt=None,
                error=error,
                text=step.text,
            )
            add_steps(connection, entry_id, [step])
            self._settle(connection, entry_id, EntryState.PARKED)

        await self._writer.run(job)

    async def deliver_to(self, entry_id: int, recipients: Sequence[EntryRecipient], step: TraceStep) -> bool:
        """Move a PARKED entry to READY with these recipients beside those that were reached already."""

        def job(connection: Connection) -> bool:
            rows = connection.execute(entry_select().where(ENTRY.c.id == entry_id)).all()
            entries = load_entries(connection, rows)
            if not entries or entries[0].state is not EntryState.PARKED:
                return False
            reached = [
                one for one in entries[0].recipients if one.state in {RecipientState.DELIVERED, RecipientState.RELAYED}
            ]
            wanted = {one.address.key for one in recipients}
            kept = [one for one in reached if one.address.key not in wanted]
            write_recipients(connection, entry_id, [*kept, *recipients])
            self._move(
                connection,
                entry_id,
                {EntryState.PARKED},
                EntryState.READY,
                park_reason=None,
                next_attempt=to_ms(step.at),
                codes="".join(one.code for one in [*kept, *recipients]),
                error="",
                text=step.text,
            )
            add_steps(connection, entry_id, [step])
            return True

        return await self._writer.run(job)

    def _move(
        self,
        connection: Connection,
        entry_id: int,
        before: Iterable[EntryState],
        after: EntryState,
        **values: Any,
    ) -> None:
        moved = connection.execute(
            update(ENTRY)
            .where(ENTRY.c.id == entry_id, ENTRY.c.state.in_([state.value for state in before]))
            .values(state=after.value, **values)
        )
        if moved.rowcount != 1:
            raise StaleEntryError(f"entry {entry_id} is in no state from which it can become {after.value}")

    def _settle(self, connection: Connection, entry_id: int, state: EntryState) -> None:
        """In the same commit as DONE or PARKED: the provider's copy is no longer needed."""
        if state in SETTLED:
            connection.execute(
                update(LEDGER)
                .where(LEDGER.c.entry_id == entry_id, LEDGER.c.state == LedgerState.TAKEN.value)
                .values(state=LedgerState.SETTLED.value)
            )

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

    async def value(self, key: str) -> str | None:
        """Return a remembered value."""
        query = select(VALUE.c.value).where(VALUE.c.key == key)
        return await self._read(lambda c: c.execute(query).scalar())

    async def put_value(self, key: str, value: str | None) -> None:
        """Remember a value; None forgets it."""

        def job(connection: Connection) -> None:
            connection.execute(delete(VALUE).where(VALUE.c.key == key))
            if value is not None:
                connection.execute(insert(VALUE).values(key=key, value=value))

        await self._writer.run(job)

    # -- keeping house

    async def shift_due(self, delta: timedelta) -> int:
        """Move every `next_attempt` by `delta`."""
        by = delta // timedelta(milliseconds=1)
        job = update(ENTRY).where(ENTRY.c.next_attempt.is_not(None)).values(next_attempt=ENTRY.c.next_attempt + by)
        return await self._writer.run(lambda c: int(c.execute(job).rowcount))

    async def clamp_due(self, latest: datetime) -> int:
        """Bring every `next_attempt` after `latest` forward to it."""
        job = update(ENTRY).where(ENTRY.c.next_attempt > to_ms(latest)).values(next_attempt=to_ms(latest))
        return await self._writer.run(lambda c: int(c.execute(job).rowcount))

    async def purge(self, *, done_before: datetime, bodies_before: datetime) -> int:
        """Let go of the bodies of entries that were DONE before `bodies_before`, and of entries before `done_before`.

        Works in portions, so that no message waits long for the writer.
        """
        removed = 0
        while True:
            files = await self._writer.run(lambda c: queries.drop_bodies(c, bodies_before))
            for name in files:
                await asyncio.to_thread(self._spool.remove, name)
            gone, more = await self._writer.run(lambda c: queries.drop_entries(c, done_before))
            removed += gone
            if not (files or more):
                return removed

    async def probe(self) -> None:
        """Write and sync something small."""
        await self.put_value("probe", "written")

    async def recover(self, *, now: datetime) -> tuple[Finding, ...]:
        """Mend what a crash left; call it before anything else runs."""
        return await self._writer.run(lambda c: recover(c, self._spool, now))

    async def _read(self, query: Callable[[Connection], T]) -> T:
        def work() -> T:
            try:
                with self._engine.connect() as connection:
                    return query(connection)
            except Exception as exc:
                raise as_store_error(exc) from exc

        return await asyncio.get_running_loop().run_in_executor(self._readers, work)


def _write_results(connection: Connection, entry_id: int, results: Sequence[DeliveryResult]) -> None:
    for result in results:
        if result.delivered:
            state = RecipientState.DELIVERED
        elif result.permanent:
            state = RecipientState.FAILED
        elif result.unknown:
            state = RecipientState.UNKNOWN
        else:
            state = RecipientState.PENDING
        connection.execute(
            update(RECIPIENT)
            .where(RECIPIENT.c.entry_id == entry_id, RECIPIENT.c.address == result.address)
            .values(state=state.value, reply_code=result.reply.code, reply_text=result.reply.text)
        )


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
