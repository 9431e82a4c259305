"""Plays one POP3 fault against a whole engine, heals it, and counts what has arrived."""

import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from mailgate.demo.certificates import DemoCertificates
from mailgate.model.events import MailboxRenumbered, MessageParked, MessageSkipped, SessionEnded
from tests.hostile.connection import HOST
from tests.hostile.faults import Plan
from tests.hostile.letters import ANNA, BEN, Letter, letter, who_came
from tests.hostile.office import ILL, LATE_S, SOON_S, WELL, Office, account, memory_watched, office
from tests.hostile.pop3_peer import HostilePop3, Manner
from tests.hostile.smtp_peer import HostileSmtp

ILL_S: Final = 30.0
"""In what time a pass has to be over, however an ill server behaves."""
SESSION_MS: Final = 12_000
"""... and one session: a small multiple of the timeout of 1 s that counts here; the machine may be busy."""
ROUNDS: Final = 3
"""Sessions that may be needed once the server is well again."""


def three() -> list[Letter]:
    """Return the usual mailbox."""
    return [letter("one"), letter("two"), letter("three")]


def nothing() -> list[Plan]:
    return []


@dataclass(frozen=True, slots=True, kw_only=True)
class Pop3Cell:
    """One fault at one stage, and what has to come of it.

    `expect` is the class of the error that the session ends with, or `no error`, with what else is shown. While the
    server is ill, `sessions` passes are made, and after them the letters named by `in_spite` have to be there.
    `most_octets` is what it may make us swallow on one connection; `alone` ones have their memory watched.
    `stays` are letters that are never to be taken. `restarts`: the engine does, once the server is well, since it would
    let hours pass before it tries again what failed each time.
    """

    stage: str
    fault: str
    expect: str
    plans: Callable[[], list[Plan]] = nothing
    manner: Manner = Manner()
    healed: Manner | None = None
    letters: Callable[[], list[Letter]] = three
    later: Callable[[], list[Letter]] = list
    account: Mapping[str, Any] = field(default_factory=dict)
    fetch: Mapping[str, Any] = field(default_factory=dict)
    soon: bool = False
    tls: bool = False
    dead: Callable[[HostilePop3], Any] | None = None
    sessions: int = 1
    in_spite: frozenset[str] = frozenset()
    most_octets: int = 1_000_000
    most_memory_octets: int = 0
    stays: frozenset[str] = frozenset()
    restarts: bool = False

    @property
    def alone(self) -> bool:
        """Whether nothing else may run beside it."""
        return self.most_memory_octets > 0

    async def play(self, folder: Path, certificates: DemoCertificates) -> str:
        """Return what came of it, in the words that `expect` has.

        Raises:
            AssertionError: it did not come out well.
        """
        return await _play(self, folder, certificates)


async def _play(cell: Pop3Cell, folder: Path, certificates: DemoCertificates) -> str:
    letters = cell.letters()
    everything = [one for one in (*letters, *cell.later()) if one.mark not in cell.stays] + [letter("well", ANNA)]
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(HostileSmtp())
        well = await stack.enter_async_context(HostilePop3([everything[-1]]))
        ill = await stack.enter_async_context(
            HostilePop3(letters, tls=certificates.server_context() if cell.tls else None)
        )
        ill.manner = cell.manner
        ill.plans.held += cell.plans()

        def came() -> Mapping[tuple[str, str], int]:
            counted, strange = who_came(everything, [(one.recipient, one.octets) for one in server.taken])
            assert strange == [], "what arrives is one of the letters, whole"
            return counted

        ill.safe = lambda one: came().get((one.mark, BEN), 0) > 0
        tls = {"security": "starttls", "ca_file": str(certificates.ca_file)} if cell.tls else {}
        accounts = [account(ILL, ill, **tls | dict(cell.account)), account(WELL, well)]
        timeout_s = SOON_S if cell.soon else LATE_S
        engine = await stack.enter_async_context(AsyncExitStack())

        async def starts() -> Office:
            return await engine.enter_async_context(
                office(folder, accounts, server, timeout_s=timeout_s, fetch=dict(cell.fetch))
            )

        it = await starts()
        watch = AsyncExitStack()
        async with watch:
            if cell.most_memory_octets:
                await watch.enter_async_context(memory_watched(cell.most_memory_octets))
            if cell.dead:
                await ill.listener.stop()
                watch.enter_context(cell.dead(ill))
            for nth in range(cell.sessions):
                await it.fetch(None if nth == 0 else ILL, within_s=ILL_S)
        outcome = _outcome(it)
        assert came()["well", ANNA] == 1, "the other account's mail has arrived meanwhile"
        assert [one.error for one in it.heard(SessionEnded) if one.account == WELL] == [""]
        assert max(one.duration_ms for one in it.heard(SessionEnded)) <= SESSION_MS, "a session's time is bounded"
        assert {mark for mark, _ in came()} >= cell.in_spite, "these are not concerned by the fault"
        assert ill.listener.most_octets <= cell.most_octets, "what the peer could make us swallow"
        assert bool(ill.plans.met) == bool(cell.plans()), "the fault was met"
        if cell.restarts:
            await engine.aclose()
            it = await starts()
        await _heals(it, ill, cell)
        expected = {(one.mark, BEN): 1 for one in everything[:-1]} | {("well", ANNA): 1}
        assert came() == expected, "each message arrives once"
        assert {one.mark for one in ill.letters} == cell.stays, "nothing is left at the provider"
        assert ill.deleted_unsafe == [], "nothing is deleted before it has arrived"
        assert it.heard(MessageParked) == []
        assert it.conditions == set(), "nothing is wrong any more"
        return outcome


async def _heals(it: Office, ill: HostilePop3, cell: Pop3Cell) -> None:
    if cell.dead:
        await ill.listener.__aenter__()
    ill.heal(cell.healed or Manner(offers=cell.manner.offers, knows=cell.manner.knows))
    ill.letters += cell.later()
    for _ in range(ROUNDS):
        await it.fetch(ILL, within_s=ILL_S)
        if {one.mark for one in ill.letters} == cell.stays:
            break
    last = [one for one in it.heard(SessionEnded) if one.account == ILL][-1]
    assert last.error == ""


def _outcome(it: Office) -> str:
    """Return in words how the sessions with the ill server went."""
    ended = [one for one in it.heard(SessionEnded) if one.account == ILL]
    words = [next((one.error_class for one in ended if one.error), "no error")]
    left = {one.uid for one in it.heard(MessageSkipped) if one.account == ILL}
    if left:
        words.append(f"{len(left)} left there")
    recognised = sum(one.recognised for one in it.heard(MailboxRenumbered))
    if recognised:
        words.append(f"{recognised} recognised")
    return ", ".join(words)


@contextmanager
def refuses_connections(peer: HostilePop3) -> Iterator[None]:
    """Nothing listens at the peer's port."""
    yield


@contextmanager
def answers_no_connection(peer: HostilePop3) -> Iterator[None]:
    """The peer's port is there, yet nobody ever takes a call: a queue of one that is full (Linux drops the rest)."""
    with socket.socket() as deaf, socket.socket() as first, socket.socket() as second:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        deaf.bind((HOST, peer.port))
        deaf.listen(0)
        for caller in (first, second):
            caller.setblocking(False)
            caller.connect_ex((HOST, peer.port))
        yield
