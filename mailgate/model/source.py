"""Where a message came from."""

from dataclasses import dataclass
from enum import StrEnum


class Direction(StrEnum):
    """Which way a message travels, seen from the office."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"


@dataclass(frozen=True, slots=True)
class Source:
    """The account, the UID there and the session that fetched it.

    Without an account, MailGate wrote it itself, and `uid` is its kind.

    `uid` is the UIDL of RFC 1939 section 7 as the server wrote it, kept as Latin-1 text: any octets are allowed for.
    """

    account: str
    uid: str
    session: int
    host: str = ""
