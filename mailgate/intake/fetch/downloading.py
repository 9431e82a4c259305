"""The download of a session's messages: each streams into the store, and is committed beside the next ones' arrival."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from mailgate.intake.fetch.choosing import max_octets
from mailgate.intake.fetch.mailbox import ProviderMailbox
from mailgate.intake.fetch.pop3 import Listed
from mailgate.intake.fetch.tools import LeftMessage, SessionResult, Tools
from mailgate.mime.decode import glance
from mailgate.mime.header_hash import header_hash
from mailgate.mime.headers import split_header
from mailgate.model.entry import entry_name
from mailgate.model.errors import ConnectError, StoreError
from mailgate.model.events import MessageFetched
from mailgate.model.settings import Account, FetchSettings
from mailgate.model.source import Direction, Source
from mailgate.model.verdict import Stage, TraceStep
from mailgate.ports.stages import OversizePlan
from mailgate.ports.store import ContentWriter, DraftContent, LedgerRow, LedgerState, NewEntry
from mailgate.wire.errors import WireError

MAX_COMMITTING: Final = 16
"""Messages that may be on their way to the disk at once: enough to share commits, little enough to hold in memory."""


@dataclass(frozen=True, slots=True)
class Download:
    """One download: what is known of the messages' UIDs, and where results go.

    `doubtful` are rows of UIDs that may stand for another message; `gone` are UIDs that a renumbered mailbox no longer
    lists, by the hash of their message. `of` is how many new messages there are in all.
    """

    account: Account
    settings: FetchSettings
    plan: OversizePlan
    tools: Tools
    number: int
    result: SessionResult
    stopping: asyncio.Event
    doubtful: Mapping[str, LedgerRow]
    gone: Mapping[str, list[str]]
    of: int

    async def run(self, dialogue: ProviderMailbox, wanted: Sequence[Listed]) -> bool:
        """Take each message; False when the dialogue is of no more use, so that nothing can be deleted by it.

        Commits run beside the download, so that they share transactions. Whatever fails, those under way are waited
        for: one that was cut off could be in the store and known to nobody until the next start.
        """
        slots = asyncio.Semaphore(MAX_COMMITTING)
        failures: list[Exception] = []

        async def commit(message: Listed, writer: ContentWriter) -> None:
            try:
                await self._commit(message, writer)
            except Exception as exc:  # noqa: BLE001 raised below, once the others have ended
                failures.append(exc)
            finally:
                slots.release()

        async with asyncio.TaskGroup() as committing:
            try:
                async with contextlib.aclosing(self._bodies(dialogue, wanted)) as bodies:
                    async for message, writer in bodies:
                        await slots.acquire()
                        committing.create_task(commit(message, writer))
                        if failures:
                            break
            except Exception as exc:  # noqa: BLE001 as above
                failures.append(exc)
        if failures:  # a full disk tells more than the connection that broke because of it
            raise next((one for one in failures if isinstance(one, StoreError)), failures[0])
        return not (self.result.stopped or self.result.broken)

    async def _bodies(
        self, dialogue: ProviderMailbox, wanted: Sequence[Listed]
    ) -> AsyncGenerator[tuple[Listed, ContentWriter], None]:
        """Yield each message with its whole body; end early when the session is asked to stop."""
        parts = dialogue.retrieve(
            wanted,
            window_octets=self.settings.window_size,
            window_messages=self.settings.window_messages,
            max_octets=lambda one: max_octets(one, self.plan),
        )
        writer: ContentWriter | None = None
        whole_ones = 0
        try:
            async for part in parts:
                message = part.message
                if part.data or (part.last and not part.refusal and message.size_octets == 0):
                    writer = writer or await self.tools.store.new_content()
                    await writer.write(part.data)
                if not part.last:
                    continue
                whole_ones += 1
                if part.refusal:
                    if writer is not None:  # what came of it must not stand before the next message
                        await writer.abandon()
                        writer = None
                    if part.too_large:
                        self.result.cut.append(message.uid)
                    self._skip(message, part.refusal if part.broken else f"the server refuses it: {part.refusal}")
                elif writer is None:
                    self._skip(message, "the server sent nothing for it")
                else:
                    whole, writer = writer, None
                    yield message, whole
                if part.broken:
                    self.result.broken = self.result.another = True
                    return
                if self.stopping.is_set() and message is not wanted[-1]:
                    # Bodies that were asked for are still coming: the connection is of no more use, and without
                    # QUIT the server deletes nothing (RFC 1939 section 6).
                    self.result.stopped = True
                    return
        except (ConnectError, WireError):
            self.result.ended_at = wanted[whole_ones].uid if whole_ones < len(wanted) else ""
            raise
        finally:
            if writer is not None:
                await writer.abandon()  # cut in the middle: never delivered as if it were whole
            await parts.aclose()

    def _skip(self, message: Listed, reason: str) -> None:
        self.result.skipped[message.uid] = LeftMessage(self.account.name, message.uid, message.size_octets, reason)

    async def _commit(self, message: Listed, writer: ContentWriter) -> None:
        draft = await writer.finish()
        if await self._is_known(message, draft):
            await self.tools.store.discard(draft)
            return
        tools, account = self.tools, self.account
        now = tools.clock.now()
        header = split_header(draft.header)[0]  # once: what looks at fields keeps them by these octets
        look = glance(header)
        new = NewEntry(
            direction=Direction.INBOUND,
            source=Source(account.name, message.uid, self.number, account.host),
            received_at=now,
            glance=look,
            trace=(_fetched(account, message, now, draft.size_octets),),
            header_hash=header_hash(header),
        )
        try:
            entry = await tools.acceptor.accept(draft, new)
        except StoreError:
            await tools.store.discard(draft)  # on a full disk, a body that nobody owns is the last thing wanted
            raise
        self.result.entries.append(entry.id)
        self.result.uids.append(message.uid)
        tools.publisher.publish(
            MessageFetched(
                session=self.number,
                account=account.name,
                entry=entry_name(entry.id),
                uid=message.uid,
                from_=look.from_,
                subject=look.subject,
                size_octets=draft.size_octets,
                nth=len(self.result.entries),
                of=self.of,
            )
        )

    async def _is_known(self, message: Listed, draft: DraftContent) -> bool:
        """Whether this is a message that was taken before, by all of its octets: under this UID, or under another."""
        store, name, now = self.tools.store, self.account.name, self.tools.clock.now()
        known = self.doubtful.get(message.uid)
        if known is not None and known.sha256 == draft.sha256:
            # Its deletion was asked for, or confirmed, yet the server lists it with the same octets.
            step = TraceStep(now, Stage.RECOGNISED, "Listed again after its deletion; recognised by its octets")
            await store.settle_known(name, [message.uid], step=step)
            if known.state is LedgerState.DELETED:
                self.result.came_back.append(message.uid)
            return True
        if earlier := self.gone.get(draft.sha256):
            step = TraceStep(
                now,
                Stage.RECOGNISED,
                "The mailbox was renumbered; recognised by its octets",
                f"UID {message.uid}",
            )
            await store.rename_known(name, earlier.pop(), message.uid, step=step)
            self.result.recognised += 1
            return True
        return False


def _fetched(account: Account, message: Listed, now: datetime, size_octets: int) -> TraceStep:
    return TraceStep(
        now,
        Stage.FETCHED,
        f"Fetched from account {account.name} at {account.host} and stored safely ({size_octets} octets)",
        f"UID {message.uid}",
    )
