"""The refusal playbook: what each answer of the internal server means, and what is done about it.

One table, read from the top: the first row that fits decides. `docs/reference/refusals.md` is printed from it. It tells
whose fault a refusal is: the server is ill (mail waits at the provider), our configuration is (nobody pays, somebody
has to mend it), the message is (a person looks at it), or it is about one recipient, which never stops the others.

RFC 5321 section 4.2, RFC 3463; the codes that servers really use are from the field.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from mailgate.model.entry import ParkReason
from mailgate.model.errors import ErrorClass
from mailgate.model.status import DeliveryResult, Reply, SmtpStage

_NAME: Final = re.compile(r"[^\s<>()\[\]]*(?:@|[.:]\w)[^\s<>()\[\]]*")  # a host name, an address, a URL
_WORD: Final = re.compile(r"[^\W\d_]+")


class Verdict(StrEnum):
    """What an answer means. The words stand in the page of the reference."""

    TAKEN = "taken"
    LATER = "recipient later"
    TOO_MANY = "recipient next"
    MAILBOX_FULL = "mailbox full"
    MESSAGE_LATER = "message later"
    SERVER_ILL = "server ill"
    CONFIGURATION_ILL = "configuration ill"
    UNKNOWN_RECIPIENT = "unknown recipient"
    OVERSIZE = "oversize"
    QUARANTINE = "quarantine"
    WRAP = "wrap once"
    REFUSED = "refused"


DOES: Final[dict[Verdict, str]] = {
    Verdict.TAKEN: "The recipient has it.",
    Verdict.LATER: "This recipient is tried again by `delivery.retry`; the others have it, and nothing pauses.",
    Verdict.TOO_MANY: (
        "This recipient gets the message in a further transaction, at once, and no try is counted (RFC 5321 section "
        "4.5.3.1.10). Where nobody beside him was taken it is *recipient later*."
    ),
    Verdict.MAILBOX_FULL: (
        "As *recipient later*, whatever the first digit says: somebody will empty the mailbox or raise its quota. "
        "Nothing pauses, nobody else waits, and the message is never parked for it."
    ),
    Verdict.MESSAGE_LATER: (
        "The message is tried again by `delivery.retry`. When it happens to three messages in a row that have no "
        "recipient in common, the server is ill."
    ),
    Verdict.SERVER_ILL: (
        "No message pays for it with a try. The condition `internal_ill` shows and all fetching pauses: mail waits at "
        "the provider. The server is tried again by `delivery.reconnect`, and everything goes on by itself. A message "
        "at which alone the line breaks, or MAIL is refused without 4.3.x, is tried again by `delivery.retry` from the "
        "third time on, and the others go on. What is said about one recipient while another has the message (421 apart) "
        "concerns that one alone: it is tried again by `delivery.retry`, and nothing pauses."
    ),
    Verdict.CONFIGURATION_ILL: (
        "As *server ill*, with the condition `internal_config`, since somebody has to mend a setting here or there. "
        "When another recipient of the message was taken, only this one waits; after three days it is parked (refused)."
    ),
    Verdict.UNKNOWN_RECIPIENT: "For this recipient it is parked as *unrouted*: a person says who shall have it.",
    Verdict.OVERSIZE: "It is parked as *oversize*.",
    Verdict.QUARANTINE: "It is parked as *quarantine*: the server takes it for spam, a virus, or against a rule of its own.",
    Verdict.WRAP: (
        "It is sent once more as an attachment of a new message, at once. Refused again, it is parked (refused)."
    ),
    Verdict.REFUSED: (
        "It is parked as *refused*. For three days after it was fetched it is tried again once a day by itself; then it "
        "waits for a person alone, who can decide at any time before."
    ),
}
"""What is done about each verdict, as the page of the reference says it."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row: it fits when stage, code and enhanced code do, and the text has one of `words` if there are any.

    `whole`: they have to stand there as words of their own; those in host names and addresses do not count.

    `codes` are beginnings, such as `4` or `552`; `enhanced` are patterns such as `*.2.2`, of which one alone is `""`: no
    enhanced code. What is empty fits everything.
    """

    verdict: Verdict
    why: str
    stages: frozenset[SmtpStage] = frozenset()
    codes: tuple[str, ...] = ()
    enhanced: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    whole: bool = False

    def fits(self, reply: Reply, stage: SmtpStage) -> bool:
        """Return whether this row says what `reply` means at `stage`."""
        return (
            (not self.stages or stage in self.stages)
            and (not self.codes or str(reply.code).startswith(self.codes))
            and (not self.enhanced or any(_is_like(reply, one) for one in self.enhanced))
            and (not self.words or self._has_word(reply.text.lower()))
        )

    def _has_word(self, text: str) -> bool:
        if self.whole:
            return not set(self.words).isdisjoint(_WORD.findall(_NAME.sub(" ", text)))
        return any(word in text for word in self.words)


_B, _E, _S, _A = SmtpStage.BANNER, SmtpStage.EHLO, SmtpStage.STARTTLS, SmtpStage.AUTH
_M, _R, _D, _T = SmtpStage.MAIL, SmtpStage.RCPT, SmtpStage.DATA, SmtpStage.TEXT
_TEXT: Final = frozenset({_D, _T})
_AFTER_MAIL: Final = frozenset({_R, _D, _T})
_TALK: Final = frozenset({_M, _R, _D, _T})

ROWS: Final[tuple[Row, ...]] = (
    Row(Verdict.SERVER_ILL, "it shuts down, or serves nobody just now", codes=("421",)),
    Row(Verdict.CONFIGURATION_ILL, "no protected connection, or a login that is not taken", frozenset({_S, _A})),
    Row(Verdict.CONFIGURATION_ILL, "it wants a login or TLS", codes=("530", "534", "535", "538")),
    Row(Verdict.SERVER_ILL, "it takes no mail just now", frozenset({_B, _E}), ("4",)),
    Row(Verdict.CONFIGURATION_ILL, "it does not serve us: no message is to blame", frozenset({_B, _E}), ("5",)),
    Row(Verdict.MAILBOX_FULL, "the mailbox is full; some servers say 552 and mean 452", enhanced=("*.2.2",)),
    Row(
        Verdict.MAILBOX_FULL,
        "the mailbox is full, in words",
        _AFTER_MAIL,
        ("422", "450", "451", "452", "550", "552", "554"),
        ("",),
        (
            "mailbox full",
            "mailbox is full",
            "mailbox quota",
            "over quota",
            "overquota",
            "quota exceeded",
            "exceeded quota",
        ),
    ),
    Row(Verdict.SERVER_ILL, "its disk is full, or its system ill (Exchange: back pressure)", enhanced=("4.3.*",)),
    Row(Verdict.SERVER_ILL, "it takes no mail just now", frozenset({_M}), ("4",)),
    Row(Verdict.TOO_MANY, "too many recipients at once; 552 means 452 here", frozenset({_R}), ("4", "552"), ("*.5.3",)),
    Row(
        Verdict.TOO_MANY,
        "too many recipients, in words (RFC 5321 section 4.5.3.1.10)",
        frozenset({_R}),
        ("4", "552"),
        enhanced=("",),
        words=("too many recipients",),
    ),
    Row(Verdict.LATER, "greylisting, a busy mailbox, a limit", frozenset({_R}), ("4",)),
    Row(Verdict.MESSAGE_LATER, "it does not take this text just now", _TEXT, ("4",)),
    Row(
        Verdict.CONFIGURATION_ILL,
        "it does not relay for us, or not to this domain",
        _TALK,
        ("5",),
        ("5.7.*", ""),
        ("relay", "relays", "relayed", "relaying"),
        whole=True,
    ),
    Row(Verdict.OVERSIZE, "larger than it takes, or than this mailbox may get", _TALK, ("5",), ("5.3.4", "5.2.3")),
    Row(
        Verdict.UNKNOWN_RECIPIENT,
        "nobody there has this address (Exchange: 5.1.10, Microsoft 365: 5.4.1)",
        _AFTER_MAIL,
        ("5",),
        ("5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.4.1"),
    ),
    Row(Verdict.REFUSED, "it cannot say an address that is not ASCII", enhanced=("5.6.7",)),
    Row(Verdict.REFUSED, "it takes no header that is not ASCII", frozenset({_M, _R}), ("5",), ("5.6.9",)),
    Row(Verdict.WRAP, "it objects to how the message is made (MIME)", _TEXT, ("5",), ("5.6.*",)),
    Row(
        Verdict.WRAP,
        "it does not understand the text, such as a line that is too long",
        frozenset({_T}),
        ("500", "501"),
    ),
    Row(Verdict.OVERSIZE, "larger than it takes", _TALK, ("552",)),
    Row(Verdict.QUARANTINE, "against its policy, or taken for spam", _TALK, ("5",), ("5.7.*",)),
    Row(
        Verdict.QUARANTINE,
        "taken for spam or a virus, in words",
        _TEXT,
        ("5",),
        words=("spam", "virus", "malware", "junk", "content", "phish"),
    ),
    Row(Verdict.QUARANTINE, "refused without saying more", _TALK, ("554",)),
    Row(
        Verdict.UNKNOWN_RECIPIENT,
        "no such mailbox, said without an enhanced code",
        frozenset({_R}),
        ("550", "551"),
        ("",),
    ),
    Row(Verdict.REFUSED, "anything else for good", codes=("5",)),
)
"""The table. What is not refused at all, and what was not answered, is not in it."""

_ILL_BY_CLASS: Final = frozenset(
    {
        ErrorClass.DNS,
        ErrorClass.CONNECT,
        ErrorClass.TEMPORARY,
        ErrorClass.PROTOCOL,
        ErrorClass.THROTTLED,
        ErrorClass.IN_USE,
    }
)

_REASONS: Final[dict[Verdict, ParkReason]] = {
    Verdict.QUARANTINE: ParkReason.QUARANTINE,
    Verdict.OVERSIZE: ParkReason.OVERSIZE,
    Verdict.REFUSED: ParkReason.REFUSED,
    Verdict.CONFIGURATION_ILL: ParkReason.REFUSED,
    Verdict.WRAP: ParkReason.REFUSED,
    Verdict.UNKNOWN_RECIPIENT: ParkReason.UNROUTED,
}
"""Why a message is parked; of several recipients' verdicts the first in this order."""

