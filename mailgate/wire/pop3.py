"""POP3 from the client's side, pipelined and sans-I/O: commands to octets, octets to events.

`Pop3Wire` keeps the order of what is outstanding and matches replies to it (RFC 2449 section 6.6); below it are the
commands, and the parsers of single lines. When to send what is the session's business, not decided here.
RFC 1939 (POP3), RFC 2449 (CAPA, response codes), RFC 2595 (STLS), RFC 3206 (SYS, AUTH), RFC 5034 (AUTH).

Where servers are known to stray, we follow: status indicators in any case and without the space after them (RFC 1939
section 3 wants capitals, RFC 2449 section 3 the space), longer lines, a bare LF as the end of a line outside bodies.
"""

import base64
import re
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, TypeAlias

from mailgate.wire.dot import DotReader
from mailgate.wire.errors import WireError
from mailgate.wire.lines import LineReader

MAX_COMMAND_OCTETS: Final = 255  # RFC 2449 section 4, with CRLF; for initial responses RFC 5034 section 4
MAX_STATUS_LINE_OCTETS: Final = 8192  # RFC 2449 section 4 says 512; error texts and challenges are longer
MAX_LISTING_LINE_OCTETS: Final = 4096  # RFC 2449 section 3 says 512; UIDs beyond the 70 of RFC 1939 section 7 exist
MAX_LISTING_LINES: Final = 1_000_000  # ours: a mailbox with more messages is not one that an office fetches from
MAX_LISTING_OCTETS: Final = 100_000_000  # ours: the line limit times the longest UIDL line of RFC 1939, and some more
MAX_MESSAGE_NUMBER: Final = 10**9  # ours: far above MAX_LISTING_LINES
MAX_SIZE_OCTETS: Final = 2**53  # ours: integers are exact in any JSON up to here (RFC 8259 section 6)

_QUOTED_OCTETS: Final = 80  # how much of a peer's nonsense an error text quotes
_CODE: Final = re.compile(r"\[([!-\\^-~]+)\]")  # RFC 2449 section 3, resp-code
_NUMBER_AND_REST: Final = re.compile(rb"[ \t]*([0-9]{1,19})[ \t]+(.*)", re.DOTALL)
_SIZE: Final = re.compile(rb"([0-9]{1,19})(?![^ \t\r])")
_COUNT: Final = re.compile(r"[0-9]{1,9}")
_UNPRINTABLE: Final = dict.fromkeys((*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029), "\N{REPLACEMENT CHARACTER}")


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
        words = self.line.decode("utf-8", "replace").translate(_UNPRINTABLE).split(" ")
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
class Line:
    """One line of a listing, without its line end and its stuffing."""

    command: Command
    line: bytes


@dataclass(frozen=True, slots=True)
class Chunk:
    """The next octets of a body, unstuffed, never empty; cut wherever the stream was."""

    command: Command
    data: bytes


@dataclass(frozen=True, slots=True)
class End:
    """A listing or a body is complete."""

    command: Command


