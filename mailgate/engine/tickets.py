"""Requests for sessions, and how far they are: what `fetch --wait` and a progress bar ask for."""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

from mailgate.intake.fetch.tools import LeftMessage, SessionResult
from mailgate.model.errors import UnknownError

KEPT: Final = 100


@dataclass(slots=True)
class Ticket:
    """One request: the accounts that still have to end their pass, and what came of the others.

    `recognised` counts messages that were known under another UID. `finishing` waits for the deliveries.
    """

    id: int
    accounts: tuple[str, ...]
    remaining: set[str] = field(default_factory=set)
    entries: list[int] = field(default_factory=list)
    listed_of: dict[str, int] = field(default_factory=dict)
    new: int = 0
    deleted: int = 0
    left_of: dict[tuple[str, str], LeftMessage] = field(default_factory=dict)
    recognised: int = 0
    errors: list[str] = field(default_factory=list)
    passes_over: asyncio.Event = field(default_factory=asyncio.Event)
    quiet: asyncio.Event = field(default_factory=asyncio.Event)
    finishing: asyncio.Task[None] | None = None

    @property
    def skipped(self) -> int:
        """How many messages stay at the provider."""
        return len(self.left_of)

    @property
    def left(self) -> list[LeftMessage]:
        """The messages that stay at the provider since they cannot be taken, each once."""
        return list(self.left_of.values())

    @property
    def listed(self) -> int:
        """How many messages the mailboxes held, all together."""
        return sum(self.listed_of.values())

    def add(self, result: SessionResult) -> None:
        """Count in what one session did; the sessions of one pass list the same mailbox, and the first holds most."""
        self.entries += result.entries
        self.listed_of[result.account] = max(self.listed_of.get(result.account, 0), result.listed)
        self.new += len(result.entries)
        self.deleted += result.deleted
        self.recognised += result.recognised
        self.left_of |= {(one.account, one.uid): one for one in result.skipped.values()}
        if result.error:
            self.errors.append(f"{result.account}: {result.error}")

    def pass_over(self, account: str) -> None:
        """Note that an account's pass has ended."""
        self.remaining.discard(account)
        if not self.remaining:
            self.passes_over.set()

    def end(self) -> None:
        """Let go of the request as it stands: nobody is kept waiting for it any more."""
        self.remaining.clear()
        self.passes_over.set()
        self.quiet.set()
        if self.finishing is not None:
            self.finishing.cancel()


class Tickets:
    """The latest requests, by number; beyond `KEPT` one that is done goes first."""

    def __init__(self) -> None:
        self._next = 1
        self._held: OrderedDict[int, Ticket] = OrderedDict()

    def issue(self, accounts: tuple[str, ...]) -> Ticket:
        """Return a new ticket for `accounts`."""
        ticket = Ticket(self._next, accounts, set(accounts))
        if not accounts:
            ticket.passes_over.set()
        self._next += 1
        self._held[ticket.id] = ticket
        while len(self._held) > KEPT:
            ended = (one for one in self._held.values() if one.quiet.is_set())
            self._held.pop(next(ended, next(iter(self._held.values()))).id).end()
        return ticket

    def get(self, number: int) -> Ticket:
        """Return a ticket.

        Raises:
            UnknownError: no such ticket, or it is too old.
        """
        ticket = self._held.get(number)
        if ticket is None:
            raise UnknownError(f"there is no request {number} for sessions any more")
        return ticket

    def all(self) -> list[Ticket]:
        """Return the tickets that are kept, the oldest first."""
        return list(self._held.values())

    def waiting_for(self, account: str) -> list[Ticket]:
        """Return the tickets that wait for this account's pass."""
        return [ticket for ticket in self._held.values() if account in ticket.remaining]