CLASSES: Final[dict[Verdict, ErrorClass]] = {
    Verdict.LATER: ErrorClass.TEMPORARY,
    Verdict.TOO_MANY: ErrorClass.TEMPORARY,
    Verdict.MAILBOX_FULL: ErrorClass.MAILBOX_FULL,
    Verdict.MESSAGE_LATER: ErrorClass.TEMPORARY,
    Verdict.SERVER_ILL: ErrorClass.TEMPORARY,
    Verdict.CONFIGURATION_ILL: ErrorClass.POLICY,
    Verdict.UNKNOWN_RECIPIENT: ErrorClass.UNKNOWN_RECIPIENT,
    Verdict.OVERSIZE: ErrorClass.SIZE,
    Verdict.QUARANTINE: ErrorClass.POLICY,
    Verdict.WRAP: ErrorClass.PROTOCOL,
    Verdict.REFUSED: ErrorClass.POLICY,
}
"""The class of error that people are shown beside an answer, and with it what they can do (`model.errors.REMEDIES`)."""

_SHUTS_DOWN: Final = 421
_ABOUT_ITSELF: Final = frozenset({_SHUTS_DOWN, 530, 534, 535, 538})

STREAK: Final = 3
"""Messages without a common recipient whose text is not taken, until the server counts as ill."""


