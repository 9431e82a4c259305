"""What happens to fetched mail, step by step: who sent it, who gets it, what is added to its header, is it a loop.

Further checks (virus, spam, rules) join this list; each is a step that reads the header or asks a port, and says what
it found in the trace.
"""

import socket
from collections.abc import Sequence
from dataclasses import dataclass, replace

from mailgate.mime.headers import split_header
from mailgate.model.entry import EntryRecipient, ParkReason, QueueEntry
from mailgate.model.errors import UnknownError
from mailgate.model.message import HeaderEdit
from mailgate.model.routing_options import Fallback
from mailgate.model.settings import Account, Config
from mailgate.model.source import Direction
from mailgate.model.verdict import Disposition, Stage, TraceStep
from mailgate.policy.inbound_headers import incoming_edit, notice_edit
from mailgate.policy.loops import find_loop
from mailgate.policy.recipients import RoutingTable
from mailgate.policy.routing import Routing, envelope_sender, route
from mailgate.policy.search import Code
from mailgate.ports.clock import Clock


@dataclass(frozen=True, slots=True)
class _Office:
    """What the steps look up; swapped as one when the configuration changes."""

    accounts: dict[str, Account]
    table: RoutingTable
    rename_delivered_to: bool

    def account_of(self, entry: QueueEntry) -> Account:
        return self.accounts.get(entry.source.account) or _former(entry.source.account)


class InboundPipeline:
    """The Processor for fetched mail. `loop_key` is the installation's own, for `policy.loops`."""

    def __init__(self, config: Config, *, clock: Clock, loop_key: bytes, hostname: str = "") -> None:
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
        """Return what is to become of `entry`."""
        return self.at_once(entry, header)

    def at_once(self, entry: QueueEntry, header: bytes) -> Disposition:
        """Return what is to become of `entry`; its account may have been removed meanwhile."""
        office = self._office
        account = office.account_of(entry)
        head, _, _ = split_header(header)
        routing = route(head, office.table.for_account(account))
        now = self._clock.now()
        evidence = f"{routing.evidence}  [{routing.codes}]" if routing.codes else routing.evidence
        steps = [TraceStep(now, Stage.ROUTED, routing.sentence, evidence)]
        look = entry.glance
        sender = envelope_sender(head)
        if routing.park:
            steps.append(TraceStep(now, Stage.PARKED, f"Nobody to go to: {routing.sentence}"))
            tell = routing.fallback is Fallback.NOTIFY_SENDER
            return Disposition(sender, (), look, entry.edit, tuple(steps), park=routing.park, notify_sender=tell)
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
        return Disposition(sender, routing.recipients, look, edit, tuple(steps), codes=routing.codes, park=park)

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
    return _Office(accounts, RoutingTable(config.recipients, config.lists), config.delivery.rename_delivered_to)


def _former(name: str) -> Account:
    """Return a stand-in for an account that the configuration no longer has: its mail is routed by the rest."""
    return Account(name=name, host="-", user="-", password="env:-")  # noqa: S106 a reference that is never looked up
