"""What happens to fetched mail, step by step: who sent it, who gets it, what is added to its header, is it a loop.

Further checks (virus, spam, rules) join this list; each is a step that reads the header or asks a port, and says what
it found in the trace.
"""

import hashlib
import socket
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import timedelta

from mailgate.mime.headers import split_header
from mailgate.model.entry import EntryRecipient, ParkReason, QueueEntry
from mailgate.model.errors import UnknownError
from mailgate.model.message import HeaderEdit
from mailgate.model.routing_options import Fallback
from mailgate.model.settings import Account, Config
from mailgate.model.source import Direction
from mailgate.model.verdict import Disposition, Stage, TraceStep
from mailgate.policy.copies import copy_key, is_a_copy, may_have_copies, merged, partly_merged
from mailgate.policy.inbound_headers import incoming_edit, notice_edit
from mailgate.policy.loops import find_loop
from mailgate.policy.recipients import RoutingTable
from mailgate.policy.routing import Routing, envelope_sender, route
from mailgate.policy.search import Code
from mailgate.ports.clock import Clock
from mailgate.ports.store import Store


@dataclass(frozen=True, slots=True)
class _Office:
    """What the steps look up; swapped as one when the configuration changes."""

    accounts: dict[str, Account]
    table: RoutingTable
    rename_delivered_to: bool
    merge_window: timedelta

    def account_of(self, entry: QueueEntry) -> Account:
        return self.accounts.get(entry.source.account) or _former(entry.source.account)


