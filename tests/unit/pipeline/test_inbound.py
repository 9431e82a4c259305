"""What happens to fetched mail between intake and delivery."""

from dataclasses import replace
from datetime import timedelta

import pytest

from mailgate.mime.decode import glance
from mailgate.mime.headers import edit
from mailgate.model.entry import EntryState, ParkReason, QueueEntry
from mailgate.model.errors import UnknownError
from mailgate.model.events import MessageMerged
from mailgate.model.message import ContentRef, Glance
from mailgate.model.routing_options import RoutingSettings
from mailgate.model.settings import Account, Config, DeliverySettings, InternalServer, Mailbox
from mailgate.model.source import Direction, Source
from mailgate.model.verdict import Disposition, Stage
from mailgate.pipeline.inbound import InboundPipeline
from mailgate.ports.store import NewEntry
from mailgate.queue.announce import decision_event
from tests.fakes.clock import START, FakeClock
from tests.fakes.memory_store import MemoryStore

OFFICE = Account(name="office", host="pop.example", user="all@office.example", password="env:X")
CONFIG = Config(
    internal=InternalServer(host="mail.office.example"),
    accounts=(replace(OFFICE, envelope_header="X-Envelope-To"),),
    recipients=(
        Mailbox(address="anna@office.example", aliases=("sales@office.example",)),
        Mailbox(address="bob@office.example"),
    ),
)
ENTRY = QueueEntry(
    id=26,
    direction=Direction.INBOUND,
    state=EntryState.RECEIVED,
    source=Source("office", "uid-1", 7, "pop.example"),
    content=ContentRef(1, 100, "00"),
    sender=None,
    received_at=START,
    next_attempt=None,
    attempts=0,
)


async def decided(header: bytes, *, config: Config = CONFIG, account: str = "office") -> Disposition:
    pipeline = InboundPipeline(config, clock=FakeClock(), hostname="gate.example", loop_key=b"key")
    return await pipeline.process(replace(ENTRY, source=replace(ENTRY.source, account=account)), header)


async def test_recipients_and_sender_are_read_off_the_header() -> None:
    found = await decided(
        b"Return-Path: <peer@out.example>\r\nX-Envelope-To: anna@office.example\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n"
        b"From: Peer <peer@out.example>\r\n\r\nSubject: not this\r\n"
    )
    assert [str(one.address) for one in found.recipients] == ["anna@office.example"]
    assert (found.codes, str(found.sender), found.park) == ("E", "peer@out.example", None)
    assert found.glance == Glance(), "what the intake saw at a glance stays"


async def test_what_is_added_to_the_header_names_entry_account_and_codes() -> None:
    found = await decided(b"X-Envelope-To: sales@office.example\r\n\r\n")
    assert b"id Pmg001A;" in found.edit.prepend
    assert b"X-MailGate-Account: office\r\n" in found.edit.prepend
    assert b"X-MailGate-Routing: X\r\n" in found.edit.prepend
    assert found.edit.prepend.startswith(b"Received: from pop.example")


async def test_a_delivered_to_that_names_our_recipient_is_renamed_and_that_is_told() -> None:
    header = b"X-Envelope-To: anna@office.example\r\nDelivered-To: anna@office.example\r\n\r\n"
    found = await decided(header)
    assert [rename.new_name for rename in found.edit.rename] == ["X-MailGate-Delivered-To"]
    assert [step.stage for step in found.trace] == [Stage.ROUTED, Stage.EDITED]
    off = replace(CONFIG, delivery=DeliverySettings(rename_delivered_to=False))
    assert (await decided(header, config=off)).edit.rename == ()


async def test_a_message_for_nobody_is_parked_and_the_trace_says_why() -> None:
    found = await decided(b"X-Envelope-To: nobody@office.example\r\n\r\n")
    assert (found.park, found.recipients) == (ParkReason.UNROUTED, ())
    assert [step.stage for step in found.trace] == [Stage.ROUTED, Stage.PARKED]
    assert "nobody@office.example" in found.trace[-1].text


