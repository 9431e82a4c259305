"""Films an engine that takes mail of the office and sends it: what is not ours yet is what programs have no 250 for.

`power.py` says how it is done, and what it does not show.
"""

import asyncio
import os
import shutil
import socket
from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Final

from mailgate.adapters.net.dialer import NetDialer
from mailgate.adapters.net.listening import NetListener
from mailgate.adapters.platform.files import RealFiles
from mailgate.adapters.platform.system import detect
from mailgate.adapters.store.check import check_store
from mailgate.adapters.store.store import SqliteStore
from mailgate.delivery.relaying import RelayTransport, relay_settings
from mailgate.demo.server import InternalMailServer, Received
from mailgate.engine.engine import Engine
from mailgate.engine.outgoing import OutgoingPorts
from mailgate.model.entry import EntryState
from mailgate.model.outbound import Listener, OutboundSettings, Relay, RelayLogin, RelaySecurity
from mailgate.model.settings import Config, InternalServer, Mailbox, SmtpSecurity
from mailgate.policy.relays import RelayTable
from mailgate.ports.store import MessageFilter
from tests.crash.letters import ANNA, Letter, faults, number_of
from tests.crash.power import CLOCK, SECRET, UNCERTAIN, Film, Frame, Mails, engine_ports, in_store, opened
from tests.crash.sent import TO, stuffed
from tests.fakes.recorder_files import RecorderFiles
from tests.servers.base import HOST

PROGRAM: Final = "program"
SESSIONS: Final = 3
"""Programs at once: several letters share a transaction, and each is half way while another one is taken."""
_LIMIT_S: Final = 60


@dataclass(slots=True)
class Programs:
    """Who hands letters over: `waiting` are those without a 250 so far, by number."""

    server: InternalMailServer
    waiting: dict[int, bytes]
    at_work: dict[int, asyncio.StreamWriter] = field(default_factory=dict)

    def mailboxes(self) -> Mails:
        """Return what has no 250: neither heard, nor on its way and out of the engine's hands."""
        heard = {number for number, writer in self.at_work.items() if _says_yes(writer)}
        return {PROGRAM: tuple((f"{n}", octets) for n, octets in self.waiting.items() if n not in heard)}

    async def work(self, port: int) -> None:
        """Hand everything over, each letter once."""
        numbers = iter(list(self.waiting))

        async def one() -> None:
            reader, writer = await asyncio.open_connection(HOST, port)
            try:
                await _hears(reader, b"220")
                await _says(reader, writer, b"HELO program.example\r\n", b"250")
                for number in numbers:
                    await _says(reader, writer, f"MAIL FROM:<{ANNA}>\r\n".encode(), b"250")
                    await _says(reader, writer, f"RCPT TO:<{TO}>\r\n".encode(), b"250")
                    await _says(reader, writer, b"DATA\r\n", b"354")
                    self.at_work[number] = writer
                    await _says(reader, writer, stuffed(self.waiting[number]), b"250")
                    del self.at_work[number], self.waiting[number]
            finally:
                writer.close()

        async with asyncio.TaskGroup() as group:
            for _ in range(SESSIONS):
                group.create_task(one())


async def _says(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, octets: bytes, code: bytes) -> None:
    writer.write(octets)
    await _hears(reader, code)


async def _hears(reader: asyncio.StreamReader, code: bytes) -> None:
    line = await reader.readline()
    assert line.startswith(code), line