def verdict(reply: Reply, stage: SmtpStage) -> Verdict:
    """Return what an answer at `stage` means; an answer that never came, or made no sense, is LATER."""
    if reply.positive:
        return Verdict.TAKEN
    return next((row.verdict for row in ROWS if row.fits(reply, stage)), Verdict.LATER)


def of(result: DeliveryResult) -> Verdict:
    """Return what became of one recipient: who may have the message all the same is tried again."""
    return Verdict.LATER if result.unknown else verdict(result.reply, result.stage)


def of_failure(error_class: ErrorClass) -> Verdict:
    """Return whose fault it is that no conversation took place: SERVER_ILL or CONFIGURATION_ILL."""
    return Verdict.SERVER_ILL if error_class in _ILL_BY_CLASS else Verdict.CONFIGURATION_ILL


def illness(results: Sequence[DeliveryResult], *, others_have_it: bool = False) -> DeliveryResult | None:
    """Return the result that says that the way is no good for any message just now, or None.

    A server that is ill says so to anybody. What it says about one recipient, at RCPT or over LMTP, while it takes the same
    message for another, concerns that recipient alone (a mailbox that is damaged: `451 4.3.0`), and so it does when that
    one is tried again: `others_have_it` since an earlier conversation. What it says to MAIL, DATA or the text of SMTP is
    about itself, whoever has the message, and a server that shuts down (421) counts always.
    """
    if others_have_it or any(one.delivered for one in results):
        results = [one for one in results if not (one.stage is SmtpStage.RCPT or one.for_one) or _shuts_down(one)]
    ill = {of(one): one for one in reversed(results)}
    return ill.get(Verdict.SERVER_ILL) or ill.get(Verdict.CONFIGURATION_ILL)


