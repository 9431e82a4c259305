"""Films an engine at work: at each write point, what the disk would hold if the power failed, and what the peers have.

A spool file's octets and name count only once they were synced (`RecorderFiles`). The database is copied as it is, main
file and write-ahead log, and that is sound: with `synchronous=FULL` SQLite has synced the log before a commit returns
(sqlite.org/pragma.html#pragma_synchronous), so what a cut takes away at most is a transaction that is not committed
yet, and that never counts. Copies are made while nothing writes: the writer thread holds a lock from the begin of a
transaction to its end, and the loop, in which the peers live, does the copying. What this does not show: that SQLite and
the disk keep their word, and cuts in the middle of SQLite's own writes, for which SQLite has its checksums.
"""

import asyncio
import hashlib
import re
import shutil
import threading
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable, Generator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import Engine, event

from mailgate.adapters.clock import SystemClock
from mailgate.adapters.imap.connector import LibraryConnector
from mailgate.adapters.net.dialer import NetDialer
from mailgate.adapters.platform.files import Files, RealFiles
from mailgate.adapters.platform.system import detect
from mailgate.adapters.store.check import check_store
from mailgate.adapters.store.store import SqliteStore, open_store
from mailgate.adapters.store.writer import Writer
from mailgate.config.load import Loaded
from mailgate.delivery.transports import make_transport
from mailgate.demo.provider import Pop3Provider
from mailgate.demo.server import InternalMailServer, Received
from mailgate.engine import engine as mailgate_engine
from mailgate.model.entry import EntryState
from mailgate.model.errors import ContentLostError
from mailgate.model.settings import (
    Account,
    Config,
    DeletePolicy,
    DeliverySettings,
    FetchSettings,
    InternalServer,
    Mailbox,
    Security,
    SmtpSecurity,
)
from mailgate.model.verdict import Stage
from mailgate.ports.store import Finding, MessageFilter
from tests.crash.letters import ANNA, BOB, Letter, faults, number_of
from tests.fakes.disk import plenty
from tests.fakes.names import FakeResolver, FakeWeb
from tests.fakes.recorder_files import RecorderFiles
from tests.fakes.secrets import FakeSecrets
from tests.fakes.stores import INLINE_LIMIT

UNCERTAIN = {Stage.RECOVERED, Stage.UNKNOWN}
POLICIES = {"careful": DeletePolicy.DELIVERED, "quick": DeletePolicy.SPOOLED}
"""Two accounts, one of each policy that deletes: the quick one has nothing but our word that its mail is safe."""
SECRET = FakeSecrets({"env:PASSWORD": "sesame"})
CLOCK = SystemClock()
_FORGOTTEN = re.compile(r"UID uid-(\d+) .* a possible duplicate$")

Mails = Mapping[str, tuple[tuple[str, bytes], ...]]  # what is in each mailbox: UIDs and octets


@dataclass(frozen=True, slots=True)
class Frame:
    """The world at one moment."""

    point: str
    disk: Path
    mailboxes: Mails
    received: tuple[Received, ...]


@dataclass(slots=True)
class Peers:
    """The provider and the internal server."""

    provider: Pop3Provider
    server: InternalMailServer

    def mailboxes(self) -> Mails:
        """Return what is at the provider now."""
        names = POLICIES.keys()
        return {
            user: tuple(zip(self.provider.listed(user), self.provider.messages(user), strict=True)) for user in names
        }

    def config(self) -> Config:
        """Return the settings of an office between the two."""
        accounts = tuple(
            Account(
                name=user,
                host=self.provider.host,
                port=self.provider.port,
                user=user,
                password="env:PASSWORD",
                security=Security.NONE,
                delete=policy,
            )
            for user, policy in POLICIES.items()
        )
        second = timedelta(seconds=1)
        return Config(
            internal=InternalServer(host=self.server.host, port=self.server.port, security=SmtpSecurity.NONE),
            accounts=accounts,
            recipients=(Mailbox(address=ANNA), Mailbox(address=BOB)),
            fetch=FetchSettings(at_start=False, session_messages=4),
            delivery=DeliverySettings(retry=(second,), reconnect=(second,)),
        )


class Between(Protocol):
    """The other sides of a film: letters that are not ours yet, by who has them, and who is to get them."""

    server: InternalMailServer

    def mailboxes(self) -> Mails:
        """Return what is not ours yet, as far as whoever has it knows."""
        ...