async def test_the_trace_holds_the_evidence_and_the_codes() -> None:
    [step] = (await decided(b"X-Envelope-To: anna@office.example\r\n\r\n")).trace
    assert step.evidence == "X-Envelope-To: anna@office.example  [E]"


async def test_mail_of_an_account_that_was_removed_is_routed_by_the_rest() -> None:
    found = await decided(b"To: bob@office.example\r\n\r\n", account="former")
    assert [str(one.address) for one in found.recipients] == ["bob@office.example"]


@pytest.mark.parametrize("header", [b"", b"\r\n", b"no colon\r\n", b"\x00\xff" * 500, b"To: " + b"<" * 5000])
async def test_a_header_of_any_kind_gives_a_decision(header: bytes) -> None:
    assert (await decided(header)).park is ParkReason.UNROUTED


async def test_a_new_configuration_counts_for_what_comes_from_now_on() -> None:
    pipeline = InboundPipeline(CONFIG, clock=FakeClock(), hostname="gate.example", loop_key=b"key")
    pipeline.configure(replace(CONFIG, recipients=(Mailbox(address="nobody@office.example"),)))
    found = await pipeline.process(ENTRY, b"X-Envelope-To: nobody@office.example\r\n\r\n")
    assert [str(one.address) for one in found.recipients] == ["nobody@office.example"]


async def test_trying_a_routing_gives_the_answer_of_live_mail() -> None:
    pipeline = InboundPipeline(CONFIG, clock=FakeClock(), hostname="gate.example", loop_key=b"key")
    for header in (b"X-Envelope-To: sales@office.example\r\n\r\n", b"To: bob@office.example\r\n\r\nbody", b"\r\n"):
        tried, live = pipeline.try_routing("office", header), await decided(header)
        assert (tried.recipients, tried.codes, tried.park) == (live.recipients, live.codes, live.park)
    with pytest.raises(UnknownError, match="there are: office"):
        pipeline.try_routing("x", b"")


async def come_in(header: bytes, *, times: int, config: Config = CONFIG) -> Disposition:
    """Let a message come in so often, each time with the header that it left with the time before."""
    for _ in range(times):
        found = await decided(header, config=config)
        header = edit(header, found.edit)
    return found


async def test_a_message_that_comes_round_for_the_same_recipient_is_parked_the_fourth_time() -> None:
    header = b"X-Envelope-To: anna@office.example\r\nSubject: round\r\n\r\n"
    assert (await come_in(header, times=3)).park is None
    found = await come_in(header, times=4)
    assert (found.park, [str(one.address) for one in found.recipients]) == (ParkReason.LOOP, ["anna@office.example"])
    assert found.trace[-1].stage is Stage.PARKED
    assert "A loop: the message has come for anna@office.example 3 times already." in found.trace[-1].text


async def test_a_message_that_has_passed_more_than_a_hundred_servers_is_parked() -> None:
    to, hop = (
        b"X-Envelope-To: anna@office.example\r\n\r\n",
        b"Received: from a by b; Mon, 2 Mar 2026 09:00:00 +0000\r\n",
    )
    assert (await decided(hop * 100 + to)).park is None
    found = await decided(hop * 101 + to)
    assert (found.park, "101 servers" in found.trace[-1].text) == (ParkReason.LOOP, True)


async def test_an_auto_forward_to_a_colleague_that_comes_back_through_the_catch_all_is_no_loop() -> None:
    header = b"Subject: forwarded\r\n\r\n"
    for turn in range(4):  # anna forwards to bob, bob to anna: each of them sees it twice
        to = b"X-Envelope-To: " + (b"anna" if turn % 2 else b"bob") + b"@office.example\r\n"
        found = await decided(to + header)
        assert found.park is None
        header = edit(header, found.edit)


async def test_a_message_for_nobody_is_unrouted_however_far_it_has_come() -> None:
    assert (await decided(b"Received: x\r\n" * 200)).park is ParkReason.UNROUTED