def _shuts_down(result: DeliveryResult) -> bool:
    return result.reply.code == _SHUTS_DOWN


def in_parts(results: Sequence[DeliveryResult]) -> bool:
    """Return whether the text went to some, and others are left since a server takes no more recipients at once."""
    return any(one.delivered for one in results) and any(of(one) is Verdict.TOO_MANY for one in results)


def is_certain(reply: Reply) -> bool:
    """Return whether a server says of itself that it is ill, or that it wants a login, whatever it was told."""
    return reply.code in _ABOUT_ITSELF or _is_like(reply, "4.3.*")


def next_streak(streak: tuple[frozenset[str], ...], results: Sequence[DeliveryResult]) -> tuple[frozenset[str], ...]:
    """Return the recipients of the last messages whose text was not taken, one set each, none in common.

    A message that was taken ends the streak. At `STREAK` of them the server is ill: it is not the messages.
    """
    if any(one.delivered for one in results):
        return ()
    turned_away = frozenset(one.address for one in results if of(one) is Verdict.MESSAGE_LATER)
    if not turned_away or any(turned_away & before for before in streak):
        return streak
    return (*streak, turned_away)


def park_reason(verdicts: Iterable[Verdict]) -> ParkReason:
    """Return why a message is parked for which some recipients were refused like this."""
    found = set(verdicts)
    return next((reason for one, reason in _REASONS.items() if one in found), ParkReason.REFUSED)


def _is_like(reply: Reply, pattern: str) -> bool:
    status = reply.enhanced
    if not pattern or status is None:
        return not pattern and status is None
    wanted = re.escape(pattern).replace(r"\*", r"\d+")
    return re.fullmatch(wanted, str(status)) is not None


def page_rows() -> list[tuple[str, str, str, str]]:
    """Return the table as the reference prints it: stage, reply, what it says, verdict."""
    return [
        (
            ", ".join(stage.value for stage in SmtpStage if stage in row.stages) or "any",
            _reply_words(row),
            row.why,
            row.verdict.value,
        )
        for row in ROWS
    ]


def _reply_words(row: Row) -> str:
    code = " or ".join(f"{one}xx"[:3] if len(one) == 1 else one for one in row.codes)
    enhanced = ", ".join("none" if one == "" else one for one in row.enhanced)
    words = ", ".join(f"“{one}”" for one in row.words)
    parts = [code, f"enhanced {enhanced}" if enhanced else "", f"with {words}" if words else ""]
    return "; ".join(one for one in parts if one) or "any refusal"


def class_of(reply: Reply, stage: SmtpStage = SmtpStage.RCPT) -> ErrorClass | None:
    """Return the class of failure that an answer belongs to, None where nothing failed. Most are about a recipient."""
    return CLASSES.get(verdict(reply, stage))
