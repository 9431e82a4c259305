"""The sample messages of the demo office: about forty, as they lie in the provider's catch-all mailbox.

`letters.py` has the everyday ones, `oddities.py` the odd ones; here they are dated and stamped.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from mailgate.demo.compose import Draft, Letter, text, words
from mailgate.demo.letters import ANNA, ARCHITECT, CUSTOMER, INVOICES, JONAS, PRINTER, SARA, TIMBER, letters
from mailgate.demo.oddities import oddities

USERS: Final = (ANNA, JONAS, SARA)
SPAN: Final = timedelta(hours=44)  # the oldest sample came this long ago


@dataclass(frozen=True, slots=True)
class Sample:
    """A message as the provider stores it, what it shows, and the mailboxes it must reach (none: unrouted)."""

    octets: bytes
    about: str
    expected: tuple[str, ...]


def sample_messages(now: datetime) -> tuple[Sample, ...]:
    """Return the samples, oldest first, dated over the two days before `now` (aware). The same `now`, the same octets.

    Everyday and odd ones take turns, so that whoever watches sees both.
    """
    plain, odd = list(letters()), list(oddities())
    drafts = [draft for pair in zip(plain, odd, strict=False) for draft in pair]
    drafts += plain[len(odd) :] + odd[len(plain) :]
    step = SPAN / len(drafts)
    written: dict[Letter, bytes] = {}  # two copies of one letter are alike but for the provider's lines
    samples = []
    for number, draft in enumerate(drafts, 1):
        when = now - SPAN + number * step
        letter = written.setdefault(draft.letter, draft.letter.octets(number, when))
        samples.append(Sample(draft.stamp(number, when) + letter, draft.about, draft.expected))
    return tuple(samples)


def fresh_message(number: int, now: datetime) -> Sample:
    """Return a message that comes in now, the `number`-th since the demo began (from 0); the texts repeat in turn."""
    sender, mailbox, address, subject, body = _FRESH[number % len(_FRESH)]
    draft = Draft(
        about="came in while you watched",
        expected=(mailbox,),
        envelope_to=address,
        received_for=address,
        letter=Letter(sender=sender, to=address, subject=words(subject), content=text(body)),
    )
    serial = 1000 + number  # beyond all samples
    return Sample(draft.stamp(serial, now) + draft.letter.octets(serial, now), draft.about, draft.expected)


_FRESH: Final = (
    (TIMBER, JONAS, JONAS, "Ihr Ahorn ist verladen", "Der Wagen ist unterwegs und gegen elf bei Ihnen.\n"),
    (CUSTOMER, SARA, SARA, "One more shelf?", "We have found more books. Is there room for one more shelf?\n"),
    (
        ARCHITECT,
        ANNA,
        ANNA,
        "Réunion décalée à 15 h",
        "Bonjour Anna, la réunion est décalée à 15 h. À tout à l'heure !\n",
    ),
    (
        PRINTER,
        JONAS,
        INVOICES,
        "Rechnung 5513",
        "Anbei unsere Rechnung für die Visitenkarten. Danke für den Auftrag!\n",
    ),
    (
        PRINTER,
        ANNA,
        ANNA,
        "Korrekturabzug Briefbögen",
        "Bitte prüfen Sie den Abzug; am Nachmittag gehen wir in Druck.\n",
    ),
    (CUSTOMER, SARA, SARA, "The shelf is full already", "Please forget what I said about one more shelf. Two more.\n"),
)
