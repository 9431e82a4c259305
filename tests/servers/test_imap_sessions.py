"""Sessions by IMAP at a real Dovecot: logins, folders, what becomes of the copies, new numbering, news."""

import asyncio
import imaplib
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import timedelta
from itertools import count
from typing import Any

import pytest

from mailgate.adapters.net.dialer import NetDialer
from mailgate.model.errors import ErrorClass
from mailgate.model.imap_options import MailProtocol, ProviderCopy
from mailgate.model.settings import AuthMethod, DeletePolicy, Security
from mailgate.ports.network import Endpoint, Stream
from mailgate.ports.store import LedgerState
from tests.fakes.eventually import eventually
from tests.integration.mailbox import PASSWORD, Bench, letter, mailbox
from tests.servers.base import HOST, needs
from tests.servers.dovecot import Dovecot

pytestmark = [
    pytest.mark.servers,
    needs("dovecot", root=True),
    pytest.mark.skipif(not Dovecot.has_imap(), reason="dovecot-imapd is not installed"),
]

USERS = [f"box{number}@provider.example" for number in range(100)]
_next_user = count()


_NO_PENALTY = """\
auth_failure_delay = 0
service anvil {
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
"""


class ManyWays(Dovecot):
    """Dovecot with all mechanisms that it has a password for."""

    def configure(self) -> None:
        super().configure()
        conf = self.dir / "dovecot.conf"
        text = conf.read_text().replace(
            "auth_mechanisms = plain login", "auth_mechanisms = plain login cram-md5 scram-sha-256 xoauth2 oauthbearer"
        )
        conf.write_text(text + _NO_PENALTY)


@pytest.fixture(scope="module")
def server() -> Iterator[Dovecot]:
    with ManyWays(dict.fromkeys(USERS, PASSWORD), imap=True, lock_session=False) as running:
        yield running


class CountingDialer(NetDialer):
    """Counts connections."""

    def __init__(self) -> None:
        super().__init__()
        self.dialled = 0
        self.streams: list[Stream] = []

    async def dial(self, endpoint: Endpoint, *, connect_timeout: timedelta, timeout: timedelta) -> Stream:
        self.dialled += 1
        made = await super().dial(endpoint, connect_timeout=connect_timeout, timeout=timeout)
        self.streams.append(made)
        return made


@asynccontextmanager
async def box(server: Dovecot, *messages: bytes, **settings: Any) -> AsyncIterator[Bench]:
    """Run sessions on a mailbox of its own at the server."""
    user = USERS[next(_next_user)]
    for one in messages:
        server.put(user, one)
    async with mailbox(dialer=CountingDialer()) as bench:
        usual: dict[str, Any] = {"port": server.imap, "security": Security.NONE, "ca_file": str(server.ca_file)}
        bench.account = replace(bench.account, host=HOST, user=user, protocol=MailProtocol.IMAP, **(usual | settings))
        with closing_others():
            yield bench


_others: list["Other"] = []


@contextmanager
def closing_others() -> Iterator[None]:
    try:
        yield
    finally:
        while _others:
            _others.pop().imap.shutdown()


class Other:
    """Another client at the same mailbox."""

    def __init__(self, server: Dovecot, bench: Bench) -> None:
        self.imap = imaplib.IMAP4(HOST, server.imap)
        self.imap.login(bench.account.user, PASSWORD)
        _others.append(self)

    def folder(self, name: str) -> list[bytes]:
        """Return what is in a folder."""
        assert self.imap.select(name)[0] == "OK"
        numbers = self.imap.search(None, "ALL")[1][0].split()
        return [self.imap.fetch(number.decode(), "(BODY.PEEK[])")[1][0][1] for number in numbers]  # type: ignore[index,misc]

    def flags(self, name: str = "INBOX") -> list[bytes]:
        """Return the flags of each message."""
        self.imap.select(name)
        return [bytes(one) for one in self.imap.fetch("1:*", "(FLAGS)")[1] if one]  # type: ignore[arg-type]