@asynccontextmanager
async def peers(mailboxes: Mails, received: tuple[Received, ...] = ()) -> AsyncGenerator[Peers, None]:
    """Run a provider with these mails and an internal server that has received those."""
    provider = Pop3Provider({user: ("sesame", []) for user in POLICIES})
    for user, mails in mailboxes.items():
        for uid, octets in mails:
            provider.put(user, octets, uid=uid)
    server = InternalMailServer([ANNA, BOB])
    server.received += received
    await provider.start()
    try:
        await server.start()
        yield Peers(provider, server)
    finally:
        await provider.stop()
        await server.stop()


@asynccontextmanager
async def opened(
    data_dir: Path, files: Files, **more: Any
) -> AsyncGenerator[tuple[SqliteStore, tuple[Finding, ...]], None]:
    """Open the store and mend it."""
    store, findings = await open_store(data_dir, files=files, inline_limit=INLINE_LIMIT, now=CLOCK.now(), **more)
    try:
        yield store, findings
    finally:
        await store.close()


def engine_ports(store: SqliteStore, config: Config, data_dir: Path, **more: Any) -> mailgate_engine.Ports:
    """Return what an engine on this store works with, on real sockets."""
    dialer = NetDialer()
    return mailgate_engine.Ports(
        store=store,
        secrets=SECRET,
        dialer=dialer,
        imap=LibraryConnector(),
        resolver=FakeResolver(),
        web=FakeWeb(),
        clock=CLOCK,
        make_transport=lambda now: make_transport(
            now.internal, now.delivery, dialer=dialer, secrets=SECRET, clock=CLOCK
        ),
        read_config=lambda: Loaded(config, ()),
        free_space=plenty,
        data_dir=data_dir,
        version="test",
        pid=1,
        **more,
    )


async def work(store: SqliteStore, between: Peers, data_dir: Path) -> None:
    """Run an engine until the mailboxes are empty and nothing waits."""
    config = between.config()
    engine = mailgate_engine.Engine(config, engine_ports(store, config, data_dir))
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        running = group.create_task(engine.run())
        while True:
            await engine.start_session(None).quiet.wait()
            counts = await store.counts(since=CLOCK.now(), now=CLOCK.now())
            if not counts.waiting and not any(between.mailboxes().values()):
                break
        engine.stop("the end of the test")
        await running


class Film:
    """Takes the frames. `kinds` says which frames stand for each kind of write point; equal ones are kept once."""

    def __init__(
        self, root: Path, folder: Path, between: Between, *, recorder: type[RecorderFiles] = RecorderFiles
    ) -> None:
        for made in (root, folder):
            made.mkdir(0o700)
        self.frames: list[Frame] = []
        self.kinds: dict[str, set[int]] = defaultdict(set)
        self.files = recorder(root, on_point=self._file_point)
        self._folder = folder
        self._between = between
        self._loop = asyncio.get_running_loop()
        self._jobs: list[str] = []
        self._known: dict[object, int] = {}

    def fail_point(self, name: str) -> None:
        """Hear which jobs are in the writer's transaction."""
        if name.endswith(".begun"):
            self._jobs.append(name.removesuffix(".begun"))

    @contextmanager
    def commits(self) -> Generator[None, None, None]:
        """Film around each transaction of the writer thread; no file operation goes on during one."""
        listener = _by_writer(lambda: self._commit("before"))
        plain = Writer._committed

        def filmed(writer: Writer, batch: Any) -> Any:
            self._begin()
            try:
                return plain(writer, batch)
            finally:
                self._end()

        event.listen(Engine, "commit", listener)
        Writer._committed = filmed  # type: ignore[method-assign,assignment]  # as it is, between two looks at the disk
        try:
            yield
        finally:
            Writer._committed = plain  # type: ignore[method-assign]
            event.remove(Engine, "commit", listener)

    def _begin(self) -> None:
        self.files._lock.acquire()
        self._jobs.clear()

    def _commit(self, when: str) -> None:
        self._take(f"{when} commit {' '.join(self._jobs)}", {f"{when} commit {job}" for job in self._jobs})

    def _end(self) -> None:
        try:
            self._commit("after")
        finally:
            self.files._lock.release()

    def _file_point(self, point: str) -> None:
        self._take(point, {" ".join(point.split()[:2])})

    def _take(self, point: str, kinds: set[str]) -> None:
        """Copy the disk at its worst, and as bad but with its names kept, while the loop and the peers stand still."""
        frozen, thaw = threading.Event(), threading.Event()
        seen: list[tuple[Mails, tuple[Received, ...]]] = []

        def hold() -> None:
            seen.append((self._between.mailboxes(), tuple(self._between.server.received)))
            frozen.set()
            thaw.wait()

        self._loop.call_soon_threadsafe(hold)
        frozen.wait()
        try:
            for names_kept in (False, True):
                self._keep(point, kinds, names_kept, *seen[0])
        finally:
            thaw.set()

    def _keep(
        self, point: str, kinds: set[str], names_kept: bool, mailboxes: Mails, received: tuple[Received, ...]
    ) -> None:
        disk = self._folder / f"{len(self.frames)}"
        self.files.image(disk, names_kept=names_kept)
        world = (_digest(disk), tuple(tuple(uid for uid, _ in mails) for mails in mailboxes.values()), len(received))
        if world in self._known:
            shutil.rmtree(disk)
        else:
            self._known[world] = len(self.frames)
            self.frames.append(Frame(f"{point}{', names kept' if names_kept else ''}", disk, mailboxes, received))
        for kind in kinds:
            self.kinds[kind].add(self._known[world])


