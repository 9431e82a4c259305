"""POP3 from the client's side, pipelined and sans-I/O: commands to octets, octets to events.

`Pop3Wire` keeps the order of what is outstanding and matches replies to it (RFC 2449 section 6.6). The commands are in
`pop3_commands.py`, what listings say in `pop3_listings.py`. When to send what is the session's business.
RFC 1939 (POP3), RFC 2449 (response codes), RFC 2595 (STLS), RFC 3206 (SYS, AUTH), RFC 5034 (AUTH).

Where servers are known to stray, we follow: status indicators in any case and without the space after them (RFC 1939
section 3 wants capitals, RFC 2449 section 3 the space), longer lines, a bare LF as the end of a line outside bodies.
"""

import re
from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, TypeAlias

from mailgate.wire.dot import DotReader
from mailgate.wire.errors import WireError
from mailgate.wire.lines import LineReader, printable

MAX_STATUS_LINE_OCTETS: Final = 8192  # RFC 2449 section 4 says 512; error texts and challenges are longer
MAX_LISTING_LINE_OCTETS: Final = 4096  # RFC 2449 section 3 says 512; UIDs beyond the 70 of RFC 1939 section 7 exist
MAX_LISTING_LINES: Final = 1_000_000  # ours: a mailbox with more messages is not one that an office fetches from
MAX_LISTING_OCTETS: Final = 100_000_000  # ours: the line limit times the longest UIDL line of RFC 1939, and some more

_QUOTED_OCTETS: Final = 80  # how much of a peer's nonsense an error text quotes
_STATUS_INSIDE: Final = re.compile(rb"(?:\+OK|-ERR)[ \t\r\n\[0-9]", re.IGNORECASE)  # no header does: no colon
_STATUS_INSIDE_OCTETS: Final = 5  # so many tell
_CODE: Final = re.compile(r"\[([!-\\^-~]+)\]")  # RFC 2449 section 3, resp-code
_CRLF: Final = b"\r\n"
_DOT: Final = 0x2E


class Kind(StrEnum):
    """What follows a `+OK`."""

    STATUS = "status"  # nothing
    LISTING = "listing"  # lines, up to a dot
    BODY = "body"  # a message or its head, up to a dot


@dataclass(frozen=True, slots=True, repr=False)
class Command:
    """One command line without its CRLF. A `secret` one never shows its arguments, not even in `repr`."""

    line: bytes
    kind: Kind = Kind.STATUS
    secret: bool = field(default=False, kw_only=True)

    @property
    def shown(self) -> str:
        """The line as logs and error texts may hold it, such as `RETR 5` or `PASS ****`."""
        words = printable(self.line).split(" ")
        if not self.secret:
            return " ".join(words)
        return " ".join((*words[: 2 if self.is_auth else 1], "****"))

    @property
    def is_auth(self) -> bool:
        """Whether it begins a SASL exchange, so that the server may challenge (RFC 5034 section 4)."""
        return self.line[:5].upper() == b"AUTH "

    def __repr__(self) -> str:
        return f"Command({self.shown!r})"


@dataclass(frozen=True, slots=True)
class Status:
    """The first line of a reply; `command` is None for the greeting.

    `text` is all that follows the indicator, `code` the response code at its head in capitals, such as `IN-USE` or
    `SYS/TEMP`, or empty (RFC 2449 section 8, RFC 3206). Levels that a reader does not know are to be ignored: it asks
    for `SYS/TEMP` itself or what begins with `SYS/TEMP/`.
    """

    command: Command | None
    ok: bool
    text: str
    code: str


@dataclass(frozen=True, slots=True)
class Continuation:
    """A SASL challenge, in Base64 as it came; the answer goes by `Pop3Wire.respond`. The reply is still to come."""

    command: Command
    text: str


@dataclass(frozen=True, slots=True)
class Lines:
    """The next lines of a listing, without their line ends and their stuffing, never none; as many as had come."""

    command: Command
    lines: list[bytes]


@dataclass(frozen=True, slots=True)
class Chunk:
    """The next octets of a body, unstuffed, never empty; cut wherever the stream was."""

    command: Command
    data: bytes


@dataclass(frozen=True, slots=True)
class End:
    """A listing or a body is complete."""

    command: Command


Event: TypeAlias = Status | Continuation | Lines | Chunk | End