def dialled(bench: Bench) -> int:
    dialer = bench.tools.dialer
    assert isinstance(dialer, CountingDialer)
    return dialer.dialled


WAYS = {
    AuthMethod.AUTO: "",
    AuthMethod.SCRAM_SHA_256: "",
    AuthMethod.CRAM_MD5: "",
    AuthMethod.PLAIN: "",
    AuthMethod.LOGIN: "",
    AuthMethod.USER: "",
}


class TestLogins:
    @pytest.mark.parametrize("security", list(Security))
    @pytest.mark.parametrize("method", list(WAYS))
    async def test_each_way_of_logging_in_works_on_each_kind_of_connection(
        self, server: Dovecot, method: AuthMethod, security: Security
    ) -> None:
        port = server.imaps if security is Security.TLS else server.imap
        async with box(server, auth=method, security=security, port=port, push=False) as bench:
            assert (await bench.session()).error == ""

    @pytest.mark.parametrize("method", [*WAYS, AuthMethod.XOAUTH2, AuthMethod.OAUTHBEARER])
    async def test_a_refused_login_is_told_without_the_secret(self, server: Dovecot, method: AuthMethod) -> None:
        async with box(server, auth=method, push=False) as bench:
            bench.account = replace(bench.account, user="nobody@provider.example")
            result = await bench.session()
            assert result.error_class is ErrorClass.AUTH
            assert "refuses the" in result.error
            assert PASSWORD not in result.error

    async def test_a_certificate_of_somebody_else_ends_the_session_before_the_password(self, server: Dovecot) -> None:
        for security, port in ((Security.TLS, server.imaps), (Security.STARTTLS, server.imap)):
            async with box(server, security=security, port=port, ca_file="", push=False) as bench:
                result = await bench.session()
                assert result.error_class is ErrorClass.CERT
                pinned = replace(bench.account, fingerprint="00" * 32)
                bench.account = pinned
                assert (await bench.session()).error_class is ErrorClass.CERT


class TestTheGoodDay:
    async def test_mail_is_fetched_octet_for_octet_delivered_and_deleted(self, server: Dovecot) -> None:
        exact = letter(1, b"x" * 76 + b"\r\n") + b"y" * 100
        big = letter(2) + (b"z" * 76 + b"\r\n") * 40_000
        piece = letter(3)
        piece += b"p" * (1024 * 1024 - len(piece) - 2) + b"\r\n"
        assert len(piece) == 1024 * 1024
        messages = [letter(0), exact, big, piece, *(letter(number) for number in range(10, 200))]
        async with box(server, *messages, push=False) as bench:
            result = await bench.session()
            assert (result.error, result.listed, len(result.entries), result.deleted) == ("", 194, 194, 194)
            assert bench.delivered == Counter(messages)
            assert server.messages(bench.account.user) == []
            assert (await bench.session()).listed == 0

    async def test_nothing_is_taken_twice_and_the_seen_flag_says_nothing(self, server: Dovecot) -> None:
        async with box(server, letter(1), letter(2), delete=DeletePolicy.NEVER, push=False) as bench:
            other = Other(server, bench)
            other.imap.select()
            other.imap.store("1", "+FLAGS", r"\Seen")
            assert len((await bench.session()).entries) == 2
            assert (await bench.session()).new == 0
            assert [b"Seen" in one for one in other.flags()] == [True, False]

    async def test_what_others_marked_as_deleted_is_neither_taken_nor_removed(self, server: Dovecot) -> None:
        async with box(server, letter(1), letter(2), push=False) as bench:
            other = Other(server, bench)
            other.imap.select()
            other.imap.store("1", "+FLAGS", r"\Deleted")
            result = await bench.session()
            assert (len(result.entries), result.deleted) == (1, 1)
            assert bench.delivered == Counter([letter(2)])
            assert other.folder("INBOX") == [letter(1)]

    async def test_two_accounts_at_once_do_not_know_each_other(self, server: Dovecot) -> None:
        async with box(server, letter(1), push=False) as one, box(server, letter(2), letter(3), push=False) as other:
            results = await asyncio.gather(one.session(), other.session())
            assert [result.error for result in results] == ["", ""]
            assert (one.delivered, other.delivered) == (Counter([letter(1)]), Counter([letter(2), letter(3)]))


