"""A transaction of a session, from MAIL to the end of the text, and the envelopes that it comes to."""

from dataclasses import dataclass, field

from mailgate.intake.submission.taking import Taking
from mailgate.model.envelope import Envelope, EnvelopeRecipient
from mailgate.model.status import Reply
from mailgate.wire.smtp_requests import MailFrom


@dataclass(slots=True)
class Transaction:
    """MAIL to the end of the text."""

    mail: MailFrom
    recipients: list[tuple[EnvelopeRecipient, str]] = field(default_factory=list)  # with its lane each
    taking: Taking | None = None  # BDAT: the message so far
    refusal: Reply | None = None  # BDAT: a chunk was refused, and so is the rest

    def envelopes(self, *, hello: str, protocol: str) -> dict[str, Envelope]:
        """Return one envelope for each way that the recipients go; nobody stands twice in one."""
        mail = self.mail
        ways: dict[str, list[EnvelopeRecipient]] = {}
        for recipient, lane in self.recipients:
            known = ways.setdefault(lane, [])
            if all(one.address != recipient.address for one in known):
                known.append(recipient)
        return {
            lane: Envelope(mail.sender, tuple(known), mail.ret, mail.envid, mail.body, mail.utf8, hello, protocol)
            for lane, known in ways.items()
        }
