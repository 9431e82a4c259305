"""Tools of routing: trying it, teaching it by an unrouted message, and what a provider's headers are good for.

All of them decide by `policy.routing.route`, as live mail does.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from mailgate.config.editing import Change
from mailgate.engine.at_provider import AtProvider
from mailgate.engine.configuring import Changed, Configuring
from mailgate.engine.parked import Act, ParkedMessages
from mailgate.mime.headers import split_header
from mailgate.model.entry import EntryState, ParkReason, QueueEntry
from mailgate.model.errors import ConflictError, ContentLostError, MailgateError, UnknownError
from mailgate.model.settings import Config
from mailgate.policy.capability import Capability, capability
from mailgate.policy.recipients import AccountTable, RoutingTable
from mailgate.policy.routing import Routing, envelope_sender, route
from mailgate.policy.teaching import Lesson, Suggestion, suggestions, taught
from mailgate.ports.store import MessageFilter, Store

NEWEST: Final = 500  # messages that are looked at
HEADER_OCTETS: Final = 262_144  # as much of each as live mail is judged by


@dataclass(frozen=True, slots=True)
class Caught:
    """A message that a lesson would have led, and where it went, and would go."""

    entry: QueueEntry
    before: tuple[str, ...]
    after: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Preview:
    """What a lesson would do. `caught` are other messages of the last ones that it would lead elsewhere, newest first.

    `routing` is what becomes of the message itself. `looked_at` could be read; of `unreadable` the body is not kept.
    """

    routing: Routing
    caught: tuple[Caught, ...]
    looked_at: int
    unreadable: int


@dataclass(frozen=True, slots=True)
class Taught:
    """What teaching came to: the change, the messages that were routed by it, and those that could not be, with why."""

    changed: Changed
    routed: tuple[str, ...]
    refused: tuple[tuple[str, MailgateError], ...]


@dataclass(frozen=True, slots=True)
class Report:
    """What an account's last messages show. `unattributed` of `messages` had nobody to go to."""

    account: str
    messages: int
    unreadable: int
    unattributed: int
    capability: Capability


