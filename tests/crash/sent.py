"""SIGKILL at random moments while the office sends: over accept, queue and relay.

Programs hand letters over by several sessions at once and say each again until they hear 250, as mail servers do. In the
end every letter has reached the relay; more often than once only as often as a 250 was lost on the way to the program,
or the engine was killed between the final dot at the relay and the record of its reply, and then its trace says so.
"""

import asyncio
import contextlib
import random
import time
from collections import Counter, deque
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from mailgate.adapters.clock import SystemClock
from mailgate.adapters.store.check import check_store
from mailgate.client.http import EngineClient
from tests.crash.kills import CONNECTIONS, EARLY, FINISH_S, START_S, Kill, Series, spread
from tests.crash.letters import ANNA, Letter, faults, letters, number_of
from tests.crash.office import UNCERTAIN, Verdict, mail_log, traces_of
from tests.e2e.service import Service
from tests.fakes.eventually import eventually, eventually_by
from tests.integration.peers import toml
from tests.servers.base import HOST, free_port
from tests.servers.sink import SmtpSink

SESSIONS: Final = 20
SESSION_MESSAGES: Final = 5
SESSION_S: Final = 0.15
"""The usual delay of a kill after the engine has taken the first letter of its run."""
BEGIN_S: Final = 60.0
SLOWEST: Final = 20.0
"""Messages a second that leave at least: kills come so soon that most are left for the end."""
_AGAIN_S: Final = 0.05
_REPLY_S: Final = 30.0
TO: Final = "bob@customer.example"


def stuffed(octets: bytes) -> bytes:
    """Return a letter as DATA wants it (RFC 5321 section 4.5.2); it ends with a line end, and begins with no dot."""
    return octets.replace(b"\r\n.", b"\r\n..") + b".\r\n"