def _says_yes(writer: asyncio.StreamWriter) -> bool:
    """Return whether a 250 has arrived that nobody has read yet."""
    with socket.socket(fileno=os.dup(writer.get_extra_info("socket").fileno())) as raw, suppress(BlockingIOError):
        return raw.recv(3, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b"250"
    return False


@asynccontextmanager
async def programs(waiting: Mails, received: tuple[Received, ...] = ()) -> AsyncGenerator[Programs, None]:
    """Run a relay that has received those, and make programs that have these to send."""
    relay = InternalMailServer([TO])
    relay.received += received
    await relay.start()
    try:
        yield Programs(relay, {int(number): octets for number, octets in waiting[PROGRAM]})
    finally:
        await relay.stop()


def _config(relay: InternalMailServer) -> Config:
    second = timedelta(seconds=1)
    return Config(
        internal=InternalServer(host=relay.host, port=relay.port, security=SmtpSecurity.NONE),
        recipients=(Mailbox(address=ANNA),),
        listeners=(Listener(name="office", port=0),),
        relays=(
            Relay(
                name="provider",
                host=relay.host,
                port=relay.port,
                security=RelaySecurity.NONE,
                login=RelayLogin.NONE,
                connections=2,
            ),
        ),
        outbound=OutboundSettings(retry=(second,), reconnect=(second,)),
    )


def _outgoing() -> OutgoingPorts:
    dialer = NetDialer()
    return OutgoingPorts(
        listener=NetListener(),
        make_relay=lambda relay, now, publisher: RelayTransport(
            relay,
            relay_settings(relay, now.delivery, now.outbound),
            RelayTable(now),
            helo="gate.office.example",
            dialer=dialer,
            secrets=SECRET,
            clock=CLOCK,
            publisher=publisher,
        ),
        look_up=dialer.addresses,
        hostname="gate.office.example",
    )


async def work(store: SqliteStore, between: Programs, data_dir: Path) -> None:
    """Run an engine until everything has its 250 and nothing waits."""
    config = _config(between.server)
    engine = Engine(config, engine_ports(store, config, data_dir, outgoing=_outgoing()))
    async with asyncio.timeout(_LIMIT_S), asyncio.TaskGroup() as group:
        running = group.create_task(engine.run())
        assert engine.outgoing is not None
        while not engine.outgoing.submission.ports:
            await CLOCK.sleep(0.01)
        await between.work(*engine.outgoing.submission.ports.values())
        while (await store.counts(since=CLOCK.now(), now=CLOCK.now())).waiting:
            await CLOCK.sleep(0.01)
        engine.stop("the end of the test")
        await running


async def film_sent(
    root: Path, folder: Path, sent: Sequence[Letter], *, recorder: type[RecorderFiles] = RecorderFiles
) -> Film:
    """Take and send letters from an empty data directory on, and let go of what was sent; film it all."""
    async with programs({PROGRAM: tuple((f"{one.number}", one.octets) for one in sent)}) as between:
        made = Film(root, folder, between, recorder=recorder)
        with made.commits():
            async with opened(root, made.files, fail_point=made.fail_point) as (store, _):
                await work(store, between, root)
                await store.purge(done_before=CLOCK.now() - timedelta(days=1), bodies_before=CLOCK.now())
        return made


def has_no_reply(frame: Frame) -> set[int]:
    """Return the numbers of letters that have no 250 in this frame."""
    return {int(number) for number, _ in frame.mailboxes[PROGRAM]}


async def broken_promises(frame: Frame, sent: Sequence[Letter], data_dir: Path, *, found: set[str]) -> list[str]:
    """Return what is lost or half there in the world of this frame, after recovery: nothing, if the promises hold.

    A letter with its 250 is whole in the store with its way before it, or the relay has it; one without may be there as
    well, but whole. What recovery has found is added to `found`.
    """
    shutil.copytree(frame.disk, data_dir)
    async with opened(data_dir, RealFiles(detect())) as (store, findings):
        found.update(one.code for one in findings)
        held, done = await in_store(store)
        entries, _ = await store.messages(MessageFilter(), before=None, limit=1000)
        waiting = [
            int(one.glance.subject.removeprefix("letter ")) for one in entries if one.state is not EntryState.DONE
        ]
        parked = [one.name for one in entries if one.state is EntryState.PARKED]
    delivered = {number_of(one.octets) for one in frame.received}
    open_ = has_no_reply(frame)
    wrong = [f"letter {number} is done and was not delivered" for number in sorted(done - delivered)]
    wrong += [f"{name} was parked" for name in parked]
    wrong += [f"letter {number} is there {times} times" for number, times in Counter(waiting).items() if times > 1]
    for letter in sent:
        whole = held.get(letter.number) == letter.octets
        if letter.number in waiting and not whole:
            wrong.append(f"letter {letter.number} is half there")
        if not (whole or letter.number in open_ or letter.number in delivered & done):
            wrong.append(f"letter {letter.number} has its 250 and is lost")
    return wrong + [one.text for one in await asyncio.to_thread(check_store, data_dir)]


async def goes_on(frame: Frame, sent: Sequence[Letter], data_dir: Path) -> list[str]:
    """Switch the power on again and work on to the end; return how the promises were broken."""
    shutil.copytree(frame.disk, data_dir)
    open_ = has_no_reply(frame)
    async with (
        programs(frame.mailboxes, frame.received) as between,
        opened(data_dir, RealFiles(detect())) as (store, _),
    ):
        await work(store, between, data_dir)
        doubts: Counter[int] = Counter()
        taken: Counter[int] = Counter()
        for entry in (await store.messages(MessageFilter(), before=None, limit=1000))[0]:
            number = int(entry.glance.subject.removeprefix("letter "))
            taken[number] += 1
            doubts[number] += sum(one.stage in UNCERTAIN for one in await store.trace(entry.id))
        doubts.update(open_)  # its 250 may have been lost: it is said once more
        received = [one.octets for one in between.server.received]
    wrong = faults(sent, received, doubts=doubts)
    wrong += [
        f"letter {number} was taken {times} times" for number, times in taken.items() if times > 1 + (number in open_)
    ]
    # The end of the engine may come between the commit that lets go of a body and the removal of its file.
    return wrong + [one.text for one in check_store(data_dir) if one.code != "orphan"]