Event: TypeAlias = Status | Continuation | Line | Chunk | End


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
    """

    def __init__(self, limits: Limits = Limits()) -> None:
        self._limits = limits
        self._expected: deque[Command | None] = deque([None])  # None: the greeting
        self._inside = Kind.STATUS  # which part of the first expected reply comes next
        self._line = LineReader()
        self._dots = DotReader()
        self._lines = 0
        self._octets = 0
        self._challenged = False
        self._fault = ""

    @property
    def pending(self) -> int:
        """How many replies are outstanding, the greeting included: 1 at first."""
        return len(self._expected)

    def send(self, command: Command) -> bytes:
        """Expect the reply to `command` after all others, and return the octets to send.

        Raises:
            WireError: the dialogue has broken; nothing may be sent any more.
            ValueError: the line holds CR, LF or NUL, or STLS is unanswered (RFC 2595 section 4: no command until TLS
                is up, or it would be sent, and perhaps answered, in the clear).
        """
        self._check_alive()
        if any(octet in command.line for octet in b"\r\n\0"):
            raise ValueError(f"a command is one line without NUL: {command.shown}")
        last = self._expected[-1] if self._expected else None
        if last is not None and last.line.upper() == b"STLS":
            raise ValueError(f"{command.shown} must wait for the answer to STLS")
        self._expected.append(command)
        return command.line + b"\r\n"

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
        return line + b"\r\n"

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
        at = 0
        try:
            while at < len(data):
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
        begun = self._line.begun or self._inside is not Kind.STATUS
        where = "in the middle of" if begun else "before"
        self._fault = f"the server closed the connection {where} {_reply_to(self._expected[0])}"
        self._check_alive()

    def _check_alive(self) -> None:
        if self._fault:
            raise WireError(self._fault)

    def _read(self, data: bytes, at: int, events: list[Event]) -> int:
        """Read one line or one stretch of a body from `data[at:]`; return where to go on."""
        if not self._expected:
            raise WireError(f"the server spoke unasked: {_quote(data[at : at + _QUOTED_OCTETS])}")
        command = self._expected[0]
        if command is None or self._inside is Kind.STATUS:
            line, at = self._line.take(data, at, limit=self._limits.status_line_octets, what="a status line")
            if line is not None:
                events.append(self._status(command, line))
        elif self._inside is Kind.LISTING:
            line, at = self._line.take(data, at, limit=self._limits.listing_line_octets, what="a line of a listing")
            if line is not None:
                events.append(self._listing(command, line))
        else:
            body, at = self._dots.take(data, at)
            if body:
                events.append(Chunk(command, body))
            if self._dots.done:
                events.append(self._end(command))
        return at

    def _status(self, command: Command | None, line: bytes) -> Status | Continuation:
        ok = line[:3].upper() == b"+OK"
        if not ok and line[:4].upper() != b"-ERR":
            return self._challenge(command, line)
        text = _text(line[3 if ok else 4 :])
        code = _CODE.match(text)
        self._challenged = False
        if command is None or command.kind is Kind.STATUS or not ok:
            self._expected.popleft()
        else:
            self._inside = command.kind
            self._dots = DotReader()
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
        return Continuation(command, _text(line[1:]))

    def _listing(self, command: Command, line: bytes) -> Line | End:
        if line == b".":
            return self._end(command)
        self._lines += 1
        self._octets += len(line)
        if self._lines > self._limits.listing_lines:
            raise WireError(f"{_reply_to(command)} has more than {self._limits.listing_lines} lines")
        if self._octets > self._limits.listing_octets:
            raise WireError(f"{_reply_to(command)} has more than {self._limits.listing_octets} octets")
        return Line(command, line.removeprefix(b"."))

    def _end(self, command: Command) -> End:
        self._expected.popleft()
        self._inside = Kind.STATUS
        return End(command)


def _reply_to(command: Command | None) -> str:
    return "the greeting" if command is None else f"the answer to {command.shown}"


def _quote(data: bytes) -> str:
    return repr(data[:_QUOTED_OCTETS])[1:]


def _text(octets: bytes) -> str:
    """Return a server's words as one printable line; UTF-8 by RFC 6856, anything by practice."""
    return octets.strip(b" \t").decode("utf-8", "replace").translate(_UNPRINTABLE)


# --- commands


def capa() -> Command:
    """Ask what the server can do (RFC 2449 section 5); `parse_capa` reads the lines."""
    return Command(b"CAPA", Kind.LISTING)


def stls() -> Command:
    """Ask for TLS; after `+OK` the next octet is TLS's, and capabilities are asked anew (RFC 2595 section 4)."""
    return Command(b"STLS")


def user(name: str) -> Command:
    """Name the mailbox.

    Outside ASCII it goes as UTF-8 whether or not the server promised to understand: RFC 6856 section 2.2 would have us
    give up, and a server that does not understand refuses anyway.

    Raises:
        WireError: the name is empty, or holds CR, LF, NUL or a lone surrogate.
    """
    return Command(b"USER " + _login_octets(name, "user name"))


def password(secret: str) -> Command:
    """Give the password after `user`; it may hold spaces (RFC 1939 section 7, PASS).

    Raises:
        WireError: the password is empty, or holds CR, LF, NUL or a lone surrogate.
    """
    return Command(b"PASS " + _login_octets(secret, "password"), secret=True)


def auth_plain_steps(user: str, password: str) -> tuple[Command, bytes | None]:
    """Return the command of SASL PLAIN, and the line for `Pop3Wire.respond` or None when the command holds it.

    Of value only where CAPA names PLAIN: RFC 5034 section 3 forbids an initial response to a server that does not.
    One that would make the command longer than 255 octets goes as a line of its own (section 4).

    Raises:
        WireError: user name or password is empty, or holds CR, LF, NUL or a lone surrogate (RFC 4616 section 2).
    """
    message = b"\0" + _login_octets(user, "user name") + b"\0" + _login_octets(password, "password")
    response = base64.b64encode(message)
    line = b"AUTH PLAIN " + response
    if len(line) + 2 <= MAX_COMMAND_OCTETS:
        return Command(line, secret=True), None
    return Command(b"AUTH PLAIN"), response


def stat() -> Command:
    """Ask for the number of messages and their octets; both are in the status text."""
    return Command(b"STAT")