class TestFolders:
    async def test_several_folders_are_fetched_whatever_their_names(self, server: Dovecot) -> None:
        async with box(server, letter(1), folders=("INBOX", "Entw&APw-rfe-nicht", "Büro & Co"), push=False) as bench:
            other = Other(server, bench)
            other.imap.create('"B&APw-ro &- Co"')
            other.imap.create('"Entw&-APw-rfe-nicht"')
            other.imap.append('"B&APw-ro &- Co"', "", "", letter(2))
            other.imap.append('"Entw&-APw-rfe-nicht"', "", "", letter(3))
            result = await bench.session()
            assert (result.error, result.deleted) == ("", 3)
            assert bench.delivered == Counter([letter(1), letter(2), letter(3)])

    async def test_a_folder_that_is_not_there_is_named(self, server: Dovecot) -> None:
        async with box(server, letter(1), folders=("INBOX", "Nowhere"), push=False) as bench:
            result = await bench.session()
            assert result.error_class is ErrorClass.CONFIG
            assert "Nowhere" in result.error
            assert server.messages(bench.account.user) == [letter(1)]


class TestTheCopies:
    async def test_they_move_to_a_folder_that_is_made(self, server: Dovecot) -> None:
        async with box(server, letter(1), letter(2), after=ProviderCopy.MOVE, move_to="Geholt ü", push=False) as bench:
            assert (await bench.session()).deleted == 2
            other = Other(server, bench)
            assert Counter(other.folder('"Geholt &APw-"')) == Counter([letter(1), letter(2)])
            assert other.folder("INBOX") == []

    async def test_they_stay_marked_as_read_and_are_marked_once(self, server: Dovecot) -> None:
        async with box(server, letter(1), after=ProviderCopy.SEEN, push=False) as bench:
            result = await bench.session()
            assert (result.error, result.deleted) == ("", 0)
            other = Other(server, bench)
            assert [b"Seen" in one for one in other.flags()] == [True]
            other.imap.store("1", "-FLAGS", r"\Seen")
            assert (await bench.session()).new == 0
            assert [b"Seen" in one for one in other.flags()] == [False]
            assert [row.state for row in (await bench.store.ledger("office")).values()] == [LedgerState.SEEN]

    async def test_they_are_left(self, server: Dovecot) -> None:
        async with box(server, letter(1), after=ProviderCopy.LEAVE, push=False) as bench:
            await bench.session()
            assert [b"Seen" in one for one in Other(server, bench).flags()] == [False]
            assert (await bench.session()).new == 0


class TestNewNumbering:
    async def test_a_folder_that_is_numbered_anew_brings_nothing_twice(self, server: Dovecot) -> None:
        letters = [letter(number) for number in range(20)]
        async with box(server, *letters, delete=DeletePolicy.NEVER, push=False) as bench:
            assert len((await bench.session()).entries) == 20
            maildir = server.maildir(bench.account.user)
            numbers = maildir / "dovecot-uidlist"
            numbers.write_bytes(re.sub(rb"^3 V\d+", b"3 V4711", numbers.read_bytes()))
            for index in maildir.glob("dovecot.index*"):
                index.unlink()
            server.put(bench.account.user, letter(99))
            result = await bench.session()
            assert (result.error, len(result.entries), result.recognised) == ("", 1, 20)
            assert bench.delivered == Counter([*letters, letter(99)])

    async def test_a_small_folder_among_large_ones_is_noticed_as_well(self, server: Dovecot) -> None:
        letters = [letter(number) for number in range(20)]
        async with box(server, *letters, delete=DeletePolicy.NEVER, folders=("INBOX", "Small"), push=False) as bench:
            other = Other(server, bench)
            other.imap.create("Small")
            other.imap.append("Small", "", "", letter(50))
            assert len((await bench.session()).entries) == 21
            other.imap.delete("Small")
            other.imap.create("Small")
            other.imap.append("Small", "", "", letter(50))
            result = await bench.session()
            assert (result.error, len(result.entries), result.recognised) == ("", 0, 1)


