"""SMTP from the server's side, sans-I/O: octets to command lines and texts, whatever way the stream is cut.

`SmtpFraming` is asked for the next piece and told what comes then: commands, a text with its dots, a chunk, an answer to
a challenge. So nothing behind a DATA is read before it is known whether the DATA was accepted (RFC 2920 section 3.2).
A text ends with CRLF.CRLF and with nothing else: other forms inside it are text, or a second message could be smuggled
in (RFC 5321 section 4.1.1.4).
"""

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, TypeAlias

from mailgate.wire.dot import DotReader

MAX_LINE_OCTETS: Final = 4096  # RFC 5321 section 4.5.3.1.4 says 512; SIZE, DSN and SMTPUTF8 add some 1,100
MAX_AUTH_LINE_OCTETS: Final = 16_384  # RFC 4954 section 4: 12,288
MAX_TEXT_LINE_OCTETS: Final = 1_000_000  # RFC 5321 section 4.5.3.1.6 says 1000; real mail has far longer ones
_LF: Final = b"\n"
_CRLF: Final = b"\r\n"


class _Next(Enum):
    LINE = auto()
    TEXT = auto()
    CHUNK = auto()


@dataclass(frozen=True, slots=True, repr=False)
class Line:
    """A command line, or an answer to a challenge, without its line end. `bare`: that was a LF alone."""

    octets: bytes
    bare: bool = False

    def __repr__(self) -> str:
        return f"Line({len(self.octets)} octets)"  # it may be a password


@dataclass(frozen=True, slots=True)
class TooLong:
    """A line went beyond its limit; the rest of it was passed over."""


@dataclass(frozen=True, slots=True, repr=False)
class Text:
    """The next octets of a text, unstuffed, or of a chunk; cut wherever the stream was. `end`: it is complete."""

    octets: bytes
    end: bool = False

    def __repr__(self) -> str:
        return f"Text({len(self.octets)} octets, end={self.end})"


Piece: TypeAlias = Line | TooLong | Text


class SmtpFraming:
    """One connection's input. Linear in octets; holds what was fed and not asked for, and one line at most."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._next = _Next.LINE
        self._searched = 0  # octets of `_held` known to hold no LF
        self._skipping = False  # the rest of a line that was too long
        self._limit = MAX_LINE_OCTETS
        self._dots = DotReader()
        self._left = 0  # octets of a chunk still to come

    @property
    def waiting(self) -> bool:
        """Whether the client has said more than was asked for yet."""
        return bool(self._held)

    def feed(self, data: bytes) -> None:
        """Take what the client sends."""
        self._held += data

    def next(self) -> Piece | None:
        """Return the next piece, None when more has to come first."""
        if self._next is _Next.LINE:
            return self._line()
        if self._next is _Next.TEXT:
            return self._text()
        return self._chunk()

    def begin_text(self) -> None:
        """Read a text next, up to its final dot: DATA was accepted."""
        self._next, self._dots = _Next.TEXT, DotReader()

    def begin_chunk(self, size_octets: int) -> None:
        """Read so many octets next: those of a BDAT, accepted or not (RFC 3030 section 2)."""
        self._next, self._left = _Next.CHUNK, size_octets

    def begin_exchange(self) -> None:
        """Allow lines of an AUTH exchange to be as long as those may be."""
        self._limit = MAX_AUTH_LINE_OCTETS

    def end_exchange(self) -> None:
        """Read commands again."""
        self._limit = MAX_LINE_OCTETS

    def _line(self) -> Piece | None:
        end = self._held.find(_LF, self._searched)
        if self._skipping:
            del self._held[: end + 1 if end >= 0 else len(self._held)]
            self._searched = 0
            if end < 0:
                return None
            self._skipping = False
            return TooLong()
        if end < 0:
            self._searched = len(self._held)
            if self._searched > self._limit:
                self._skipping = True
                return self._line()
            return None
        line = bytes(self._held[:end])
        del self._held[: end + 1]
        self._searched = 0
        if end + 1 > self._limit:
            return TooLong()
        return Line(line[:-1]) if line.endswith(b"\r") else Line(line, bare=True)

    def _text(self) -> Piece | None:
        if not self._held:
            return None
        data = bytes(self._held)
        self._held.clear()
        octets, stop = self._dots.take(data)
        if not self._dots.done:
            return Text(octets)
        self._held += data[stop:]
        self._next = _Next.LINE
        return Text(octets, end=True)

    def _chunk(self) -> Piece | None:
        if self._left and not self._held:
            return None
        octets = bytes(self._held[: self._left])
        del self._held[: len(octets)]
        self._left -= len(octets)
        if self._left:
            return Text(octets)
        self._next = _Next.LINE
        return Text(octets, end=True)


class TextCheck:
    """What is wrong with a text: line ends that are no CRLF, NULs, lines without end. Constant memory."""

    def __init__(self) -> None:
        self.bare = 0
        self.octets = 0
        self.nuls = 0
        self.too_long = False
        self._ends_in_cr = False
        self._line_octets = 0

    def close(self) -> None:
        """Nothing more comes."""
        self.bare += self._ends_in_cr
        self._ends_in_cr = False

    def feed(self, data: bytes) -> None:
        """Look at the next octets."""
        if not data:
            return
        self.octets += len(data)
        self.nuls += data.count(0)
        pairs = data.count(_CRLF)
        self.bare += data.count(b"\r") + data.count(_LF) - 2 * pairs
        if self._ends_in_cr:  # of a pair with this LF, or alone
            self.bare += -1 if data[:1] == _LF else 1
        self._ends_in_cr = data.endswith(b"\r")
        self.bare -= self._ends_in_cr  # what follows decides: a piece may end between CR and LF
        first = data.find(_LF)
        self._line_octets += len(data) if first < 0 else first
        self.too_long = self.too_long or self._line_octets > MAX_TEXT_LINE_OCTETS
        if first >= 0:
            self._line_octets = len(data) - data.rfind(_LF) - 1
