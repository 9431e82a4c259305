"""Plays one fault of a relay against a whole engine that sends, heals it, and counts what has arrived."""

import asyncio
import re
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from mailgate.demo.certificates import DemoCertificates
from mailgate.model.entry import EntryState
from mailgate.model.events import (
    ConditionRaised,
    MessageAccepted,
    MessageDeferred,
    MessageDelivered,
    MessageReturned,
    NoticeWritten,
)
from tests.fakes.eventually import eventually, eventually_by
from tests.hostile.faults import Plan
from tests.hostile.letters import ANNA, Arrivals, Letter, letter
from tests.hostile.office import ILL, LATE_S, SOON_S, WELL, Office, office
from tests.hostile.smtp_peer import OFFERS, HostileSmtp
from tests.hostile.smtp_run import HEALED_S, SHOWN_S, TWICE, trace_says_so
from tests.integration.peers import PASSWORD_VARIABLE
from tests.integration.submission import SmtpClient
from tests.servers.base import certificates as made_certificates

BOB, EVE, KIM = (f"{name}@customer.example" for name in ("bob", "eve", "kim"))
ALL: Final = (BOB, EVE, KIM)
ELSEWHERE: Final = "wanda@partner.example"
ODD_SENDER: Final = "odd@office.example"
RELAY: Final = "relay ill"
CONFIG: Final = "configuration ill"
RETURNED: Final = "returned"
DSN: Final = (*OFFERS, "DSN")
_FAILED: Final = re.compile(rb"^Final-Recipient: *rfc822; *(\S+)\r\n(?:\S.*\r\n)*?Action: failed", re.MULTILINE)

Came = Mapping[tuple[str, str], int]


@dataclass(frozen=True, slots=True)
class Post:
    """A letter and its envelope."""

    letter: Letter
    recipients: tuple[str, ...]
    sender: str = ANNA


def post(mark: str, *recipients: str, sender: str = ANNA, body: bytes = b"Dear Bob,\r\n.\r\n..dots\r\n") -> Post:
    """Return a small letter of the office."""
    return Post(letter(mark, ", ".join(recipients), sender=sender, body=body), recipients, sender)


def odd_and_next() -> list[Post]:
    """Return what the relay objects to, for three, and another letter for one of them."""
    return [post("odd", *ALL, sender=ODD_SENDER), post("next", BOB)]


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayCell:
    """One fault of a relay at one stage, and what has to come of the letters that meet it.

    `expect` is what is told of the first letter while the relay is ill: `delivered`, `deferred`, `returned`, `relay
    ill` or `configuration ill` (nobody pays, a condition shows), or `unknown, may come twice`. `meanwhile`: what the
    first letter has nothing to do with goes by this relay at that time, too; what has another relay always does.
    `returned` are those of the first letter whom its sender is told of. `ahead`: what has another relay arrives
    before anything is told of this one. The other names are those of `SmtpCell`.
    """

    stage: str
    fault: str
    expect: str
    plans: Callable[[], list[Plan]] = list
    posts: Callable[[], list[Post]] = odd_and_next
    offers: tuple[str, ...] = DSN
    decent: tuple[str, ...] = DSN
    meanwhile: bool = True
    copies: int = 1
    soon: bool = False
    tls: bool = False
    strange: bool = False
    login: bool = False
    lmtp: bool = False
    forgets_ahead: bool = False
    relay: Mapping[str, Any] = field(default_factory=dict)
    delivery: Mapping[str, Any] = field(default_factory=dict)
    returned: tuple[str, ...] = ()
    in_spite: tuple[str, ...] = ()
    most_octets: int = 8_000_000
    tells: bool = True
    shows: str = ""
    ahead: bool = False

    @property
    def alone(self) -> bool:
        """Whether nothing else may run beside it: what the peer is let say is bounded, and with it what can be held."""
        return False

    async def play(self, folder: Path, certificates: DemoCertificates) -> str:
        """Return what came of it, in the words that `expect` has.

        Raises:
            AssertionError: it did not come out well.
        """
        async with AsyncExitStack() as stack:
            return await (await _begun(self, folder, certificates, stack)).play()


