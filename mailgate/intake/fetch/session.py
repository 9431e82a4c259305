"""One download session: list, skip what is known, take, commit, acknowledge.

Promise 1 lives here: DELE is sent only for messages that the deletion policy covers (`spec` A1b), and a UID is in the
ledger before that. A cut at any await leaves each message at the provider, in the queue, or both.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from mailgate.intake.fetch.pop3 import Listed, Pop3Dialogue
from mailgate.mime.decode import glance
from mailgate.model.entry import entry_name
from mailgate.model.errors import ErrorClass, MailgateError, StoreError
from mailgate.model.events import MessageFetched, MessageSkipped, SessionEnded, SessionListed, SessionStarted
from mailgate.model.settings import Account, DeletePolicy, FetchSettings, Security
from mailgate.model.source import Direction, Source
from mailgate.model.verdict import Stage, TraceStep
from mailgate.ports.clock import Clock
from mailgate.ports.events import Publisher
from mailgate.ports.network import Dialer, Endpoint
from mailgate.ports.secrets import SecretStore
from mailgate.ports.stages import Acceptor
from mailgate.ports.store import ContentWriter, LedgerRow, LedgerState, NewEntry, Store

log = logging.getLogger(__name__)

MAX_COMMITTING: Final = 16
"""Messages that may be on their way to the disk at once: enough to share commits, little enough to hold in memory."""


@dataclass(frozen=True, slots=True)
class Tools:
    """What a session works with."""

    store: Store
    acceptor: Acceptor
    dialer: Dialer
    secrets: SecretStore
    publisher: Publisher
    clock: Clock


@dataclass(slots=True)
class SessionResult:
    """What one session did. `entries` are the ids of what it took; `another` asks for a further session."""

    session: int
    account: str
    listed: int = 0
    new: int = 0
    deleted: int = 0
    entries: list[int] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    error: str = ""
    error_class: ErrorClass | None = None
    store_failed: StoreError | None = None
    another: bool = False


class FetchSession:
    """One session on one mailbox. `stopping` asks it to end after the message it is at."""

    def __init__(
        self, account: Account, settings: FetchSettings, tools: Tools, *, number: int, stopping: asyncio.Event
    ) -> None:
        self._account = account
        self._settings = settings
        self._tools = tools
        self._number = number
        self._stopping = stopping
        self._result = SessionResult(number, account.name)
        self._nth = 0

    async def run(self, passed_over: frozenset[str] = frozenset()) -> SessionResult:
        """Do the session and return what it did; `passed_over` are UIDs that this pass could not take.

        A failure of the provider or of the line is in the result, never raised.
        """
        account, publisher = self._account, self._tools.publisher
        started = self._tools.clock.monotonic()
        publisher.publish(SessionStarted(session=self._number, account=account.name, host=account.host))
        result = self._result
        try:
            await self._converse(passed_over)
        except MailgateError as exc:
            result.error, result.error_class = str(exc), exc.error_class
            result.store_failed = exc if isinstance(exc, StoreError) else None
        except Exception as exc:
            log.exception("a session of account %s failed", account.name)
            result.error, result.error_class = f"{type(exc).__name__}: {exc}", ErrorClass.INTERNAL
        if result.error:
            result.another = False
        publisher.publish(
            SessionEnded(
                session=self._number,
                account=account.name,
                taken=len(result.entries),
                deleted=result.deleted,
                skipped=len(result.skipped),
                duration_ms=round((self._tools.clock.monotonic() - started) * 1000),
                error=result.error,
                error_class=result.error_class.value if result.error_class else "",
                another=result.another,
            )
        )
        return result

    async def _converse(self, passed_over: frozenset[str]) -> None:
        account, settings, tools = self._account, self._settings, self._tools
        password = await tools.secrets.get(account.password)
        stream = await tools.dialer.dial(
            Endpoint(account.host, account.effective_port, account.security is Security.TLS, account.ca_file),
            connect_timeout=settings.connect_timeout,
            timeout=settings.timeout,
        )
        dialogue = Pop3Dialogue(stream)
        try:
            await dialogue.open(account, password)
            listed = await dialogue.list_messages()
            await self._know_the_mailbox()
            ledger = await tools.store.ledger(account.name)
            await tools.store.note_listed(
                account.name,
                [one.uid for one in listed if one.uid in ledger],
                now=tools.clock.now(),
                remember=settings.remember,
            )
            wanted = self._choose(listed, ledger, passed_over)
            self._result.listed = len(listed)
            tools.publisher.publish(
                SessionListed(
                    session=self._number,
                    account=account.name,
                    messages=len(listed),
                    new=self._result.new,
                    size_octets=sum(one.size_octets for one in listed),
                )
            )
            if await self._take(dialogue, wanted, ledger):
                await self._acknowledge(dialogue, listed, ledger)
        finally:
            await dialogue.close()

    async def _know_the_mailbox(self) -> None:
        """UIDs belong to a mailbox, not to the account's name: another login or host makes all of them doubtful.

        A doubtful one is compared by its octets before anything is deleted.
        """
        tools, account = self._tools, self._account
        key, mailbox = f"mailbox.{account.name}", f"{account.user} at {account.host}"
        if await tools.store.value(key) != mailbox:
            await tools.store.note_listed(account.name, [], now=tools.clock.now(), remember=self._settings.remember)
            await tools.store.put_value(key, mailbox)

    def _choose(
        self, listed: list[Listed], ledger: Mapping[str, LedgerRow], passed_over: frozenset[str]
    ) -> list[Listed]:
        """Return what this session takes; `another` says that more is left for the next one."""
        settings = self._settings
        fresh = []
        for one in listed:
            known = ledger.get(one.uid)
            if one.uid in passed_over or (known is not None and known.state is not LedgerState.DELETED):
                continue
            if settings.max_message_size and one.size_octets > settings.max_message_size:
                self._skip(one.uid, f"it has {one.size_octets} octets, more than max_message_size allows")
                continue
            fresh.append(one)
        self._result.new = len(fresh)
        chosen: list[Listed] = []
        octets = 0
        for one in fresh:
            if chosen and (
                len(chosen) >= settings.session_messages or octets + one.size_octets > settings.session_size
            ):
                self._result.another = True
                break
            chosen.append(one)
            octets += one.size_octets
        return chosen

    async def _take(self, dialogue: Pop3Dialogue, wanted: list[Listed], ledger: Mapping[str, LedgerRow]) -> bool:
        """Stream each message into the store; False when the session was asked to stop before the last one.

        Commits run beside the download, so that they share transactions. Whatever fails, those under way are waited
        for: one that was cut off could be in the store and known to nobody until the next start.
        """
        slots = asyncio.Semaphore(MAX_COMMITTING)
        failures: list[Exception] = []
        whole = not wanted

        async def commit(message: Listed, writer: ContentWriter) -> None:
            try:
                await self._commit(message, writer, ledger.get(message.uid))
            except Exception as exc:  # noqa: BLE001 raised below, once the others have ended
                failures.append(exc)
            finally:
                slots.release()

        async with asyncio.TaskGroup() as committing:
            try:
                async with contextlib.aclosing(self._download(dialogue, wanted)) as bodies:
                    async for message, writer in bodies:
                        await slots.acquire()
                        committing.create_task(commit(message, writer))
                        if failures:
                            break
                        whole = message is wanted[-1]
            except Exception as exc:  # noqa: BLE001 as above
                failures.append(exc)
        if failures:  # a full disk tells more than the connection that broke because of it
            raise next((one for one in failures if isinstance(one, StoreError)), failures[0])
        return whole or not self._stopping.is_set()

    async def _download(
        self, dialogue: Pop3Dialogue, wanted: list[Listed]
    ) -> AsyncGenerator[tuple[Listed, ContentWriter], None]:
        """Yield each message with its whole body; end early when the session is asked to stop."""
        parts = dialogue.retrieve(
            wanted, window_octets=self._settings.window_size, window_messages=self._settings.window_messages
        )
        writer: ContentWriter | None = None
        try:
            async for part in parts:
                if part.data or (part.last and not part.refusal and part.message.size_octets == 0):
                    writer = writer or await self._tools.store.new_content()
                    await writer.write(part.data)
                if not part.last:
                    continue
                if part.refusal:
                    self._skip(part.message.uid, f"the server refuses it: {part.refusal}")
                elif writer is None:
                    self._skip(part.message.uid, "the server sent nothing for it")
                else:
                    whole, writer = writer, None
                    yield part.message, whole
                if self._stopping.is_set():
                    # Bodies that were asked for are still coming: the connection is of no more use, and without
                    # QUIT the server deletes nothing (RFC 1939 section 6).
                    self._result.another = False
                    return
        finally:
            if writer is not None:
                await writer.abandon()  # cut in the middle: never delivered as if it were whole
            await parts.aclose()

    async def _commit(self, message: Listed, writer: ContentWriter, known: LedgerRow | None) -> None:
        tools, account = self._tools, self._account
        draft = await writer.finish()
        now = tools.clock.now()
        if known is not None and known.sha256 == draft.sha256:
            # Its deletion was confirmed, yet the server lists it again with the same octets: not a new message.
            await tools.store.discard(draft)
            step = TraceStep(now, Stage.RECOGNISED, "Listed again after its deletion; recognised by its octets")
            await tools.store.settle_known(account.name, message.uid, step=step)
            return
        look = glance(draft.header)
        new = NewEntry(
            direction=Direction.INBOUND,
            source=Source(account.name, message.uid, self._number, account.host),
            received_at=now,
            glance=look,
            trace=(_fetched(account, message, now, draft.size_octets),),
        )
        try:
            entry = await tools.acceptor.accept(draft, new)
        except StoreError:
            await tools.store.discard(draft)  # on a full disk, a body that nobody owns is the last thing wanted
            raise
        self._result.entries.append(entry.id)
        self._nth += 1
        tools.publisher.publish(
            MessageFetched(
                session=self._number,
                account=account.name,
                entry=entry_name(entry.id),
                uid=message.uid,
                from_=look.from_,
                subject=look.subject,
                size_octets=draft.size_octets,
                nth=self._nth,
                of=self._result.new,
            )
        )

    async def _acknowledge(self, dialogue: Pop3Dialogue, listed: list[Listed], before: Mapping[str, LedgerRow]) -> None:
        """Delete at the provider what the policy covers, and count it only when QUIT was answered.

        `before` is the ledger as it was when the session began.
        """
        account, tools = self._account, self._tools
        if account.delete is DeletePolicy.DELIVERED and not self._result.another:
            rows = (before.get(one.uid) for one in listed)
            earlier = [row.entry_id for row in rows if row is not None and row.state is LedgerState.TAKEN]
            await self._wait_for_deliveries([*earlier, *self._result.entries])
        ledger = await tools.store.ledger(account.name)
        now = tools.clock.now()
        agreed = await dialogue.delete([one for one in listed if self._may_delete(ledger.get(one.uid), now)])
        if await dialogue.quit():
            step = TraceStep(tools.clock.now(), Stage.DELETED, "Deleted at the provider")
            await tools.store.mark_deleted(account.name, [one.uid for one in agreed], step=step)
            self._result.deleted = len(agreed)
        elif agreed:
            self._result.error = "QUIT was not confirmed: the deletions are repeated in the next session"
            self._result.error_class = ErrorClass.PROTOCOL

    async def _wait_for_deliveries(self, entries: list[int]) -> None:
        """Give the last deliveries their time, unless the session is asked to stop."""
        async with asyncio.TaskGroup() as group:
            settled = self._tools.acceptor.wait_settled(entries, timeout=self._settings.settle_wait)
            waits = [group.create_task(settled), group.create_task(self._stopping.wait())]
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            for wait in waits:
                wait.cancel()

    def _may_delete(self, known: LedgerRow | None, now: datetime) -> bool:
        if known is None or now < known.first_seen + self._account.delete_after:
            return False
        match self._account.delete:
            case DeletePolicy.NEVER:
                return False
            case DeletePolicy.SPOOLED:
                return True
            case DeletePolicy.DELIVERED:
                return known.state is not LedgerState.TAKEN

    def _skip(self, uid: str, reason: str) -> None:
        self._result.skipped.append(uid)
        self._tools.publisher.publish(
            MessageSkipped(session=self._number, account=self._account.name, uid=uid, reason=reason)
        )


def _fetched(account: Account, message: Listed, now: datetime, size_octets: int) -> TraceStep:
    return TraceStep(
        now,
        Stage.FETCHED,
        f"Fetched from account {account.name} at {account.host} and stored safely ({size_octets} octets)",
        f"UID {message.uid}",
    )