def list_() -> Command:
    """Ask for the size of every message; `parse_list_line` reads a line."""
    return Command(b"LIST", Kind.LISTING)


def uidl() -> Command:
    """Ask for the unique id of every message; `parse_uidl_line` reads a line."""
    return Command(b"UIDL", Kind.LISTING)


def retr(number: int) -> Command:
    """Ask for message `number`."""
    return Command(b"RETR %d" % number, Kind.BODY)


def top(number: int, lines: int) -> Command:
    """Ask for the header of message `number`, and `lines` lines of its body."""
    return Command(b"TOP %d %d" % (number, lines), Kind.BODY)


def dele(number: int) -> Command:
    """Mark message `number` as deleted; it goes when QUIT is answered with `+OK` (RFC 1939 section 6)."""
    return Command(b"DELE %d" % number)


def noop() -> Command:
    """Ask for nothing, so that the server sees us alive."""
    return Command(b"NOOP")


def quit_() -> Command:
    """End the session and delete what is marked."""
    return Command(b"QUIT")


def _login_octets(text: str, what: str) -> bytes:
    """Return `text` in UTF-8. The checks come first: an encoding error would carry the secret in its arguments."""
    if not text:
        raise WireError(f"the {what} is empty")
    if any(c in "\r\n\0" or "\ud800" <= c <= "\udfff" for c in text):
        raise WireError(f"the {what} holds a line end, a NUL or half a character, which no POP3 login can carry")
    return text.encode("utf-8")


# --- lines of listings


def parse_uidl_line(line: bytes) -> tuple[int, str] | None:
    """Return message number and unique id, or None when the line holds none; never raises.

    The id is Latin-1, of any length and of any octets: servers go beyond the 70 printable characters of RFC 1939
    section 7, and a space inside is kept, since two ids cut short could become one and hide a message. White space
    around it is not part of it.
    """
    found = _NUMBER_AND_REST.match(line)
    if found is None:
        return None
    number, uid = int(found[1]), found[2].strip(b" \t\r").decode("latin-1")
    return (number, uid) if uid and 1 <= number <= MAX_MESSAGE_NUMBER else None


def parse_list_line(line: bytes) -> tuple[int, int] | None:
    """Return message number and size in octets, or None when the line holds none; never raises.

    RFC 1939 section 5 allows more after the size; it is not looked at.
    """
    found = _NUMBER_AND_REST.match(line)
    size = _SIZE.match(found[2]) if found else None
    if found is None or size is None:
        return None
    number, size_octets = int(found[1]), int(size[1])
    return (number, size_octets) if 1 <= number <= MAX_MESSAGE_NUMBER and size_octets <= MAX_SIZE_OCTETS else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What CAPA told (RFC 2449 section 6). `known` is False when the server has no CAPA: then all is to be tried.

    `sasl` holds mechanism names in capitals. `login_delay_s` is the least time between two logins. `expire_days` is
    how long the server keeps messages, 0 not beyond the session that fetched them, None for ever or unknown.
    """

    known: bool = False
    pipelining: bool = False
    stls: bool = False
    uidl: bool = False
    top: bool = False
    user: bool = False
    sasl: frozenset[str] = frozenset()
    login_delay_s: int | None = None
    expire_days: int | None = None
    implementation: str = ""


def parse_capa(lines: Iterable[bytes]) -> Capabilities:
    """Return what the lines of a CAPA listing tell; never raises.

    Tags are read in any case (RFC 2449 section 5); unknown tags and senseless arguments are skipped. The names of
    mechanisms add up when a server spreads them over several lines; otherwise the last line of a tag counts.
    """
    told: dict[str, list[str]] = {}
    sasl: set[str] = set()
    for line in lines:
        tag, *arguments = _text(line).split() or [""]
        told[tag.upper()] = arguments
        if tag.upper() == "SASL":
            sasl.update(mechanism.upper() for mechanism in arguments)
    return Capabilities(
        known=True,
        pipelining="PIPELINING" in told,
        stls="STLS" in told,
        uidl="UIDL" in told,
        top="TOP" in told,
        user="USER" in told,
        sasl=frozenset(sasl),
        login_delay_s=_first_number(told.get("LOGIN-DELAY")),
        expire_days=_first_number(told.get("EXPIRE")),
        implementation=" ".join(told.get("IMPLEMENTATION", ())),
    )


def _first_number(arguments: list[str] | None) -> int | None:
    """Return the first argument when it is a count that makes sense: up to nine digits, some 30 years of seconds."""
    return int(arguments[0]) if arguments and _COUNT.fullmatch(arguments[0]) else None
