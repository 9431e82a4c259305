"""The envelope of a message that was handed to us by SMTP: who sends, to whom, and what they ask of the delivery.

RFC 5321 section 2.3.1 (envelope), RFC 3461 (what is asked of delivery reports), RFC 6152 and 3030 (what the text holds).
"""

from dataclasses import dataclass
from enum import StrEnum

from mailgate.model.address import Address


class BodyKind(StrEnum):
    """What a text holds, as the client declares it (RFC 6152, RFC 3030)."""

    SEVEN_BIT = "7BIT"
    EIGHT_BIT = "8BITMIME"
    BINARY = "BINARYMIME"


class Notify(StrEnum):
    """When the sender wants to be told (RFC 3461 section 4.1). Nothing said means failures, and delays as we please."""

    NEVER = "NEVER"
    SUCCESS = "SUCCESS"
    FAILURE = "FAILURE"
    DELAY = "DELAY"


@dataclass(frozen=True, slots=True)
class EnvelopeRecipient:
    """One recipient. `orcpt` is the original one with its type, in xtext as it came; empty: not said."""

    address: Address
    notify: frozenset[Notify] = frozenset()
    orcpt: str = ""


@dataclass(frozen=True, slots=True)
class Envelope:
    """One transaction. `sender` None is `<>`. `ret` is FULL, HDRS or empty, `envid` xtext as it came (RFC 3461).

    `hello` is how the client greeted, `protocol` the word for how it came (RFC 3848), such as ESMTPSA.
    """

    sender: Address | None
    recipients: tuple[EnvelopeRecipient, ...]
    ret: str = ""
    envid: str = ""
    body: BodyKind = BodyKind.SEVEN_BIT
    utf8: bool = False
    hello: str = ""
    protocol: str = "ESMTP"