class Tables:
    """The routing tables of one configuration."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._table = RoutingTable(config.recipients, config.lists)

    def of(self, name: str) -> AccountTable:
        """Return the table of the account called `name`.

        Raises:
            UnknownError: there is none.
        """
        account = self._config.account(name)
        if account is None:
            names = ", ".join(sorted(one.name for one in self._config.accounts)) or "none"
            raise UnknownError(f"there is no account called {name!r}; there are: {names}")
        return self._table.for_account(account)


class Learning:
    """The tools. `configuring` writes what is taught."""

    def __init__(
        self,
        store: Store,
        configuring: Configuring,
        parked: ParkedMessages,
        at_provider: AtProvider,
        wanted: Callable[[], Config],
    ) -> None:
        self._store = store
        self._configuring = configuring
        self._parked = parked
        self._at_provider = at_provider
        self._wanted = wanted

    # -- try routing

    async def try_message(
        self,
        name: str,
        header: bytes,
        *,
        account: str = "",
        uid: str = "",
        number: int = 0,
        settings: Mapping[str, Any] | None = None,
    ) -> Routing:
        """Return where a stored message, or one with this header, would go today; nothing is delivered.

        `account` is the one that it would come from; without it that of the stored message, or the only one there is.
        With `uid`, or with `number` from 1, it is a message in the account's mailbox at the provider.
        `settings` of the account are tried as if they were set.

        Raises:
            UnknownError: no such message or account.
            ConflictError: the body is not kept any more; or the mailbox cannot be looked into.
            FaultyChangeError: the configuration would have faults with `settings`.
        """
        if name:
            entry, header = await self._header(name)
            account = account or entry.source.account
        config = self._wanted()
        if not account and len(config.accounts) == 1:
            account = config.accounts[0].name
        if uid or number:
            header = await self._at_provider.header(account, uid=uid, number=number)
        if settings:
            config = await self._configuring.tried((Change("accounts", account, settings),))
        return route(split_header(header)[0], Tables(config).of(account))

    # -- teach

    async def suggestions(self, name: str) -> tuple[QueueEntry, tuple[Suggestion, ...]]:
        """Return what a message offers to be led by; raises as `try_message` does."""
        entry, header = await self._header(name)
        table = Tables(self._wanted()).of(entry.source.account)
        return entry, suggestions(header, table, envelope_sender(header))

    async def preview(self, name: str, lesson: Lesson) -> Preview:
        """Return what a lesson would do with this message and with the last ones; nothing is written.

        Raises:
            FaultyChangeError: the configuration would have faults.
            UnknownError: no such message or recipient.
            ConflictError: the body is not kept, or the lesson says nothing.
        """
        entry, header = await self._header(name)
        config = self._wanted()
        tried = await self._configuring.tried(taught(config, lesson, config.account(entry.source.account)))
        old, new = Tables(config), Tables(tried)
        caught: list[Caught] = []
        readable, unreadable = await self._last("")
        for other, head in readable:
            if other.id == entry.id or config.account(other.source.account) is None:
                continue
            before = _addresses(route(head, old.of(other.source.account)))
            after = _addresses(route(head, new.of(other.source.account)))
            if before != after:
                caught.append(Caught(other, before, after))
        routing = route(header, new.of(entry.source.account))
        return Preview(routing, tuple(caught), len(readable), unreadable)

    async def teach(self, name: str, lesson: Lesson, *, others: bool, by: str, revision: str = "") -> Taught:
        """Write a lesson into the configuration, and send the message on by it; with `others` all that wait as unrouted.

        Raises:
            ConflictError: the message itself would still have nobody to go to; or as `Configuring.change` raises.
            FaultyChangeError, UnknownError: as for `preview`.
        """
        seen = await self.preview(name, lesson)
        if seen.routing.park is not None:
            raise ConflictError(f"{name} would still have nobody to go to. {seen.routing.sentence}")
        config = self._wanted()
        entry = await self._parked.message(name)
        edits = taught(config, lesson, config.account(entry.source.account))
        changed = await self._configuring.apply(edits, by=by, revision=revision)
        names = [name] if _waits(entry) else []
        if others:
            names += [one.entry.name for one in seen.caught if _waits(one.entry) and one.after]
        decided = await self._parked.act_on(tuple(names), Act.RETRY, by=by)
        return Taught(changed, decided.done, decided.refused)

    # -- the capability report

    async def report(self, name: str) -> Report:
        """Return what the last messages of an account show.

        Raises:
            UnknownError: there is no such account.
        """
        table = Tables(self._wanted()).of(name)
        readable, unreadable = await self._last(table.account.name)
        entries, _ = await self._store.messages(MessageFilter(account=table.account.name), before=None, limit=NEWEST)
        lost = sum(1 for one in entries if not one.recipients and one.park_reason is ParkReason.UNROUTED)
        return Report(
            table.account.name, len(entries), unreadable, lost, capability([head for _, head in readable], table)
        )

    # -- reading

    async def _header(self, name: str) -> tuple[QueueEntry, bytes]:
        entry = await self._parked.message(name)
        header = await self._read(entry)
        if header is None:
            raise ConflictError(f"the body of {entry.name} is not kept any more: only its path is")
        return entry, header

    async def _last(self, account: str) -> tuple[Sequence[tuple[QueueEntry, bytes]], int]:
        """Return the newest messages with their headers, and of how many there is none any more."""
        entries, _ = await self._store.messages(MessageFilter(account=account), before=None, limit=NEWEST)
        readable: list[tuple[QueueEntry, bytes]] = []
        for entry in entries:
            header = await self._read(entry) if entry.source.account else None
            if header:
                readable.append((entry, header))
        return readable, len(entries) - len(readable)

    async def _read(self, entry: QueueEntry) -> bytes | None:
        try:
            return split_header(await self._store.header(entry.content, limit=HEADER_OCTETS))[0]
        except ContentLostError:
            return None


def _addresses(routing: Routing) -> tuple[str, ...]:
    return tuple(str(one.address) for one in routing.recipients)


def _waits(entry: QueueEntry) -> bool:
    return entry.state is EntryState.PARKED and entry.park_reason is ParkReason.UNROUTED
