"""One engine in a process of its own between a provider and an internal server in the test's loop, to be killed."""

import asyncio
import contextlib
import signal
from collections import Counter
from collections.abc import AsyncGenerator, Collection, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mailgate.adapters.store.check import check_store
from mailgate.client.errors import ClientError
from mailgate.client.http import EngineClient
from mailgate.contract import v1
from mailgate.mime.decode import glance
from tests.crash.letters import ANNA, BOB, Letter, faults, number_of
from tests.e2e.service import Service
from tests.fakes.entries import take
from tests.fakes.stores import opened as stored
from tests.integration.peers import USER, Peers, opened

UNCERTAIN = {"recovered", "unknown"}
"""Stages of a trace that say: it may have been delivered already."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """How promises were broken, how often letters came that came more than once, and what the engine says of each."""

    faults: list[str]
    twice: dict[int, int]
    traces: dict[int, list[v1.MessageTrace]]


@dataclass(slots=True)
class Office:
    """The peers, the letters at the provider, and the service."""

    peers: Peers
    service: Service
    letters: list[Letter] = field(default_factory=list)
    leaves_copies: bool = False  # at the provider

    def post(self, letters: Sequence[Letter]) -> None:
        """Lay letters into the mailbox at the provider."""
        self.letters += letters
        for letter in letters:
            self.peers.provider.put(USER, letter.octets)

    async def have_taken(self, letters: Sequence[Letter]) -> None:
        """Let the store hold letters that nobody has decided on; the provider has them no more."""
        self.letters += letters
        async with stored(self.peers.data) as (store, _):
            for letter in letters:
                await take(store, letter.octets, uid=f"taken-{letter.number}", glance=glance(letter.octets))

    async def dies(self, fail_point: str, *, within_s: float) -> None:
        """Run the engine until it kills itself at the fail point; see the function of this name."""
        await dies(self.service, fail_point, within_s=within_s)

    async def finishes(self, client: EngineClient, *, within_s: float) -> None:
        """Fetch until nothing waits, and the mailbox is empty or has nothing new."""
        async with asyncio.timeout(within_s):
            while True:
                ticket = await client.start_session()
                while not (said := await client.session(ticket.id, wait_s=20)).done:
                    pass
                status = await client.status()
                emptied = not said.taken and not said.errors if self.leaves_copies else not self.peers.waiting()
                if emptied and not status.counts.waiting and not status.busy:
                    return

    async def judge(self, client: EngineClient) -> Verdict:
        """Compare what came with what was posted, once all is done."""
        traces = await traces_of(client, {letter.number for letter in self.letters})
        doubts = {
            number: sum(step.stage in UNCERTAIN for trace in of_letter for step in trace.steps)
            for number, of_letter in traces.items()
        }
        kept = [number for number, found in traces.items() if any(one.message.state == "parked" for one in found)]
        received = [one.octets for one in self.peers.server.received]
        wrong = faults(self.letters, received, doubts=doubts, kept=kept)
        twice = {number: times for number, times in Counter(map(number_of, received)).items() if times > 1}
        log = mail_log(self.peers.data)
        wrong += [
            f"letter {number} came {times} times, and the mail log does not say that it might"
            for number, times in twice.items()
            if not any(one.message.id in line for one in traces[number] for line in log)
        ]
        return Verdict(wrong, twice, traces)

    def unsound(self) -> list[str]:
        """Return what a check of the store finds, once the engine was stopped."""
        return [one.text for one in check_store(self.peers.data)]


@asynccontextmanager
async def office(data: Path, *, delete: str = "delivered", **sections: Any) -> AsyncGenerator[Office, None]:
    """Run the peers and make a service, not yet started; a session begins as soon as it is.

    `delete` says when the provider's copies are deleted, as the account's setting does.
    """
    usual = {
        "recipients": [{"address": ANNA}, {"address": BOB}],
        "fetch": {"at_start": True, "session_messages": 12, "min_interval": "1s"},
    }
    async with opened(data) as peers:
        peers.configure(**(usual | {"accounts": [peers.account(delete=delete)]} | sections))
        made = Office(peers, Service(peers.data), leaves_copies=delete == "never")
        async with AsyncExitStack() as stack:
            stack.push_async_exit(made.service)  # stops it, should it run at the end
            yield made


async def dies(service: Service, fail_point: str, *, within_s: float) -> None:
    """Run the engine until it kills itself at the fail point.

    Raises:
        AssertionError: it did not, or ended in another way.
    """
    service.environment = {"MAILGATE_FAIL_POINT": fail_point}
    await service.spawn()
    process = service.process
    try:
        async with asyncio.timeout(within_s):
            code = await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
        raise AssertionError(f"{fail_point} was not reached\n{service.output[-3000:]}") from None
    finally:
        service.environment = {}
    assert code == -signal.SIGKILL, f"{fail_point}: ended with {code}\n{service.output[-3000:]}"


def mail_log(data: Path) -> list[str]:
    """Return the lines of the mail log that speak of possible duplicates."""
    lines = [
        line for path in sorted((data / "logs").glob("mail-*.log")) for line in path.read_text("utf-8").splitlines()
    ]
    return [line for line in lines if "possible duplicate" in line]


async def traces_of(
    client: EngineClient, numbers: set[int], *, plain: Collection[int] = ()
) -> dict[int, list[v1.MessageTrace]]:
    """Return all that the engine knows of each letter: more than one entry when it was fetched twice.

    Those that are `plain` are not asked for, which takes its time, unless there is more than one entry.
    """
    ids: dict[int, list[str]] = {number: [] for number in numbers}
    before, first = "", True
    while before or first:
        page = await client.messages(before=before, limit=500)
        for message in page.messages:
            ids[int(message.subject.removeprefix("letter "))].append(message.id)
        before, first = page.next, False
    found: dict[int, list[v1.MessageTrace]] = {number: [] for number in numbers}
    for number, names in ids.items():
        if number in plain and len(names) == 1:
            continue
        for name in names:
            with contextlib.suppress(ClientError):  # purged meanwhile
                found[number].append(await client.message(name))
    return found
