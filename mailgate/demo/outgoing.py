"""What the demo office sends: three messages to the world outside, handed over as its mail server would."""

import asyncio
import smtplib
from datetime import datetime
from typing import Final

from mailgate.demo.compose import Letter, text, words
from mailgate.demo.letters import ANNA, ARCHITECT, CUSTOMER, JONAS, SARA, TIMBER

_FIRST: Final = 2000  # their serial numbers: beyond those of all samples
_TIMEOUT_S: Final = 20.0

_LETTERS: Final = (
    (ANNA, ARCHITECT, "Plan d'escalier, version 3", "Bonjour, voici le plan corrigé. À mardi !\n"),
    (JONAS, TIMBER, "Bestellung Eiche, 12 Bohlen", "Bitte 12 Bohlen Eiche, 52 mm, bis Freitag.\n"),
    (SARA, CUSTOMER, "Your offer", "Please find our offer below. The price is not final yet.\n"),
)


def outgoing_messages(now: datetime) -> tuple[tuple[str, str, bytes], ...]:
    """Return sender, recipient and octets of each, dated `now`."""
    made = []
    for number, (sender, to, subject, body) in enumerate(_LETTERS, _FIRST):
        letter = Letter(sender=sender, to=to, subject=words(subject), content=text(body))
        address = to.rpartition("<")[2].rstrip(">")
        made.append((letter.sender_address, address, letter.octets(number, now)))
    return tuple(made)


async def hand_over(host: str, port: int, now: datetime) -> int:
    """Hand the messages to the listener there, and return how many.

    Raises:
        OSError: they were not taken, an `smtplib.SMTPException` among others.
    """
    messages = outgoing_messages(now)

    def work() -> None:
        with smtplib.SMTP(host, port, "mail.office.example", timeout=_TIMEOUT_S) as client:
            client.ehlo()
            asked = ["NOTIFY=FAILURE,DELAY"] if client.has_extn("dsn") else []
            for sender, recipient, octets in messages:
                client.sendmail(sender, [recipient], octets, rcpt_options=asked)

    await asyncio.to_thread(work)
    return len(messages)