@dataclass(frozen=True, slots=True)
class Limits:
    """What a server may make us hold. Bodies have no limit here: they stream, and who takes them counts."""

    status_line_octets: int = MAX_STATUS_LINE_OCTETS
    listing_line_octets: int = MAX_LISTING_LINE_OCTETS
    listing_lines: int = MAX_LISTING_LINES
    listing_octets: int = MAX_LISTING_OCTETS


class Pop3Wire:
    """One connection's dialogue. The greeting is expected first.

    Linear in octets however the stream is cut. Holds at most one line of a status or listing, or 4 octets of a body.

    Answers bear no names, so one too many shifts all that follow it. It shows when nothing is outstanding, and by a body
    that begins with a status line: that of its own answer, since the one too many was taken for it.
    """

    def __init__(self, limits: Limits = Limits()) -> None:
        self._limits = limits
        self._expected: deque[Command | None] = deque([None])  # None: the greeting
        self._inside = Kind.STATUS  # which part of the first expected reply comes next
        self._line = LineReader()
        self._dots = DotReader()
        self._opening: bytes | None = None  # how the body begins, until that is seen to be no status line
        self._lines = 0
        self._octets = 0
        self._challenged = False
        self._fault = ""

    @property
    def pending(self) -> int:
        """How many replies are outstanding, the greeting included: 1 at first."""
        return len(self._expected)

    @property
    def between_replies(self) -> bool:
        """Whether nothing of the next reply has come."""
        return self._inside is Kind.STATUS and not self._line.begun

    def send(self, command: Command) -> bytes:
        """Expect the reply to `command` after all others, and return the octets to send.

        Raises:
            WireError: the dialogue has broken; nothing may be sent any more.
            ValueError: the line holds CR, LF or NUL, or STLS is unanswered (RFC 2595 section 4: no command until TLS
                is up, or it would be sent, and perhaps answered, in the clear).
        """
        self._check_alive()
        line = command.line
        if b"\n" in line or b"\r" in line or b"\0" in line:
            raise ValueError(f"a command is one line without NUL: {command.shown}")
        last = self._expected[-1] if self._expected else None
        if last is not None and last.line.upper() == b"STLS":
            raise ValueError(f"{command.shown} must wait for the answer to STLS")
        self._expected.append(command)
        return line + _CRLF

    def respond(self, line: bytes) -> bytes:
        """Return the octets that answer the last `Continuation` with `line`, in Base64, or `*` to give up.

        Raises:
            WireError: the dialogue has broken; nothing may be sent any more.
            ValueError: no challenge is open, or `line` holds CR, LF or NUL.
        """
        self._check_alive()
        if not self._challenged:
            raise ValueError("the server has not asked for a response")
        if any(octet in line for octet in b"\r\n\0"):
            raise ValueError("a response is one line without NUL")
        self._challenged = False
        return line + _CRLF

    def feed(self, data: bytes) -> list[Event]:
        """Return the events that `data` completes, in order, the same however the stream was cut.

        What was complete before a fault is still returned; the fault is raised at once when there is nothing to
        return, else by the next call of any method, which may be `feed(b"")`.

        Raises:
            WireError: the server left the protocol, spoke unasked, or went beyond a limit. The dialogue is then dead:
                every further call raises the same.
        """
        self._check_alive()
        events: list[Event] = []
        at, size = 0, len(data)
        try:
            while at < size:
                at = self._read(data, at, events)
        except WireError as exc:
            self._fault = str(exc)
            if not events:
                raise
        return events

    def eof(self) -> None:
        """Take note that the server has closed the connection; every further call raises.

        Raises:
            WireError: a reply was outstanding, or the dialogue had broken before.
        """
        self._check_alive()
        if not self._expected:
            self._fault = "the server has closed the connection"
            return
        where = "before" if self.between_replies else "in the middle of"
        self._fault = f"the server closed the connection {where} {_reply_to(self._expected[0])}"
        self._check_alive()

    def _check_alive(self) -> None:
        if self._fault:
            raise WireError(self._fault)

    def _read(self, data: bytes, at: int, events: list[Event]) -> int:
        """Read one line, one stretch of a listing or one of a body from `data[at:]`; return where to go on."""
        if not self._expected:
            raise WireError(f"the server spoke unasked: {_quote(data[at : at + _QUOTED_OCTETS])}")
        command = self._expected[0]
        if command is None or self._inside is Kind.STATUS:
            line, at = self._line.take(data, at, limit=self._limits.status_line_octets, what="a status line")
            if line is not None:
                events.append(self._status(command, line))
        elif self._inside is Kind.LISTING:
            return self._listing(command, data, at, events)
        else:
            body, at = self._dots.take(data, at)
            if body and self._opening is not None:
                body = self._opened(command, self._opening + body)
            if body:
                events.append(Chunk(command, body))
            if self._dots.done:
                events.append(self._end(command))
        return at

    def _status(self, command: Command | None, line: bytes) -> Status | Continuation:
        ok = line[:3].upper() == b"+OK"
        if not ok and line[:4].upper() != b"-ERR":
            return self._challenge(command, line)
        text = printable(line[3 if ok else 4 :])
        code = _CODE.match(text)
        self._challenged = False
        if command is None or command.kind is Kind.STATUS or not ok:
            self._expected.popleft()
        else:
            self._inside = command.kind
            self._dots = DotReader()
            self._opening = b""
            self._lines = self._octets = 0
        return Status(command, ok, text, code[1].upper() if code else "")

    def _challenge(self, command: Command | None, line: bytes) -> Continuation:
        """RFC 5034 section 4: `+ ` and Base64. Some servers leave the space of an empty challenge out."""
        if command is None or not command.is_auth or not (line == b"+" or line.startswith(b"+ ")):
            # A server that echoes what it got must not bring a password into our logs.
            mute = command is not None and (command.secret or command.is_auth)
            said = "" if mute else f": {_quote(line)}"
            raise WireError(f"{_reply_to(command)} is neither +OK nor -ERR{said}")
        if self._challenged:
            raise WireError(f"the server did not wait for our response to its challenge in {_reply_to(command)}")
        self._challenged = True
        return Continuation(command, printable(line[1:]))

    def _opened(self, command: Command, body: bytes) -> bytes:
        """Return `body`, the first octets of one, once it is sure that no status line begins it; until then nothing."""
        if body[0] in b"+-":
            if len(body) < _STATUS_INSIDE_OCTETS and not self._dots.done:
                self._opening = body
                return b""
            if _STATUS_INSIDE.match(body):
                what = f"{_reply_to(command)} goes on with another answer, so the server has lost count"
                raise WireError(f"{what}: {_quote(body.partition(_CRLF)[0])}")
        self._opening = None
        return body

    def _listing(self, command: Command, data: bytes, at: int, events: list[Event]) -> int:
        """Take all lines of a listing that `data[at:]` completes.

        Split in one go where that is sure to be within all limits: a mailbox may hold 100,000 messages. The first line,
        when its beginning came before, and whatever may go beyond a limit, is read line by line.
        """
        stop = 0
        if not self._line.begun and data[at] != _DOT:
            stop = data.find(b"\n.", at) + 1 or data.rfind(b"\n", at) + 1
            if stop:
                lines = data[at:stop].replace(_CRLF, b"\n").split(b"\n")
                lines.pop()
                limits = self._limits
                if (
                    len(max(lines, key=len)) + len(_CRLF) <= limits.listing_line_octets
                    and self._lines + len(lines) <= limits.listing_lines
                    and self._octets + (stop - at) <= limits.listing_octets
                ):
                    self._lines += len(lines)
                    self._octets += sum(map(len, lines))
                    events.append(Lines(command, lines))
                    return stop
        while True:
            line, at = self._line.take(data, at, limit=self._limits.listing_line_octets, what="a line of a listing")
            if line is not None:
                events.append(self._listed(command, line))
            if at >= stop:
                return at

    def _listed(self, command: Command, line: bytes) -> Lines | End:
        if line == b".":
            return self._end(command)
        self._lines += 1
        self._octets += len(line)
        if self._lines > self._limits.listing_lines:
            raise WireError(f"{_reply_to(command)} has more than {self._limits.listing_lines} lines")
        if self._octets > self._limits.listing_octets:
            raise WireError(f"{_reply_to(command)} has more than {self._limits.listing_octets} octets")
        return Lines(command, [line.removeprefix(b".")])

    def _end(self, command: Command) -> End:
        self._expected.popleft()
        self._inside = Kind.STATUS
        return End(command)


def _reply_to(command: Command | None) -> str:
    return "the greeting" if command is None else f"the answer to {command.shown}"


def _quote(data: bytes) -> str:
    return repr(data[:_QUOTED_OCTETS])[1:]
