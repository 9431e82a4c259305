"""Messages for tests of the store and the queue: taken, decided on and answered with one call each."""

from datetime import datetime

from mailgate.model.address import parse_address
from mailgate.model.entry import EntryRecipient, EntryState, ParkReason, QueueEntry
from mailgate.model.message import Glance, HeaderEdit
from mailgate.model.source import Direction, Source
from mailgate.model.status import DeliveryResult, Reply
from mailgate.model.verdict import Disposition, Stage, TraceStep
from mailgate.ports.store import DraftContent, NewEntry, Outcome, Store
from tests.fakes.clock import START

LETTER = b"From: timber@wood.example\r\nSubject: Your oak\r\n\r\nIt is on its way.\r\n"
ANNA = "anna@office.example"
JONAS = "jonas@office.example"
NO_GLANCE = Glance()
NO_EDIT = HeaderEdit()


def step(stage: Stage, text: str = "it happened", *, at: datetime = START) -> TraceStep:
    return TraceStep(at, stage, text, "the evidence")


async def draft(store: Store, octets: bytes, *, portion: int = 100_000) -> DraftContent:
    writer = await store.new_content()
    for at in range(0, len(octets), portion):
        await writer.write(octets[at : at + portion])
    return await writer.finish()


def new_entry(
    *, uid: str = "uid-1", account: str = "office", at: datetime = START, glance: Glance = NO_GLANCE
) -> NewEntry:
    source = Source(account, uid, 1, "pop.example")
    return NewEntry(Direction.INBOUND, source, at, glance, (step(Stage.FETCHED, "Fetched", at=at),))


async def take(
    store: Store,
    octets: bytes = LETTER,
    *,
    uid: str = "uid-1",
    account: str = "office",
    at: datetime = START,
    glance: Glance = NO_GLANCE,
) -> QueueEntry:
    return await store.accept(await draft(store, octets), new_entry(uid=uid, account=account, at=at, glance=glance))


def recipient(address: str, code: str = "E") -> EntryRecipient:
    return EntryRecipient(parse_address(address), code)


def decision(
    *addresses: str,
    park: ParkReason | None = None,
    at: datetime = START,
    glance: Glance = NO_GLANCE,
    edit: HeaderEdit = NO_EDIT,
    sender: str = "timber@wood.example",
) -> Disposition:
    return Disposition(
        parse_address(sender) if sender else None,
        tuple(recipient(address) for address in addresses),
        glance,
        edit,
        (step(Stage.ROUTED, "Routed", at=at),),
        codes="E" * len(addresses),
        park=park,
    )


async def ready(
    store: Store,
    octets: bytes = LETTER,
    *,
    uid: str = "uid-1",
    account: str = "office",
    to: tuple[str, ...] = (ANNA,),
    at: datetime = START,
) -> QueueEntry:
    return await decided(store, await take(store, octets, uid=uid, account=account, at=at), to=to, at=at)


async def decided(
    store: Store, entry: QueueEntry, *, to: tuple[str, ...] = (ANNA,), at: datetime = START
) -> QueueEntry:
    await store.decide(entry.id, decision(*to, at=at), now=at)
    return await now_is(store, entry.id)


async def active(
    store: Store, octets: bytes = LETTER, *, uid: str = "uid-1", to: tuple[str, ...] = (ANNA,)
) -> QueueEntry:
    entry = await ready(store, octets, uid=uid, to=to)
    assert await store.claim(entry.id)
    return await now_is(store, entry.id)


async def done(store: Store, octets: bytes = LETTER, *, uid: str = "uid-1", at: datetime = START) -> QueueEntry:
    entry = await active(store, octets, uid=uid)
    await store.record(entry.id, outcome(EntryState.DONE, answer(ANNA), at=at), now=at)
    return await now_is(store, entry.id)


async def parked(
    store: Store, octets: bytes = LETTER, *, uid: str = "uid-1", reason: ParkReason = ParkReason.UNROUTED
) -> QueueEntry:
    entry = await take(store, octets, uid=uid)
    await store.decide(entry.id, decision(park=reason), now=START)
    return await now_is(store, entry.id)


async def now_is(store: Store, entry_id: int) -> QueueEntry:
    entry = await store.entry(entry_id)
    assert entry is not None
    return entry


def answer(address: str, code: int = 250, text: str = "2.0.0 taken", *, unknown: bool = False) -> DeliveryResult:
    return DeliveryResult(address, Reply(code, text), unknown)


def outcome(
    state: EntryState,
    *results: DeliveryResult,
    at: datetime = START,
    again: datetime | None = None,
    reason: ParkReason | None = None,
) -> Outcome:
    return Outcome(state, results, (step(Stage.DELIVERED, "Answered", at=at),), again, reason)


async def body(store: Store, entry: QueueEntry, *, start: int = 0) -> bytes:
    return b"".join([chunk async for chunk in store.read(entry.content, start=start)])