class InboundPipeline:
    """The Processor for fetched mail. `loop_key` is the installation's own, for `policy.loops`.

    Without a store no message is told to be a copy of another.
    """

    def __init__(
        self, config: Config, *, clock: Clock, loop_key: bytes, hostname: str = "", store: Store | None = None
    ) -> None:
        self._copies = store
        self.loop_key = loop_key
        self._clock = clock
        self.hostname = hostname or socket.gethostname()
        self._office = _office(config)

    def configure(self, config: Config) -> None:
        """Put a new configuration in force for what comes from now on.

        Raises:
            AddressError: a recipient's address is none; `config.check` finds that before.
        """
        self._office = _office(config)

    async def process(self, entry: QueueEntry, header: bytes) -> Disposition:
        """Return what is to become of `entry`, once other copies of the same message were looked for."""
        disposition, maybe_a_copy = self._judge(entry, header)
        if self._copies is None or not maybe_a_copy:
            return disposition
        return await self._merge(self._copies, entry, header, disposition)

    def at_once(self, entry: QueueEntry, header: bytes) -> Disposition | None:
        """Return what is to become of `entry`; None when it may be a copy of another one, which the store knows."""
        disposition, maybe_a_copy = self._judge(entry, header)
        return None if self._copies and maybe_a_copy else disposition

    async def _merge(self, copies: Store, entry: QueueEntry, header: bytes, found: Disposition) -> Disposition:
        """Take out those who have the message by another copy; nobody left: it is done."""
        head, start, _ = split_header(header)
        body = hashlib.sha256()
        async with aclosing(copies.read(entry.content, start=start)) as chunks:
            async for chunk in chunks:
                body.update(chunk)
        now = self._clock.now()
        key = copy_key(entry.source.account, entry.glance.message_id, body.hexdigest())
        held = await copies.claim_copy(
            entry.id,
            key,
            [one.address for one in found.recipients],
            since=now - self._office.merge_window,
            step=TraceStep(now, Stage.MERGED, is_a_copy(entry.name)),
        )
        if not held:
            return found
        left = tuple(one for one in found.recipients if one.address not in held)
        into = tuple(sorted(set(held.values())))
        step = TraceStep(now, Stage.MERGED, partly_merged(held) if left else merged(held))
        return replace(
            found,
            recipients=left,
            codes="".join(one.code for one in left),
            edit=self._edit(entry, head, left) if left else found.edit,
            trace=(*found.trace, step),
            merged_into=into,
        )

    def _judge(self, entry: QueueEntry, header: bytes) -> tuple[Disposition, bool]:
        """Return what the header alone says, and whether another copy of the message may be there.

        The account of `entry` may have been removed meanwhile.
        """
        office = self._office
        account = office.account_of(entry)
        head, _, _ = split_header(header)
        table = office.table.for_account(account)
        routing = route(head, table)
        now = self._clock.now()
        evidence = f"{routing.evidence}  [{routing.codes}]" if routing.codes else routing.evidence
        steps = [TraceStep(now, Stage.ROUTED, routing.sentence, evidence)]
        look = entry.glance
        sender = envelope_sender(head)
        if routing.park:
            steps.append(TraceStep(now, Stage.PARKED, f"Nobody to go to: {routing.sentence}"))
            tell = routing.fallback is Fallback.NOTIFY_SENDER
            parked = Disposition(sender, (), look, entry.edit, tuple(steps), park=routing.park, notify_sender=tell)
            return parked, False
        edit = self._edit(entry, head, routing.recipients)
        if routing.fallback is Fallback.NOTICE:
            edit = replace(edit, wrap=True)
        if edit.rename:
            names = ", ".join(f"{one.name}: {one.value}" for one in edit.rename)
            text = "Delivered-To names our recipient and was renamed, or the internal server could take it for a loop"
            steps.append(TraceStep(now, Stage.EDITED, text, names))
        addresses = [recipient.address for recipient in routing.recipients]
        loop = find_loop(head, self.loop_key, Direction.INBOUND, addresses)
        if loop:
            steps.append(TraceStep(now, Stage.PARKED, loop))
        park = ParkReason.LOOP if loop else None
        decided = Disposition(sender, routing.recipients, look, edit, tuple(steps), codes=routing.codes, park=park)
        window = bool(office.merge_window) and not park and not edit.wrap
        return decided, window and may_have_copies(routing, table, look.message_id)

    def notice_edit(self, entry: QueueEntry, recipients: Sequence[EntryRecipient]) -> HeaderEdit:
        """Return the edit of a message that MailGate has written to `recipients`; its UID is its kind."""
        return notice_edit(
            kind=entry.source.uid,
            entry_name=entry.name,
            recipients=recipients,
            at=entry.received_at,
            hostname=self.hostname,
            loop_key=self.loop_key,
        )

    def edit_for(self, entry: QueueEntry, header: bytes, recipients: Sequence[EntryRecipient]) -> HeaderEdit:
        """Return the edit of a message that a person sends to `recipients`."""
        return self._edit(entry, split_header(header)[0], recipients)

    def fallback_for(self, entry: QueueEntry) -> tuple[EntryRecipient, bool] | None:
        """Return who gets what has nobody to go to, and whether inside a notice; None: it waits for a person."""
        office = self._office
        table = office.table.for_account(office.account_of(entry))
        if table.fallback is None:
            return None
        return EntryRecipient(table.fallback.address, Code.FALLBACK.value), table.account.fallback is Fallback.NOTICE

    def _edit(self, entry: QueueEntry, head: bytes, recipients: Sequence[EntryRecipient]) -> HeaderEdit:
        if not entry.source.account:
            return self.notice_edit(entry, recipients)
        office = self._office
        return incoming_edit(
            head,
            entry_name=entry.name,
            account=office.account_of(entry),
            recipients=recipients,
            codes="".join(one.code for one in recipients),
            received_at=entry.received_at,
            host=entry.source.host,
            hostname=self.hostname,
            rename_delivered_to=office.rename_delivered_to,
            loop_key=self.loop_key,
        )

    def try_routing(self, account: str, header: bytes) -> Routing:
        """Return where a message with this header would go: the same decision as for live mail.

        Raises:
            UnknownError: there is no such account.
        """
        office = self._office
        found = office.accounts.get(account)
        if found is None:
            names = ", ".join(sorted(office.accounts)) or "none"
            raise UnknownError(f"there is no account called {account!r}; there are: {names}")
        head, _, _ = split_header(header)
        return route(head, office.table.for_account(found))


def _office(config: Config) -> _Office:
    accounts = {account.name: account for account in config.accounts}
    return _Office(
        accounts,
        RoutingTable(config.recipients, config.lists),
        config.delivery.rename_delivered_to,
        config.routing.merge_window,
    )


def _former(name: str) -> Account:
    """Return a stand-in for an account that the configuration no longer has: its mail is routed by the rest."""
    return Account(name=name, host="-", user="-", password="env:-")  # noqa: S106 a reference that is never looked up
