"""Plays one SMTP fault against a whole engine, heals it, and counts what has arrived."""

from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from mailgate.demo.certificates import DemoCertificates
from mailgate.model.entry import RecipientState
from mailgate.model.events import (
    ConditionRaised,
    MessageDeferred,
    MessageDelivered,
    MessageFetched,
    MessageParked,
    SessionEnded,
)
from mailgate.model.verdict import Stage
from tests.fakes.eventually import eventually, eventually_by
from tests.hostile.faults import Plan
from tests.hostile.letters import ANNA, BEN, ODD_SENDER, Arrivals, Letter, letter
from tests.hostile.office import ILL, LATE_S, SOON_S, WELL, Office, account, office
from tests.hostile.pop3_peer import HostilePop3
from tests.hostile.smtp_peer import OFFERS, HostileSmtp
from tests.integration.peers import PASSWORD_VARIABLE

SHOWN_S: Final = 60.0
"""In what time an outcome has to show: seconds on a quiet machine (the timeout is 1 s), and it may be a busy one."""
HEALED_S: Final = 60.0
TWICE: Final = "unknown, may come twice"
SERVER: Final = "server ill"
CONFIG: Final = "configuration ill"
HELD: Final = frozenset({SERVER, CONFIG})


def odd() -> list[Letter]:
    """Return what the ill server objects to."""
    return [letter("odd", BEN, sender=ODD_SENDER)]


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpCell:
    """One fault at one stage, and what has to come of the odd letters.

    `expect` is what is told of the first of them while the server is ill: `delivered`, `deferred`, `parked`, `server ill`
    or `configuration ill` (nobody pays, a condition shows, nothing is fetched), or `unknown, may come twice`. `meanwhile`: the other account's mail is delivered
    at that time, else only once the server is well. `copies` is how often each odd letter arrives in the end. `shows` is part
    of what a person is told. `tells`: the peer can tell that its fault was met, which one that only promises cannot.
    """

    stage: str
    fault: str
    expect: str
    plans: Callable[[], list[Plan]] = list
    letters: Callable[[], list[Letter]] = odd
    offers: tuple[str, ...] = OFFERS
    decent: tuple[str, ...] = OFFERS
    meanwhile: bool = True
    copies: int = 1
    soon: bool = False
    tls: bool = False
    login: bool = False
    lmtp: bool = False
    forgets_ahead: bool = False
    internal: Mapping[str, Any] = field(default_factory=dict)
    delivery: Mapping[str, Any] = field(default_factory=dict)
    to: tuple[str, ...] = (BEN,)
    in_spite: frozenset[tuple[str, str]] = frozenset()
    most_octets: int = 8_000_000
    tells: bool = True
    shows: str = ""

    @property
    def alone(self) -> bool:
        """Whether nothing else may run beside it: what the peer is let say is bounded, and with it what can be held."""
        return False

    async def play(self, folder: Path, certificates: DemoCertificates) -> str:
        """Return what came of it, in the words that `expect` has.

        Raises:
            AssertionError: it did not come out well.
        """
        return await _play(self, folder, certificates)