class TestCopies:
    """A mailbox whose provider stores one copy for each recipient, and writes nowhere for whom each is."""

    CATCH_ALL = replace(CONFIG, accounts=(OFFICE,))
    HEADER = b"Message-ID: <1@peer>\r\nTo: anna@office.example, bob@office.example\r\n\r\n"

    async def taken(
        self, store: MemoryStore, uid: str, header: bytes = HEADER, body: bytes = b"Hello\r\n"
    ) -> QueueEntry:
        writer = await store.new_content()
        await writer.write(header + body)
        source = replace(ENTRY.source, uid=uid)
        new = NewEntry(Direction.INBOUND, source, START, glance(header), ())
        return await store.accept(await writer.finish(), new)

    async def judged(
        self,
        store: MemoryStore,
        uid: str,
        header: bytes = HEADER,
        body: bytes = b"Hello\r\n",
        config: Config = CATCH_ALL,
    ) -> Disposition:
        pipeline = InboundPipeline(config, clock=FakeClock(), hostname="gate.example", loop_key=b"key", store=store)
        entry = await self.taken(store, uid, header, body)
        disposition = await pipeline.process(entry, header)
        await store.decide(entry.id, disposition, now=START)
        return disposition

    async def test_the_second_copy_is_done_and_both_say_so(self) -> None:
        store = MemoryStore()
        first = await self.judged(store, "u1")
        second = await self.judged(store, "u2", b"Received: other\r\n" + self.HEADER)
        assert (first.codes, second.codes, second.recipients) == ("II", "", ())
        assert second.trace[-1].text == (
            "Merged: a copy of the same message is there already. anna@office.example, bob@office.example: by Pmg0001"
        )
        entry = await store.entry(2)
        assert entry
        assert entry.state is EntryState.DONE
        assert (await store.trace(1))[-1].text.startswith("Pmg0002 is a copy of this message")
        assert decision_event(entry, second, entry.state) == MessageMerged(
            entry="Pmg0002", account="office", session=7, into=("Pmg0001",), subject=""
        )

    async def test_a_copy_that_leads_to_one_more_goes_to_that_one_alone(self) -> None:
        store = MemoryStore()
        await self.judged(store, "u1", b"Message-ID: <1@peer>\r\nTo: anna@office.example\r\n\r\n")
        second = await self.judged(store, "u2")
        assert [str(one.address) for one in second.recipients] == ["bob@office.example"]
        assert second.codes == "I"
        assert b"X-MailGate-Routing: I\r\n" in second.edit.prepend
        assert second.trace[-1].stage is Stage.MERGED

    @pytest.mark.parametrize(
        ("header", "body"),
        [
            (HEADER, b"Another text\r\n"),
            (HEADER.replace(b"<1@peer>", b"<2@peer>"), b"Hello\r\n"),
            (HEADER.replace(b"Message-ID", b"X-Message-ID"), b"Hello\r\n"),
            (b"X-Original-To: anna@office.example\r\n" + HEADER, b"Hello\r\n"),
        ],
    )
    async def test_what_is_no_copy_or_says_for_whom_it_is_is_not_merged(self, header: bytes, body: bytes) -> None:
        store = MemoryStore()
        await self.judged(store, "u1")
        assert (await self.judged(store, "u2", header, body)).merged_into == ()

    async def test_nothing_is_merged_where_the_window_is_0(self) -> None:
        store = MemoryStore()
        config = replace(self.CATCH_ALL, routing=RoutingSettings(merge_window=timedelta()))
        await self.judged(store, "u1", config=config)
        assert (await self.judged(store, "u2", config=config)).merged_into == ()

    @pytest.mark.parametrize(
        ("header", "at_once"),
        [
            (HEADER, False),
            (b"X-Original-To: anna@office.example\r\n" + HEADER, True),
            (b"To: anna@office.example\r\n\r\n", True),
            (b"Message-ID: <1@peer>\r\nTo: x@foreign.example\r\n\r\n", True),
        ],
    )
    async def test_only_what_may_have_copies_waits_for_the_store(self, header: bytes, at_once: bool) -> None:
        store = MemoryStore()
        pipeline = InboundPipeline(self.CATCH_ALL, clock=FakeClock(), loop_key=b"key", store=store)
        entry = await self.taken(store, "u1", header)
        assert (pipeline.at_once(entry, header) is not None) == at_once