@dataclass(slots=True)
class _Play:
    """The engine that sends, the relay that is ill and the one that is well, and where reports come to."""

    cell: RelayCell
    it: Office
    ill: HostileSmtp
    well: HostileSmtp
    internal: HostileSmtp
    posts: list[Post]
    arrivals: dict[int, Arrivals] = field(default_factory=dict)

    async def play(self) -> str:
        cell, it = self.cell, self.it
        for one in self.posts:
            await self.hand_over(one)
        if cell.ahead:
            await eventually(lambda: bool(self.came(self.well)), "the other relay", timeout_s=SHOWN_S)
            assert not self.shown(), "the other relay has waited for this one"
        await eventually(lambda: bool(self.shown()), "an outcome", timeout_s=SHOWN_S)
        outcome = self.shown()
        await eventually(
            lambda: self.came(self.well) == {("other", ELSEWHERE): 1}, "the other relay", timeout_s=SHOWN_S
        )
        here = {("odd", one) for one in cell.in_spite} | ({("next", BOB)} if cell.meanwhile else set())
        await eventually(lambda: here <= set(self.came(self.ill)), "what is not concerned", timeout_s=SHOWN_S)
        if cell.tells:
            await eventually(lambda: self.ill.plans.met > 0, "the fault is met", timeout_s=SHOWN_S)
        assert any(cell.shows in text for text in self.texts()) or not cell.shows, "the reply is shown"
        assert outcome != TWICE or await trace_says_so(it), "the trace says that it may come twice"
        assert self.ill.listener.most_octets <= cell.most_octets, "what the peer could make us swallow"
        self.ill.heal()
        await eventually_by(self.is_over, "every message, as often as it should", timeout_s=HEALED_S)
        await eventually(lambda: it.conditions == set(), "the end of the condition", timeout_s=HEALED_S)
        assert self.came(self.ill) == self.wanted(), "how often each message has arrived"
        assert self.told() == dict.fromkeys(((ODD_SENDER, one) for one in cell.returned), 1), "who is told of what"
        assert all(not one.possible_duplicate for one in it.heard(MessageDeferred)) or outcome == TWICE
        return outcome

    async def hand_over(self, one: Post) -> None:
        """Send a letter as a program of the office does: its 250 says that it is ours."""
        outgoing = self.it.it.engine.outgoing
        assert outgoing is not None
        await eventually(lambda: bool(outgoing.submission.ports), "the listener")
        [port] = outgoing.submission.ports.values()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            await SmtpClient(reader, writer).hand_over(one.sender, one.recipients, one.letter.octets)
        finally:
            writer.close()
            await writer.wait_closed()

    def came(self, relay: HostileSmtp) -> Came:
        """Return how often each recipient got each letter there."""
        counted = self.arrivals.setdefault(relay.port, Arrivals([one.letter for one in self.posts]))
        return counted.of([(one.recipient, one.octets) for one in relay.taken])

    def wanted(self) -> Came:
        """Return how often each letter has to arrive by the ill relay."""
        return {
            (one.letter.mark, address): self.cell.copies if one.letter.mark == "odd" else 1
            for one in self.posts
            for address in one.recipients
            if address != ELSEWHERE and not (one.letter.mark == "odd" and address in self.cell.returned)
        }

    def told(self) -> Came:
        """Return how often each sender was told that it failed for whom."""
        return Counter(
            (one.recipient, to.decode()) for one in self.internal.taken for to in _FAILED.findall(one.octets)
        )

    async def is_over(self) -> bool:
        """Return whether all is done: each letter and each report."""
        names = [one.entry for one in self.it.heard(MessageAccepted)]
        names += [one.entry for one in self.it.heard(NoticeWritten)]
        entries = [await self.it.it.engine.message(name) for name in names]
        return all(one.state is EntryState.DONE for one in entries)

    def shown(self) -> str:
        """Return what was told of the odd letter or of the relay, in words: first what went wrong; nothing yet: empty."""
        odd = {one.entry for one in self.it.heard(MessageAccepted) if one.subject == "letter odd"}
        shown = ""
        for one in self.it.told:
            match one:
                case MessageDeferred(entry=name, possible_duplicate=possible) if name in odd:
                    return TWICE if possible else "deferred"
                case MessageReturned(entry=name) if name in odd:
                    return RETURNED
                case ConditionRaised(code="relay_ill", subject=relay) if relay == ILL:
                    return RELAY
                case ConditionRaised(code="relay_config", subject=relay) if relay == ILL:
                    return CONFIG
                case MessageDelivered(entry=name) if name in odd:
                    shown = "delivered"
                case _:
                    pass
        return shown

    def texts(self) -> list[str]:
        """Return all that people are told of what went wrong."""
        replies = [one.reply for one in self.it.heard(MessageDeferred)]
        replies += [one.reply for one in self.it.heard(MessageReturned)]
        return replies + [one.text for one in self.it.heard(ConditionRaised)]


async def _begun(cell: RelayCell, folder: Path, certificates: DemoCertificates, stack: AsyncExitStack) -> _Play:
    await asyncio.to_thread(folder.mkdir, 0o700)
    decent_tls = certificates.server_context() if cell.tls else None
    tls = decent_tls
    if cell.strange:
        strange = folder / "strange"
        await asyncio.to_thread(strange.mkdir)
        tls = made_certificates(strange).server_context()
    ill = await stack.enter_async_context(
        HostileSmtp(
            offers=cell.offers,
            decent=cell.decent,
            lmtp=cell.lmtp,
            tls=tls,
            decent_tls=decent_tls,
            forgets_ahead=cell.forgets_ahead,
        )
    )
    ill.plans.held += cell.plans()
    well = await stack.enter_async_context(HostileSmtp())
    internal = await stack.enter_async_context(HostileSmtp())
    it = await stack.enter_async_context(
        office(
            folder,
            [],
            internal,
            timeout_s=SOON_S if cell.soon else LATE_S,
            delivery=dict(cell.delivery),
            listeners=[{"name": "office", "port": 0}],
            relays=[
                _relay(WELL, well) | {"recipients": [ELSEWHERE]},
                _relay(ILL, ill) | _protected(cell, certificates) | dict(cell.relay),
            ],
            outbound={"retry": ["1s"], "reconnect": ["1s"]},
        )
    )
    return _Play(cell, it, ill, well, internal, [*cell.posts(), post("other", ELSEWHERE)])


def _relay(name: str, peer: HostileSmtp) -> dict[str, Any]:
    return {
        "name": name,
        "host": peer.host,
        "port": peer.port,
        "security": "none",
        "login": "none",
        "connections": 2,
    }


def _protected(cell: RelayCell, certificates: DemoCertificates) -> dict[str, Any]:
    more: dict[str, Any] = {}
    if cell.tls:
        more |= {"security": "starttls", "ca_file": str(certificates.ca_file)}
    if cell.login:
        more |= {"login": "one", "user": "gate", "password": f"env:{PASSWORD_VARIABLE}"}
    if cell.lmtp:
        more |= {"protocol": "lmtp"}
    return more