async def _play(cell: SmtpCell, folder: Path, certificates: DemoCertificates) -> str:
    letters, other = cell.letters(), letter("well", ANNA)
    everything = [*letters, other]
    wanted = {(one.mark, address): cell.copies for one in letters for address in cell.to} | {("well", ANNA): 1}
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(
            HostileSmtp(
                offers=cell.offers,
                decent=cell.decent,
                lmtp=cell.lmtp,
                tls=certificates.server_context() if cell.tls else None,
                forgets_ahead=cell.forgets_ahead,
            )
        )
        server.plans.held += cell.plans()

        arrivals = Arrivals(everything)

        def came() -> Mapping[tuple[str, str], int]:
            return arrivals.of([(one.recipient, one.octets) for one in server.taken])

        ill = await stack.enter_async_context(HostilePop3(letters))
        well = await stack.enter_async_context(HostilePop3([other]))
        it = await stack.enter_async_context(
            office(
                folder,
                [account(ILL, ill), account(WELL, well)],
                server,
                timeout_s=SOON_S if cell.soon else LATE_S,
                fetch={"timeout": f"{LATE_S}s", "connect_timeout": f"{LATE_S}s", "settle_wait": "0s"},
                delivery=dict(cell.delivery),
                internal=_internal(cell, certificates),
            )
        )
        it.it.engine.start_session(None)
        await eventually(lambda: bool(_shown(it)), "an outcome", timeout_s=SHOWN_S)
        outcome = _shown(it)
        await eventually(lambda: len(it.heard(SessionEnded)) >= 2, "the end of the sessions", timeout_s=SHOWN_S)
        if outcome not in HELD:
            assert {one.account for one in it.heard(MessageFetched)} == {ILL, WELL}, "mail is fetched meanwhile"
        if cell.meanwhile:
            await eventually(lambda: came().get(("well", ANNA)) == 1, "the other account's mail", timeout_s=SHOWN_S)
        await eventually(lambda: cell.in_spite <= set(came()), "what is not concerned", timeout_s=SHOWN_S)
        if cell.tells:
            await eventually(lambda: server.plans.met > 0, "the fault is met", timeout_s=SHOWN_S)
        assert any(cell.shows in text for text in _texts(it)) or not cell.shows, "the reply is shown"
        assert outcome != TWICE or await trace_says_so(it), "the trace says that it may come twice"
        assert server.listener.most_octets <= cell.most_octets, "what the peer could make us swallow"
        server.heal()
        sent_on: set[str] = set()

        async def all_have_come() -> bool:
            await _send_on(it, sent_on)
            return came() == wanted

        await eventually_by(all_have_come, "every message, as often as it should", timeout_s=HEALED_S)
        await eventually(lambda: it.conditions == set(), "the end of the condition", timeout_s=HEALED_S)
        await _is_over(it, ill, well)
        assert came() == wanted, "how often each message has arrived"
        assert len(ill.said("RETR")) == len(everything) - 1, "nothing is fetched twice"
        return outcome


async def _send_on(it: Office, sent_on: set[str]) -> None:
    """Do what a person does with parked messages: send them once more to those who were refused."""
    for parked in it.heard(MessageParked):
        if parked.entry not in sent_on:
            sent_on.add(parked.entry)
            entry = await it.it.engine.message(parked.entry)
            refused = tuple(str(one.address) for one in entry.recipients if one.state is RecipientState.FAILED)
            await it.it.engine.deliver_to(parked.entry, refused, by="app")


def _internal(cell: SmtpCell, certificates: DemoCertificates) -> dict[str, Any]:
    more: dict[str, Any] = {}
    if cell.tls:
        more = {"security": "starttls", "ca_file": str(certificates.ca_file)}
    if cell.login:
        more |= {"user": "gate", "password": f"env:{PASSWORD_VARIABLE}"}
    if cell.lmtp:
        more |= {"protocol": "lmtp"}
    return more | dict(cell.internal)


def _shown(it: Office) -> str:
    """Return what was told of an odd letter or of the server, in words: first what went wrong; nothing yet: empty."""
    shown = ""
    for one in it.told:
        match one:
            case MessageDeferred(account=name, reply=reply) if name == ILL and _is_wrapped(reply):
                pass  # it goes once more, as an attachment: what comes of that counts
            case MessageDeferred(account=name, possible_duplicate=possible) if name == ILL:
                return TWICE if possible else "deferred"
            case MessageParked(account=name, reason=reason) if name == ILL:
                return f"parked: {reason}"
            case ConditionRaised(code="internal_ill"):
                return SERVER
            case ConditionRaised(code="internal_config"):
                return CONFIG
            case MessageDelivered(account=name) if name == ILL:
                shown = "delivered"
            case _:
                pass
    return shown


def _is_wrapped(reply: str) -> bool:
    return reply.startswith("5") and "5.2.2" not in reply


def _texts(it: Office) -> list[str]:
    """Return all that people are told of what went wrong."""
    deferred = [one.reply for one in it.heard(MessageDeferred)]
    parked = [one.text for one in it.heard(MessageParked)]
    return deferred + parked + [one.text for one in it.heard(ConditionRaised)]


async def trace_says_so(it: Office) -> bool:
    """Return whether the trace of what may have come twice says so."""
    told = next(one for one in it.heard(MessageDeferred) if one.possible_duplicate)
    _, steps = await it.it.engine.trace(told.entry)
    return any(step.stage is Stage.UNKNOWN for step in steps)


async def _is_over(it: Office, ill: HostilePop3, well: HostilePop3) -> None:
    """Let both mailboxes be emptied: what has arrived is deleted, and not fetched again."""

    async def empty() -> bool:
        await it.fetch(within_s=HEALED_S)
        return not (ill.letters or well.letters)

    # A conversation that broke before the server was healed may be told only now: then one more pass fetches nothing.
    await eventually_by(empty, "nothing is left at the provider", timeout_s=HEALED_S)
    assert (ill.letters, well.letters) == ([], []), "nothing is left at the provider"
