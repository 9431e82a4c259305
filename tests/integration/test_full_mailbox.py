"""A mailbox of a real Dovecot that is full: its owner waits, nobody else does, and what is told says so."""

import shutil
from pathlib import Path

import pytest

from mailgate.client.discover import find_engine
from mailgate.client.http import EngineClient
from mailgate.model.entry import EntryState
from tests.fakes.eventually import eventually, eventually_by
from tests.integration.peers import ANNA, BOB, PASSWORD, PASSWORD_VARIABLE, conditions, fetched, opened
from tests.servers.base import HOST, needs
from tests.servers.dovecot import Dovecot


@pytest.mark.servers
@needs("dovecot", root=True)
@pytest.mark.skipif(not Dovecot.has_lmtp(), reason="needs Dovecot's LMTP program")
async def test_who_has_no_room_waits_alone_and_gets_it_when_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PASSWORD_VARIABLE, PASSWORD)
    with Dovecot({ANNA: "x", BOB: "x"}, lmtp=True, quota_octets=50_000) as dovecot:
        for _ in range(2):
            dovecot.put(BOB, b"Subject: kept\r\n\r\n" + b"x" * 30_000)
        async with opened(tmp_path / "data") as peers:
            internal = {"host": HOST, "port": dovecot.lmtp, "protocol": "lmtp"}
            people = [{"address": ANNA}, {"address": BOB}]
            async with peers.engine(internal=internal, recipients=people) as it:
                peers.put(1, to=f"{ANNA}, {BOB}", octets=3000)
                await fetched(it)
                await eventually(lambda: len(dovecot.messages(ANNA)) == 1, "the message for Anna", timeout_s=30)

                async def waits() -> bool:
                    return (await it.engine.message("Pmg0001")).attempts > 1

                await eventually_by(waits, "the next try", timeout_s=30)
                async with EngineClient(find_engine(peers.data)) as client:
                    told = {one.address: one for one in (await client.message("Pmg0001")).message.recipients}
                    assert (told[ANNA].state, told[ANNA].error_class) == ("delivered", "")
                    assert (told[BOB].state, told[BOB].error_class) == ("pending", "mailbox-full")
                    assert "5.2.2" in told[BOB].reply
                    assert "raise its quota" in told[BOB].remedy
                assert conditions(it) == set()
                peers.put(2, to=ANNA)  # and nothing pauses for it
                await fetched(it)
                await eventually(lambda: len(dovecot.messages(ANNA)) == 2, "the next message", timeout_s=30)
                for folder in ("new", "cur"):
                    shutil.rmtree(dovecot.maildir(BOB) / folder)
                    (dovecot.maildir(BOB) / folder).mkdir(0o700)
                    shutil.chown(dovecot.maildir(BOB) / folder, "mail", "mail")
                (dovecot.maildir(BOB) / "maildirsize").unlink(missing_ok=True)  # what Dovecot believes is in it

                async def done() -> bool:
                    return (await it.engine.message("Pmg0001")).state is EntryState.DONE

                await eventually_by(done, "the message for Bob", timeout_s=60)
                assert len(dovecot.messages(BOB)) == 1
                assert len(dovecot.messages(ANNA)) == 2
