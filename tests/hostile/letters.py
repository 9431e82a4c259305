"""Messages whose way can be told: each has a mark of its own, and its octets are known to the last one."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

ANNA, BEN, CARL, DORA = (f"{name}@office.example" for name in ("anna", "ben", "carl", "dora"))
SENDER = "peer@out.example"
ODD_SENDER = "odd@out.example"
_OURS = re.compile(rb"(?:(?:Received|Return-Path|X-MailGate-[A-Za-z-]+):[^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*)*")


@dataclass(frozen=True)
class Letter:
    """A message in a mailbox; `octets` are those that RETR says, `wire` those that may stand between RETR and the dot."""

    mark: str
    octets: bytes

    @cached_property
    def canonical(self) -> bytes:
        """The octets as they have to leave over DATA: each bare CR or LF has become CRLF (RFC 5321 section 2.3.8)."""
        return re.sub(rb"\r\n|\r|\n", b"\r\n", self.octets)


def letter(
    mark: str,
    to: str = BEN,
    *,
    body: bytes = b"Dear Ben,\r\n.\r\n..dots\r\n",
    head: str | None = None,
    sender: str = SENDER,
) -> Letter:
    """Return a small message; `head` makes its header the same as another one's."""
    header = (
        f"Return-Path: <{sender}>\r\nFrom: Peer <{sender}>\r\nTo: {to}\r\n"
        f"Subject: letter {head or mark}\r\nMessage-ID: <{head or mark}@out.example>\r\n\r\n"
    )
    return Letter(mark, header.encode() + body + f"end of {mark}\r\n".encode())


@dataclass
class Arrivals:
    """Counts what has come of some letters: each arrival is looked at once, since some have many octets."""

    letters: list[Letter]
    _counted: Counter[tuple[str, str]] = field(default_factory=Counter)
    _looked: int = 0

    def of(self, taken: Sequence[tuple[str, bytes]]) -> Counter[tuple[str, str]]:
        """Return how often each recipient got each letter, by mark and address; `taken` only ever grows.

        Raises:
            AssertionError: something came that is none of the letters, or not whole.
        """
        counted, strange = who_came(self.letters, list(taken[self._looked :]))
        assert strange == [], "what arrives is one of the letters, whole"
        self._looked = len(taken)
        self._counted += counted
        return self._counted


def who_came(letters: list[Letter], taken: list[tuple[str, bytes]]) -> tuple[Counter[tuple[str, str]], list[bytes]]:
    """Return how often each recipient got each letter whole, by mark and address, and what is none of them.

    Whole is a letter with canonical line ends, or by the letter, as BINARYMIME carries it. What we put on top of a header is not the letter's and has to be fields of ours; all that follows has to be the
    letter's, octet for octet.
    """
    came: Counter[tuple[str, str]] = Counter()
    strange = []
    for address, octets in taken:
        whole = [one for one in letters if any(_is_whole(octets, _own(form)) for form in {one.canonical, one.octets})]
        if len(whole) == 1:
            came[whole[0].mark, address] += 1
        else:
            strange.append(octets)
    return came, strange


def _is_whole(octets: bytes, own: bytes) -> bool:
    return octets.endswith(own) and _OURS.fullmatch(octets.removesuffix(own)) is not None


def _own(octets: bytes) -> bytes:
    """Return a letter without its Return-Path, which is the envelope's sender and may leave the header."""
    own = octets.partition(b"\r\nFrom:")[2]
    return b"From:" + own if own else octets
