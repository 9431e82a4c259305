"""What happens to fetched mail, step by step: who sent it, who gets it, what is added to its header.

Further checks (virus, spam, rules) join this list; each is a step that reads the header or asks a port, and says what
it found in the trace.
"""

import socket
from dataclasses import dataclass

from mailgate.mime.decode import glance
from mailgate.mime.headers import split_header
from mailgate.model.entry import QueueEntry
from mailgate.model.errors import UnknownError
from mailgate.model.settings import Account, Config
from mailgate.model.verdict import Disposition, Stage, TraceStep
from mailgate.policy.inbound_headers import incoming_edit
from mailgate.policy.recipients import RoutingTable
from mailgate.policy.routing import Routing, envelope_sender, route
from mailgate.ports.clock import Clock


@dataclass(frozen=True, slots=True)
class _Office:
    """What the steps look up; swapped as one when the configuration changes."""

    accounts: dict[str, Account]
    table: RoutingTable
    rename_delivered_to: bool


class InboundPipeline:
    """The Processor for fetched mail."""

    def __init__(self, config: Config, *, clock: Clock, hostname: str = "") -> None:
        self._clock = clock
        self._hostname = hostname or socket.gethostname()
        self._office = _office(config)

    def configure(self, config: Config) -> None:
        """Put a new configuration in force for what comes from now on.

        Raises:
            AddressError: a recipient's address is none; `config.check` finds that before.
        """
        self._office = _office(config)

    async def process(self, entry: QueueEntry, header: bytes) -> Disposition:
        """Return what is to become of `entry`; its account may have been removed meanwhile."""
        office = self._office
        account = office.accounts.get(entry.source.account) or _former(entry.source.account)
        head, _, _ = split_header(header)
        routing = route(head, office.table.for_account(account))
        now = self._clock.now()
        evidence = f"{routing.evidence}  [{routing.codes}]" if routing.codes else routing.evidence
        steps = [TraceStep(now, Stage.ROUTED, routing.sentence, evidence)]
        look = glance(head)
        sender = envelope_sender(head)
        if routing.park:
            steps.append(TraceStep(now, Stage.PARKED, f"Nobody to go to: {routing.sentence}"))
            return Disposition(sender, (), look, entry.edit, tuple(steps), park=routing.park)
        edit = incoming_edit(
            head,
            entry_name=entry.name,
            account=account,
            recipients=routing.recipients,
            codes=routing.codes,
            received_at=entry.received_at,
            host=entry.source.host,
            hostname=self._hostname,
            rename_delivered_to=office.rename_delivered_to,
        )
        if edit.rename:
            names = ", ".join(f"{one.name}: {one.value}" for one in edit.rename)
            text = "Delivered-To names our recipient and was renamed, or the internal server could take it for a loop"
            steps.append(TraceStep(now, Stage.EDITED, text, names))
        return Disposition(sender, routing.recipients, look, edit, tuple(steps), codes=routing.codes)

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
    return _Office(accounts, RoutingTable(config.recipients), config.delivery.rename_delivered_to)


def _former(name: str) -> Account:
    """Return a stand-in for an account that the configuration no longer has: its mail is routed by the rest."""
    return Account(name=name, host="-", user="-", password="env:-")  # noqa: S106 a reference that is never looked up