@asynccontextmanager
async def pushed(bench: Bench) -> AsyncIterator[asyncio.Queue[str]]:
    """Let connections wait for news; what comes in the queue are the accounts that have some."""
    told: asyncio.Queue[str] = asyncio.Queue()
    push = bench.tools.push
    push.wake = lambda account, _delay: told.put_nowait(account)
    async with asyncio.TaskGroup() as group:
        work = group.create_task(push.run())
        await asyncio.sleep(0)
        try:
            yield told
        finally:
            work.cancel()


class TestNews:
    async def test_new_mail_is_told_at_once_and_fetched_over_the_same_connection(self, server: Dovecot) -> None:
        async with box(server) as bench, pushed(bench) as told:
            assert (await bench.session()).error == ""
            other = Other(server, bench)
            for number in range(3):
                other.imap.append("INBOX", "", "", letter(number))
                async with asyncio.timeout(20):
                    assert await told.get() == "office"
                assert len((await bench.session()).entries) == 1
            assert bench.delivered == Counter(map(letter, range(3)))
            assert dialled(bench) == 1

    async def test_mail_that_came_while_nobody_waited_is_told_as_well(self, server: Dovecot) -> None:
        async with box(server, letter(1), folders=("INBOX", "Other")) as bench, pushed(bench) as told:
            other = Other(server, bench)
            other.imap.create("Other")
            assert len((await bench.session()).entries) == 1
            other.imap.append("INBOX", "", "", letter(2))
            async with asyncio.timeout(20):
                await told.get()
            assert len((await bench.session()).entries) == 1

    async def test_the_heartbeat_goes_on_and_news_still_come(self, server: Dovecot) -> None:
        async with box(server) as bench, pushed(bench) as told:
            bench.tools.push.heartbeat = timedelta(seconds=0.05)
            await bench.session()
            before = bench.tools.push.beats
            await eventually(lambda: bench.tools.push.beats > before + 3, "the server answers again and again")
            Other(server, bench).imap.append("INBOX", "", "", letter(1))
            async with asyncio.timeout(20):
                await told.get()
            assert dialled(bench) == 1

    async def test_a_lost_connection_is_replaced_by_the_next_session(self, server: Dovecot) -> None:
        async with box(server) as bench, pushed(bench):
            await bench.session()
            dialer = bench.tools.dialer
            assert isinstance(dialer, CountingDialer)
            await eventually(lambda: bench.tools.push.waiting("office"), "IDLE has begun")
            dialer.streams[0].abort()
            server.put(bench.account.user, letter(1))
            result = await bench.session()
            assert (result.error, len(result.entries), dialled(bench)) == ("", 1, 2)

    async def test_another_login_gets_another_connection(self, server: Dovecot) -> None:
        async with box(server) as bench, pushed(bench):
            await bench.session()
            user = USERS[next(_next_user)]
            bench.account = replace(bench.account, user=user)
            server.put(user, letter(1))
            assert len((await bench.session()).entries) == 1
            assert dialled(bench) == 2

    async def test_nobody_waits_for_an_account_that_is_let_go(self, server: Dovecot) -> None:
        async with box(server) as bench, pushed(bench):
            await bench.session()
            await eventually(lambda: bench.tools.push.waiting("office"), "IDLE has begun")
            bench.tools.push.let_go("office")
            await eventually(lambda: not bench.tools.push.waiting("office"), "the connection ends")
