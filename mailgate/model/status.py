"""What an SMTP peer answered, and what it means: said once, here (RFC 5321 section 4.2, RFC 3463)."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

_ENHANCED: Final = re.compile(r"([245])\.(\d{1,3})\.(\d{1,3})(?=\s|$)", re.ASCII)


@dataclass(frozen=True, slots=True)
class EnhancedStatus:
    """An enhanced mail system status code, RFC 3463: class, subject, detail."""

    klass: int
    subject: int
    detail: int

    def __str__(self) -> str:
        return f"{self.klass}.{self.subject}.{self.detail}"


MAILBOX_FULL: Final = EnhancedStatus(5, 2, 2)  # RFC 3463 section 3.3; some servers say 552 and mean 452


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply: the code, and its text, lines parted by line feeds. Code 0 stands for "said nothing"."""

    code: int
    text: str

    @property
    def positive(self) -> bool:
        """Whether the peer took it (2xx or 3xx)."""
        return 200 <= self.code < 400  # noqa: PLR2004 RFC 5321 section 4.2.1

    @property
    def permanent(self) -> bool:
        """Whether trying again unchanged is pointless: 5xx, but for a full mailbox, which somebody will empty."""
        return 500 <= self.code < 600 and self.enhanced != MAILBOX_FULL  # noqa: PLR2004 RFC 5321 section 4.2.1

    @property
    def enhanced(self) -> EnhancedStatus | None:
        """The RFC 3463 code at the head of the text, if there is one."""
        found = _ENHANCED.match(self.text)
        return EnhancedStatus(*map(int, found.groups())) if found else None

    def __str__(self) -> str:
        first = self.text.splitlines()[0] if self.text else ""
        return f"{self.code} {first}".strip() if self.code else first


NO_ANSWER: Final = Reply(0, "no answer")


class SmtpStage(StrEnum):
    """What was said when a reply came. The words are those of `docs/faults.md`."""

    BANNER = "banner"
    EHLO = "EHLO"
    STARTTLS = "STARTTLS"
    AUTH = "AUTH"
    MAIL = "MAIL"
    RCPT = "RCPT"
    DATA = "DATA"
    TEXT = "final dot"


@dataclass(frozen=True, slots=True)
class DeliveryResult:
    """What became of one recipient in one conversation.

    `unknown` means that the line was lost after the final dot: the peer may have the message (promise 3, RFC 5321
    section 4.2.5). Retry or give up is read from `reply` and `stage`, by `policy.playbook`, and from nowhere else; `held`
    says that it read from them that this recipient is tried again although it was refused for good. `mended` counts line
    ends of the text that were made CRLF, since DATA takes no others (section 2.3.8). `reports_itself`: the peer was told
    what the sender asked of delivery reports, and sees to it (RFC 3461). `expired`: nobody tries it any more. `for_one`: the
    reply to the text is about this recipient alone, as LMTP's is (RFC 2033 section 4.2).
    """

    address: str
    reply: Reply
    unknown: bool = False
    mended: int = 0
    stage: SmtpStage = SmtpStage.RCPT
    held: bool = False
    reports_itself: bool = False
    expired: bool = False
    for_one: bool = False

    @property
    def delivered(self) -> bool:
        """Whether the peer took responsibility."""
        return self.reply.positive and not self.unknown

    @property
    def permanent(self) -> bool:
        """Whether the peer refused for good, or it is given up."""
        return (self.reply.permanent or self.expired) and not (self.unknown or self.held)
