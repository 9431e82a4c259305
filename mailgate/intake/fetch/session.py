"""One download session: list, skip what is known, take, commit, acknowledge.

Promise 1 lives here: DELE is sent only for messages that the deletion policy covers (`spec` A1b), and a UID is in the
ledger before that, marked as one whose deletion was asked for. A cut at any await leaves each message at the provider,
in the queue, or both.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from mailgate.intake.fetch.choosing import choose
from mailgate.intake.fetch.downloading import Download
from mailgate.intake.fetch.identity import Identity
from mailgate.intake.fetch.mailbox import ProviderMailbox
from mailgate.intake.fetch.opening import reached
from mailgate.intake.fetch.oversize import delete_doomed, look_at_large
from mailgate.intake.fetch.pop3 import Listed
from mailgate.intake.fetch.tools import LeftMessage, SessionResult, Tools
from mailgate.intake.fetch.undeleted import Undeleted
from mailgate.model.errors import ErrorClass, MailgateError, PipelineLostError, StoreError
from mailgate.model.events import MailboxRenumbered, MessageSkipped, SessionEnded, SessionListed, SessionStarted
from mailgate.model.imap_options import ProviderCopy
from mailgate.model.settings import Account, DeletePolicy, FetchSettings
from mailgate.model.verdict import Stage, TraceStep
from mailgate.policy.session_limits import of_account
from mailgate.ports.stages import OversizePlan
from mailgate.wire.errors import WireError

log = logging.getLogger(__name__)

ENDS_BORNE: Final = 2
"""Times in a row that a connection may end in the middle of a message before the others are taken without it."""

PIPELINING_AGAIN: Final = timedelta(days=30)
"""So long a host is served without pipelining once it has lost a command: it may have been mended since."""


class FetchSession:
    """One session on one mailbox. `stopping` asks it to end after the message it is at.

    `leave` are UIDs that this pass could not take, `told` what an earlier pass had to leave and has told of; `ended_at`
    says of UIDs how many times in a row the connection has ended in the middle of their messages. `room` is how many
    messages the pass may still take, None without a limit. `one_at_a_time`: no command is sent ahead, since the
    session before has shown that the server loses them; when this one gets through, that is remembered for the host.
    """

    def __init__(
        self,
        account: Account,
        settings: FetchSettings,
        tools: Tools,
        *,
        number: int,
        stopping: asyncio.Event,
        leave: frozenset[str] = frozenset(),
        told: Mapping[str, LeftMessage] | None = None,
        ended_at: Mapping[str, int] | None = None,
        room: int | None = None,
        one_at_a_time: bool = False,
    ) -> None:
        self._account = account
        self._settings = of_account(account, settings)
        self._tools = tools
        self._number = number
        self._stopping = stopping
        self._leave = leave
        self._told = told or {}
        self._ended_at = ended_at or {}
        self._room = room
        self._one_at_a_time = one_at_a_time
        self._result = SessionResult(number, account.name)
        self._deleted: list[str] = []  # UIDs whose deletion was confirmed
        self._has_listed = False
        self._dialogue: ProviderMailbox | None = None

    @property
    def progress(self) -> tuple[int, int]:
        """Reads of the connection that brought something, and messages taken: while neither grows, nothing moves."""
        return self._dialogue.reads if self._dialogue else 0, len(self._result.entries)

    async def run(self) -> SessionResult:
        """Do the session and return what it did.

        A failure of the provider or of the line is in the result, never raised.
        """
        account, publisher = self._account, self._tools.publisher
        started = self._tools.clock.monotonic()
        publisher.publish(SessionStarted(session=self._number, account=account.name, host=account.host))
        result = self._result
        try:
            await self._converse()
        except MailgateError as exc:
            result.error, result.error_class = str(exc), exc.error_class
            result.store_failed = exc if isinstance(exc, StoreError) else None
        except Exception as exc:
            log.exception("a session of account %s failed", account.name)
            result.error, result.error_class = f"{type(exc).__name__}: {exc}", ErrorClass.INTERNAL
        if result.error or result.stopped:
            result.another = False
        if result.recognised:
            publisher.publish(
                MailboxRenumbered(session=self._number, account=account.name, recognised=result.recognised)
            )
        for uid, left in result.skipped.items():
            if self._told.get(uid) != left:
                publisher.publish(
                    MessageSkipped(session=self._number, account=account.name, uid=uid, reason=left.reason)
                )
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
                connecting_to="" if self._has_listed else account.host,
            )
        )
        return result

    async def _converse(self) -> None:
        account, settings, tools = self._account, self._settings, self._tools
        password = await tools.secrets.get(account.password)
        self._result.mark = tools.mark(account, password)
        pipelining = not self._one_at_a_time and await self._may_pipeline()
        dialogue = await reached(account, settings, tools, pipelining=pipelining, mark=self._result.mark)
        try:
            self._dialogue = dialogue
            await dialogue.open(account, password)
            self._result.logged_in = True
            most = settings.backoff_max.total_seconds()  # whatever the server says
            self._result.login_delay_s = min(dialogue.login_delay_s, most)
            await self._work_through(dialogue)
            if self._one_at_a_time:
                await tools.store.put_value(self._pipelining_key, tools.clock.now().isoformat())
        except PipelineLostError as exc:
            log.warning("account %s: %s", account.name, exc)
            self._result.another = self._result.pipeline_lost = True
        finally:
            await dialogue.close()

    @property
    def _pipelining_key(self) -> str:
        return f"pipelining-lost.{self._account.host}"

    async def _may_pipeline(self) -> bool:
        lost = await self._tools.store.value(self._pipelining_key)
        return lost is None or self._tools.clock.now() > datetime.fromisoformat(lost) + PIPELINING_AGAIN

    async def _work_through(self, dialogue: ProviderMailbox) -> None:
        """List, take, acknowledge; from the login to QUIT."""
        tools, result, name = self._tools, self._result, self._account.name
        listed = await dialogue.list_messages()
        identity = Identity(self._account, tools, dialogue, listed)
        await identity.know_the_mailbox()
        now = tools.clock.now()
        comparison = await tools.store.compare(
            name, [one.uid for one in listed], now=now, remember=self._settings.remember
        )
        same = await identity.same_as_before(comparison, now)
        result.came_back += identity.came_back
        passed_over = frozenset(uid for uid, times in self._ended_at.items() if times >= ENDS_BORNE)
        leave = self._leave | same | passed_over
        plan = await tools.oversize.plan(self._account)
        choice = choose(
            listed, comparison, self._settings, plan=plan, leave=leave, last=self._ended_at, room=self._room
        )
        await look_at_large(name, dialogue, choice.oversize, plan, tools.oversize)
        self._say_what_is_left(listed, choice.oversize, plan, passed_over, dialogue.nameless)
        result.listed, result.new, result.another = len(listed), choice.fresh, choice.another
        self._has_listed = True
        tools.publisher.publish(
            SessionListed(
                session=self._number,
                account=name,
                messages=len(listed),
                new=choice.fresh,
                size_octets=sum(one.size_octets for one in listed),
                host=self._account.host,
            )
        )
        download = Download(
            account=self._account,
            settings=self._settings,
            plan=plan,
            tools=tools,
            number=self._number,
            result=result,
            stopping=self._stopping,
            doubtful=comparison.doubtful,
            gone=await identity.renumbered(comparison, now),
            of=choice.fresh,
        )
        if await download.run(dialogue, choice.wanted):
            if result.uids and not await dialogue.in_step():
                await self._doubt()
            if download.gone and not result.another:
                await identity.all_known()
            undeleted = Undeleted(name, tools.store)
            result.keeps = await undeleted.note(
                result.came_back, now, deletes=self._account.delete is not DeletePolicy.NEVER
            )
            await self._acknowledge(dialogue, listed, comparison.open_entries, plan)
            if self._deleted:
                await undeleted.deleted(self._deleted)

    async def _doubt(self) -> None:
        """Trust no UID that was taken here: each may stand for the message before it, and the last one be missing.

        Answers bear no names, so a whole one too many shifts the others. What is fetched again is compared by its octets;
        what stood under a wrong UID comes twice, which is better than never (promise 3).

        Raises:
            WireError: always, so that nothing is deleted.
        """
        await self._tools.store.doubt(self._account.name, self._result.uids, now=self._tools.clock.now())
        raise WireError("the server has lost count of its answers: what came is fetched again and compared")

    def _say_what_is_left(
        self,
        listed: Sequence[Listed],
        oversize: Sequence[Listed],
        plan: OversizePlan,
        passed_over: frozenset[str],
        nameless: Sequence[int],
    ) -> None:
        name, decided = self._account.name, plan.wanted | plan.left | plan.doomed.keys()
        found = [
            LeftMessage(
                name,
                one.uid,
                one.size_octets,
                f"it has {one.size_octets} octets, more than may be fetched ({plan.limit})",
            )
            for one in oversize
            if one.uid not in decided and one.uid not in self._leave
        ]
        why = "the connection ended in the middle of it each time, or it is larger than listed; it is tried again in hours"
        found += [LeftMessage(name, one.uid, one.size_octets, why) for one in listed if one.uid in passed_over]
        why = "it has no UID and TOP is refused, so that it cannot be told from others"
        found += [LeftMessage(name, f"message {number}", 0, why) for number in nameless]
        self._result.skipped |= {one.uid: one for one in found}

    # -- the end

    async def _acknowledge(
        self, dialogue: ProviderMailbox, listed: Sequence[Listed], open_before: Sequence[int], plan: OversizePlan
    ) -> None:
        """Delete at the provider what the policy covers, and count it only when QUIT was answered."""
        account, tools = self._account, self._tools
        if account.delete is DeletePolicy.DELIVERED and not self._result.another:
            await self._wait_for_deliveries([*open_before, *self._result.entries])
        await tools.store.make_durable(account.name)
        agreed = await self._delete(dialogue, listed)
        doomed, stays = await delete_doomed(dialogue, listed, plan)
        name = account.name
        self._result.skipped |= {one.uid: LeftMessage(name, one.uid, one.size_octets, why) for one, why in stays}
        if await dialogue.quit():
            if doomed:
                await tools.oversize.deleted(account.name, doomed)
            uids = [one.uid for one in agreed]
            if account.after is ProviderCopy.SEEN:
                await tools.store.leave_alone(account.name, uids)
                return
            said = "Moved to another folder" if account.after is ProviderCopy.MOVE else "Deleted"
            step = TraceStep(tools.clock.now(), Stage.DELETED, f"{said} at the provider")
            await tools.store.mark_deleted(account.name, uids, step=step)
            self._result.deleted, self._deleted = len(uids), uids
        elif agreed or doomed:
            self._result.error = "QUIT was not confirmed: the deletions are repeated in the next session"
            self._result.error_class = ErrorClass.PROTOCOL

    async def _delete(self, dialogue: ProviderMailbox, listed: Sequence[Listed]) -> Sequence[Listed]:
        """Mark messages as deleted at the provider, once the ledger says that this was asked for; return them."""
        account, store = self._account, self._tools.store
        if account.delete is DeletePolicy.NEVER or account.after is ProviderCopy.LEAVE or not listed:
            return ()
        may_go = await store.deletable(
            account.name,
            seen_before=self._tools.clock.now() - account.delete_after,
            even_open=account.delete is DeletePolicy.SPOOLED,
        )
        here = {one.uid: one for one in listed} if may_go else {}
        marked = await store.mark_deleting(account.name, [uid for uid in may_go if uid in here])
        agreed = await dialogue.delete([one for one in listed if one.uid in marked])
        refused = marked.difference(one.uid for one in agreed)
        await store.settle_known(account.name, refused, step=None)
        return agreed

    async def _wait_for_deliveries(self, entries: list[int]) -> None:
        """Give the last deliveries their time, unless the session is asked to stop."""
        if not entries:
            return
        async with asyncio.TaskGroup() as group:
            settled = self._tools.acceptor.wait_settled(entries, timeout=self._settings.settle_wait)
            waits = [group.create_task(settled), group.create_task(self._stopping.wait())]
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            for wait in waits:
                wait.cancel()
