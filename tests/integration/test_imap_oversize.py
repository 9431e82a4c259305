"""A person's deletion of a message that is too large, by IMAP: it is deleted, or nobody says so."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from mailgate.mime.header_hash import header_hash
from mailgate.model.imap_options import MailProtocol, ProviderCopy
from mailgate.model.settings import Account
from mailgate.ports.stages import OversizePlan
from tests.fakes.oversize import FakeOversize
from tests.integration.imap_peer import HOST, ImapPeer, listening
from tests.integration.mailbox import Bench, letter, mailbox

TOO_SMALL = 10


class Deciding(FakeOversize):
    """Lets nothing be fetched, and has every message deleted that it was told of."""

    async def plan(self, account: Account) -> OversizePlan:
        doomed = {one.uid: (one.size_octets, header_hash(one.header)) for one in self.new}
        known = {one.uid: one.size_octets for one in self.new}
        return OversizePlan(TOO_SMALL, doomed=doomed, known=known)


@asynccontextmanager
async def office(after: ProviderCopy, offers: str = "IMAP4rev1 UIDPLUS MOVE") -> AsyncIterator[tuple[Bench, ImapPeer]]:
    async with listening(ImapPeer({1: letter(1)}, offers=offers)) as peer, mailbox() as bench:
        imap = {"host": HOST, "port": peer.port, "protocol": MailProtocol.IMAP, "push": False}
        bench.account = replace(bench.account, after=after, **imap)  # type: ignore[arg-type]
        bench.tools = replace(bench.tools, oversize=Deciding())
        yield bench, peer


async def decided_and_done(bench: Bench) -> list[str]:
    """Do the session that finds it and the one that deletes it; return what the desk was told is deleted."""
    async with asyncio.timeout(8):
        assert (await bench.session()).error == ""
        assert (await bench.session()).error == ""
    desk = bench.tools.oversize
    assert isinstance(desk, Deciding)
    return desk.deletions


@pytest.mark.parametrize("after", list(ProviderCopy))
async def test_it_is_deleted_whatever_becomes_of_mail_that_was_fetched(after: ProviderCopy) -> None:
    async with office(after) as (bench, peer):
        assert len(await decided_and_done(bench)) == 1
        assert peer.messages == {}
        assert not {"UID MOVE", "UID COPY"} & set(peer.said)


@pytest.mark.parametrize("after", list(ProviderCopy))
async def test_what_the_server_cannot_remove_alone_is_not_told_to_be_deleted(after: ProviderCopy) -> None:
    async with office(after, "IMAP4rev1") as (bench, peer):
        peer.messages[2] = letter(2)
        peer.marked.add(2)
        assert await decided_and_done(bench) == []
        assert (set(peer.messages), peer.marked) == ({1, 2}, {1, 2})


async def test_one_that_is_larger_than_its_listed_size_is_left_and_the_next_one_comes_as_it_is() -> None:
    """Exchange only estimates RFC822.SIZE; a body comes in pieces of 1 MiB, and the second is beyond the limit."""
    large = letter(1, b"a line of some length, again and again\r\n" * 60_000)

    def understate(command: str, answer: bytes) -> bytes:
        return answer.replace(b"RFC822.SIZE %d" % len(large), b"RFC822.SIZE 1200000") if "SIZE" in command else answer

    async with listening(ImapPeer({1: large, 2: letter(2)}, tamper=understate)) as peer, mailbox() as bench:
        imap = {"host": HOST, "port": peer.port, "protocol": MailProtocol.IMAP, "push": False}
        bench.account = replace(bench.account, **imap)  # type: ignore[arg-type]
        result = await bench.session(max_message_size=1_500_000)
        assert (bench.delivered, list(peer.messages)) == (Counter([letter(2)]), [1])
        assert ["more than 1500000" in one.reason for one in result.skipped.values()] == [True]
