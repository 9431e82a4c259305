"""What the demo office sends, and the smarthost that takes it."""

from datetime import datetime
from email import message_from_bytes

from mailgate.demo.outgoing import hand_over, outgoing_messages
from mailgate.demo.samples import USERS
from mailgate.demo.server import Smarthost


async def test_the_smarthost_takes_all_that_the_office_sends_and_keeps_it(today: datetime) -> None:
    smarthost = Smarthost()
    await smarthost.start()
    try:
        assert await hand_over(smarthost.host, smarthost.port, today) == 3
    finally:
        await smarthost.stop()
    sent = outgoing_messages(today)
    assert [(one.sender, one.recipients, one.octets) for one in smarthost.received] == [
        (sender, (recipient,), octets) for sender, recipient, octets in sent
    ]


def test_each_comes_from_a_mailbox_of_the_office_and_leaves_it(today: datetime) -> None:
    for sender, recipient, octets in outgoing_messages(today):
        message = message_from_bytes(octets)
        assert sender in USERS
        assert not recipient.endswith("@office.example")
        assert recipient in message["To"]
        assert message["Subject"]
