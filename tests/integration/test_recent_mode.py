"""A provider that shows the same mail again and again, as Gmail does behind `recent:`: each message comes once."""

from pathlib import Path

import pytest

from mailgate.demo.provider import Pop3Provider
from mailgate.demo.server import InternalMailServer
from tests.integration.peers import ANNA, PASSWORD, PASSWORD_VARIABLE, Peers, fetched

GMAIL = "recent:anna@office.example"


async def test_behind_recent_each_message_comes_once_and_stays_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PASSWORD_VARIABLE, PASSWORD)
    data = tmp_path / "data"
    data.mkdir(0o700)
    peers = Peers(Pop3Provider({GMAIL: (PASSWORD, [])}), InternalMailServer([ANNA]), data)
    await peers.provider.start()
    await peers.server.start()
    try:
        account = peers.account(user=GMAIL, delete="never", until_empty=True)
        async with peers.engine(accounts=[account]) as it:
            for number in (1, 2):
                letter = f"To: office\r\nDelivered-To: anna-{ANNA}\r\nMessage-ID: <{number}@out>\r\n\r\nhello\r\n"
                peers.provider.put(GMAIL, letter.encode())
                await fetched(it)
                await peers.has_come(number)
            await fetched(it)
            await peers.has_come(2)
            assert len(peers.provider.messages(GMAIL)) == 2
    finally:
        await peers.provider.stop()
        await peers.server.stop()