def _by_writer(hook: Callable[[], None]) -> Callable[..., None]:
    def listener(*_: object) -> None:
        if threading.current_thread().name == "store-writer":
            hook()

    return listener


def _digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0")
        if path.is_file():
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


async def film(root: Path, folder: Path, mailboxes: Mails, *, recorder: type[RecorderFiles] = RecorderFiles) -> Film:
    """Run a session from an empty data directory to an empty mailbox, and let go of what was delivered; film it all."""
    async with peers(mailboxes) as between:
        made = Film(root, folder, between, recorder=recorder)
        with made.commits():
            async with opened(root, made.files, fail_point=made.fail_point) as (store, _):
                await work(store, between, root)
                await store.purge(done_before=CLOCK.now() - timedelta(days=1), bodies_before=CLOCK.now())
        return made


async def broken_promises(frame: Frame, sent: Sequence[Letter], data_dir: Path, *, found: set[str]) -> list[str]:
    """Return what is lost in the world of this frame, after recovery: nothing, if the promises hold.

    Each letter is at the provider and not hidden there, or whole in the store with its way before it, or delivered. The
    codes of what recovery has found are added to `found`.
    """
    shutil.copytree(frame.disk, data_dir)
    async with opened(data_dir, RealFiles(detect())) as (store, findings):
        found.update(one.code for one in findings)
        known = {user: await store.ledger(user) for user in POLICIES}
        held, done = await in_store(store)
    delivered = {number_of(one.octets) for one in frame.received}
    fetched_again = {
        number_of(octets) for user, mails in frame.mailboxes.items() for uid, octets in mails if uid not in known[user]
    }
    wrong = [f"letter {number} is done and was not delivered" for number in sorted(done - delivered)]
    for letter in sent:
        whole = held.get(letter.number) == letter.octets
        if not (whole or letter.number in fetched_again or letter.number in delivered & done):
            wrong.append(f"letter {letter.number} is lost")
    return wrong


async def in_store(store: SqliteStore) -> tuple[dict[int, bytes], set[int]]:
    """Return the whole bodies of unfinished letters, and the numbers of finished ones."""
    held: dict[int, bytes] = {}
    done = set()
    for entry in (await store.messages(MessageFilter(), before=None, limit=1000))[0]:
        number = int(entry.glance.subject.removeprefix("letter "))
        if entry.state is EntryState.DONE:
            done.add(number)
            continue
        with suppress(ContentLostError):
            octets = b"".join([chunk async for chunk in store.read(entry.content)])
            if hashlib.sha256(octets).hexdigest() == entry.content.sha256:
                held[number] = octets
    return held, done


async def goes_on(frame: Frame, sent: Sequence[Letter], data_dir: Path) -> list[str]:
    """Switch the power on again and work on to the end; return how the promises were broken."""
    shutil.copytree(frame.disk, data_dir)
    async with (
        peers(frame.mailboxes, frame.received) as between,
        opened(data_dir, RealFiles(detect())) as (store, findings),
    ):
        await work(store, between, data_dir)
        doubts: dict[int, int] = defaultdict(int)
        for finding in findings:
            if forgotten := _FORGOTTEN.search(finding.text):
                doubts[int(forgotten[1])] += 1
        kept = set()
        for entry in (await store.messages(MessageFilter(), before=None, limit=1000))[0]:
            number = int(entry.glance.subject.removeprefix("letter "))
            doubts[number] += sum(one.stage in UNCERTAIN for one in await store.trace(entry.id))
            if entry.state is EntryState.PARKED:
                kept.add(number)
        received = [one.octets for one in between.server.received]
    wrong = faults(sent, received, doubts=doubts, kept=kept)
    # The end of the engine may come between the commit that lets go of a body and the removal of its file.
    return wrong + [one.text for one in check_store(data_dir) if one.code != "orphan"]