@dataclass(slots=True)
class Programs:
    """Who hands letters over: `waiting` are those without a 250 yet.

    `accepted` counts the 250s of each letter, `in_doubt` how often its final dot was said and no reply heard.
    """

    port: int
    waiting: deque[Letter] = field(default_factory=deque)
    accepted: Counter[int] = field(default_factory=Counter)
    in_doubt: Counter[int] = field(default_factory=Counter)

    async def work(self) -> None:
        """Hand letters over until cancelled."""
        async with asyncio.TaskGroup() as group:
            for _ in range(SESSIONS):
                group.create_task(self._one())

    async def _one(self) -> None:
        while True:
            with contextlib.suppress(OSError, EOFError, TimeoutError):
                if self.waiting:
                    await self._session()
            await SystemClock().sleep(_AGAIN_S)

    async def _session(self) -> None:
        reader, writer = await asyncio.open_connection(HOST, self.port)
        try:
            async with asyncio.timeout(_REPLY_S):
                await _hears(reader, b"220")
                writer.write(b"HELO program.example\r\n")
                await _hears(reader, b"250")
            for _ in range(SESSION_MESSAGES):
                if not self.waiting:
                    return
                letter = self.waiting.popleft()
                try:
                    async with asyncio.timeout(_REPLY_S):
                        await self._hand_over(letter, reader, writer)
                except BaseException:
                    self.waiting.append(letter)
                    raise
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _hand_over(self, letter: Letter, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(f"MAIL FROM:<{ANNA}>\r\nRCPT TO:<{TO}>\r\nDATA\r\n".encode())
        for code in (b"250", b"250", b"354"):
            await _hears(reader, code)
        self.in_doubt[letter.number] += 1
        writer.write(stuffed(letter.octets))
        try:
            await _hears(reader, b"250")
        except ValueError:  # refused, so it is not in doubt
            self.in_doubt[letter.number] -= 1
            raise EOFError from None
        self.in_doubt[letter.number] -= 1
        self.accepted[letter.number] += 1


async def _hears(reader: asyncio.StreamReader, code: bytes) -> None:
    """Read one reply.

    Raises:
        EOFError: the connection has ended.
        ValueError: the reply has another code.
    """
    line = await reader.readline()
    if not line.endswith(b"\n"):
        raise EOFError
    if not line.startswith(code):
        raise ValueError(line)


@dataclass(slots=True)
class Sending:
    """The programs, the service in between, and the relay."""

    programs: Programs
    service: Service
    relay: SmtpSink
    letters: list[Letter] = field(default_factory=list)

    def post(self, letters: Sequence[Letter]) -> None:
        """Give the programs more to send."""
        self.letters += letters
        self.programs.waiting += letters

    async def finishes(self, client: EngineClient, *, within_s: float) -> None:
        """Return once every letter has its 250, and nothing waits here."""

        async def done() -> bool:
            if any(not self.programs.accepted[letter.number] for letter in self.letters):
                return False
            await SystemClock().sleep(_AGAIN_S)  # a question is work for the engine, too
            status = await client.status()
            return not status.counts.waiting and not status.busy

        await eventually_by(done, "every letter sent", timeout_s=within_s)

    async def judge(self, client: EngineClient) -> Verdict:
        """Compare what has reached the relay with what was handed over, once all is done."""
        received = [one.octets for one in self.relay.messages]
        came = Counter(map(number_of, received))
        plain = {number for number, times in came.items() if times == 1}
        traces = await traces_of(client, {letter.number for letter in self.letters}, plain=plain)
        cut = {
            number: sum(step.stage in UNCERTAIN for trace in of_letter for step in trace.steps)
            for number, of_letter in traces.items()
        }
        doubts = {number: cut[number] + self.programs.in_doubt[number] for number in traces}
        all_routed = [Letter(letter.number, routed=True, octets=letter.octets) for letter in self.letters]
        wrong = faults(all_routed, received, doubts=doubts)
        wrong += [
            f"letter {number} was taken {len(found)} times, and {self.programs.in_doubt[number]} replies were lost"
            for number, found in traces.items()
            if len(found) > 1 + self.programs.in_doubt[number]
        ]
        again = {number: times for number, times in came.items() if times > max(1, len(traces[number]))}
        log = mail_log(self.service.data)
        wrong += [
            f"letter {number} came {times} times, and the mail log does not say that it might"
            for number, times in again.items()
            if not any(one.message.id in line for one in traces[number] for line in log)
        ]
        return Verdict(wrong, again, traces)


@asynccontextmanager
async def sending(data: Path) -> AsyncGenerator[Sending, None]:
    """Run the programs and the relay, and make a service, not yet started."""
    await asyncio.to_thread(data.mkdir, 0o700)
    port = free_port()
    with SmtpSink() as relay:
        provider = {"name": "provider", "host": HOST, "port": relay.port, "security": "none", "login": "none"}
        text = toml(
            internal={"host": HOST, "port": relay.port, "security": "none"},
            recipients=[{"address": ANNA}],
            listeners=[{"name": "office", "port": port}],
            relays=[provider | {"connections": CONNECTIONS}],
            outbound={"retry": ["1s"], "reconnect": ["1s"]},
            store={"reserve_size": 0, "reserve_percent": 0.0},
            api={"port": 0},
        )
        service = Service(data)
        await asyncio.to_thread(service.configure, text)
        programs = Programs(port)
        working = asyncio.create_task(programs.work())
        try:
            async with AsyncExitStack() as stack:
                stack.push_async_exit(service)  # stops it, should it run at the end
                yield Sending(programs, service, relay)
        finally:
            working.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await working


@asynccontextmanager
async def _started(service: Service) -> AsyncGenerator[EngineClient, None]:
    await service.start()
    async with service.client() as client:
        yield client
    await service.stop()


async def run_sent(series: Series, folder: Path, *, told: Callable[[str], None] = lambda _: None) -> None:
    """Start the engine and kill it while the programs send; then let all be sent, and count."""
    chance = random.Random(series.seed)
    posts = spread(series.messages, series.kills_wanted, chance)
    began = time.monotonic()
    async with sending(folder / "data") as it:
        posted = 0
        for number, count in enumerate(posts, 1):
            it.post(letters(count, first=posted + 1, large_every=series.large_every))
            posted += count
            series.kills.append(await _one_kill(it, series, number, chance))
            if number % 20 == 0:
                told(f"{series.way}: {number} kills, {posted} letters posted, {len(it.relay.messages)} came")
        series.kills_s = time.monotonic() - began
        async with _started(it.service) as client:
            await it.finishes(client, within_s=FINISH_S + series.messages / SLOWEST)
            series.verdict = await it.judge(client)
        series.faults += series.verdict.faults
        series.faults += [f"the store: {one.text}" for one in await asyncio.to_thread(check_store, it.service.data)]
        series.faults += [
            f"kill {number} left {len(ids)} messages in doubt that came again, with {CONNECTIONS} connections"
            for number, ids in series.in_doubt.items()
            if len(ids) > CONNECTIONS
        ]


async def _one_kill(it: Sending, series: Series, number: int, chance: random.Random) -> Kill:
    """Start the engine and kill it: mostly soon after it has taken its first letter, sometimes while it starts."""
    early = chance.random() < EARLY
    after_s = chance.uniform(0, START_S) if early else chance.expovariate(1 / SESSION_S)
    accepted = it.programs.accepted.total()
    await it.service.spawn()
    process = it.service.process
    if not early and it.programs.waiting:

        def goes() -> bool:
            if process.returncode is not None:
                raise RuntimeError(f"the engine ended by itself\n{it.service.output[-3000:]}")
            return it.programs.accepted.total() > accepted

        await eventually(goes, "the first letter of this run", timeout_s=BEGIN_S)
    begun = it.programs.accepted.total(), time.monotonic()
    await SystemClock().sleep(after_s)
    if not early:
        series.taken += it.programs.accepted.total() - begun[0]
        series.taken_s += time.monotonic() - begun[1]
    process.kill()
    await process.wait()
    return Kill(number, SystemClock().now(), early, after_s, "first message")
