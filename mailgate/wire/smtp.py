"""SMTP and LMTP from the client's side, pipelined and sans-I/O: commands to octets, octets to answers.

`SmtpWire` keeps the order of what is outstanding and matches answers to it (RFC 2920 section 3.1); below it are the
commands, and what an EHLO says. When to send what is not decided here, and texts are made in `smtp_text.py`.
RFC 5321 (SMTP), RFC 2033 (LMTP), RFC 2920 (PIPELINING), RFC 3030 (CHUNKING, BINARYMIME), RFC 1870 (SIZE), RFC 6152
(8BITMIME), RFC 6531 (SMTPUTF8), RFC 3461 (DSN), RFC 3207 (STARTTLS), RFC 4954 (AUTH).

Where servers are known to stray, we follow: longer lines, a bare LF as the end of a line, a code without text, lines of
one reply whose codes differ but say the same, `AUTH=` for `AUTH`.
"""

import base64
import binascii
import re
from collections import deque
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import lru_cache
from typing import Final, NamedTuple

from mailgate.model.address import Address
from mailgate.wire.errors import WireError
from mailgate.wire.lines import LineReader

MAX_LINE_OCTETS: Final = 8192  # RFC 5321 section 4.5.3.1.5 says 512; texts with links and challenges are longer
MAX_REPLY_LINES: Final = 500  # ours: the longest EHLO of real servers has about 30
MAX_REPLY_OCTETS: Final = 65_536  # ours
MAX_COMMAND_OCTETS: Final = 512  # RFC 5321 section 4.5.3.1.4, with CRLF
MAX_PATH_OCTETS: Final = 320 + 3  # RFC 5321 section 4.5.3.1: local part 64, domain 255, the @ and the brackets
MAX_SIZE_OCTETS: Final = 2**63  # ours: RFC 1870 section 3 allows 20 digits

_QUOTED_OCTETS: Final = 80  # how much of a peer's nonsense an error text quotes
_CODES: Final = {
    b"%d" % code: code for code in range(200, 600)
}  # RFC 5321 section 4.2.1; its second digit is not kept to
_AFTER_CODE: Final = frozenset({b" ", b"-", b"", b"\t"})
_UNPRINTABLE: Final = dict.fromkeys(
    (*range(0x0A), *range(0x0B, 0x20), *range(0x7F, 0xA0), 0x2028, 0x2029), "\N{REPLACEMENT CHARACTER}"
)
_UNSAYABLE: Final = re.compile(rb"[\x00-\x20\x7f<>]")
_UNSAYABLE_QUOTED: Final = re.compile(rb"[\x00-\x1f\x7f]")
_XTEXT: Final = re.compile(rb"[^!-*,-<>-~]")

SHUT: Final = 421  # RFC 5321 section 3.8: whatever was asked, the server closes the connection
GO_ON: Final = 354
_YES: Final = frozenset({250, 251, 252})  # any other 2xx belongs to another command


class Kind(Enum):
    """What a command does to a transaction, as far as answers depend on it."""

    OTHER = auto()
    MAIL = auto()
    RCPT = auto()
    DATA = auto()
    END = auto()  # the text is complete: the final dot, or BDAT with LAST
    TLS = auto()


@dataclass(frozen=True, slots=True, repr=False)
class Command:
    """One line without its CRLF. A `secret` one never shows its arguments, not even in `repr`."""

    line: bytes
    kind: Kind = Kind.OTHER
    secret: bool = field(default=False, kw_only=True)

    @property
    def shown(self) -> str:
        """The line as logs and error texts may hold it, such as `RCPT TO:<a@example.org>` or `AUTH PLAIN ****`."""
        if not self.secret:
            return printable(self.line)
        words = self.line.split(b" ")
        return " ".join((*map(printable, words[:2]), "****")) if words[0] == b"AUTH" else "****"

    def __repr__(self) -> str:
        return f"Command({self.shown!r})"


class Answer(NamedTuple):
    """One reply; `command` is None for the greeting.

    `text` has no codes, its lines are parted by LF and hold nothing that cannot be printed.
    """

    command: Command | None
    code: int
    text: str

    @property
    def yes(self) -> bool:
        """Whether MAIL, RCPT, RSET or a text was accepted. No other 2xx can be meant for one of these."""
        return self.code in _YES

    @property
    def no(self) -> bool:
        """Whether it refuses: for now (4xx) or for good (5xx)."""
        return self.code >= 400  # noqa: PLR2004 RFC 5321 section 4.2.1


@dataclass(frozen=True, slots=True)
class Limits:
    """What a server may make us hold."""

    line_octets: int = MAX_LINE_OCTETS
    reply_lines: int = MAX_REPLY_LINES
    reply_octets: int = MAX_REPLY_OCTETS


class SmtpWire:
    """One connection's dialogue. The greeting is expected first.

    Over LMTP the end of a text has one answer for each recipient that was accepted since MAIL, in their order (RFC
    2033 section 4.2); with none, and over SMTP, it has one. Linear in octets however the stream is cut; holds at most
    one reply.
    """

    def __init__(self, *, lmtp: bool = False, limits: Limits = Limits()) -> None:
        self._lmtp = lmtp
        self._limits = limits
        self._expected: deque[Command | None] = deque([None])  # None: the greeting
        self._line = LineReader()
        self._code = 0  # of the reply that has begun, 0: none has
        self._lines: list[str] = []
        self._octets = 0
        self._accepted = 0  # recipients of this transaction
        self._left = 0  # answers that the end of the text still has; 0: its first has not come
        self._inside = False  # a text is wanted and nothing else
        self._fault = ""
        self.shut = False  # the server has said that it closes the connection (421); nothing more is listened to

    @property
    def pending(self) -> int:
        """How many commands are not, or not wholly, answered, the greeting included: 1 at first."""
        return len(self._expected)

    @property
    def alive(self) -> bool:
        """Whether the next command can be sent: nothing outstanding, and neither side has left."""
        return not (self._expected or self._fault or self.shut or self._line.begun or self._code)

    def send(self, *commands: Command) -> bytes:
        """Expect the answers to `commands` after all others, and return the octets to send.

        Raises:
            WireError: the dialogue has broken; nothing may be sent any more.
            ValueError: a line holds CR, LF or NUL; STARTTLS is unanswered (RFC 3207 section 4: nothing may follow in
                the clear); or a text is to come, and its end alone may be said.
        """
        self.check_alive()
        out: list[bytes] = []
        for command in commands:
            last = self._expected[-1] if self._expected else None
            if last is not None and last.kind is Kind.TLS:
                raise ValueError(f"{command.shown} must wait for the answer to STARTTLS")
            if (last is not None and last.kind is Kind.DATA) or (self._inside and command is not DOT):
                raise ValueError(f"{command.shown} must wait for the end of the text")
            line = command.line
            if b"\r" in line or b"\n" in line or b"\0" in line:
                raise ValueError(f"a command is one line without NUL: {command.shown}")
            self._inside = False
            self._expected.append(command)
            out += (line, b"\r\n")
        return b"".join(out)

    def feed(self, data: bytes) -> list[Answer]:
        """Return the answers that `data` completes, in order, the same however the stream was cut.

        What was complete before a fault is still returned; the fault is raised at once when there is nothing to
        return, else by the next call of any method, such as `check_alive`. Once `shut`, all is ignored.

        Raises:
            WireError: the server left the protocol, spoke unasked, or went beyond a limit. The dialogue is then dead:
                every further call raises the same.
        """
        self.check_alive()
        answers: list[Answer] = []
        at = 0
        try:
            while at < len(data) and not self.shut:
                if not self._expected:
                    self._unasked(data[at:])
                line, at = self._line.take(data, at, limit=self._limits.line_octets, what="a line")
                if line is not None:
                    self._take(line, answers)
        except WireError as exc:
            self._fault = str(exc)
            if not answers:
                raise
        return answers

    def eof(self) -> None:
        """Take note that the server has closed the connection; every further call raises.

        Raises:
            WireError: an answer was outstanding, or the dialogue had broken before.
        """
        self.check_alive()
        if not self._expected:
            self._fault = "the server has closed the connection"
            return
        where = "in the middle of" if self._line.begun or self._code or self._left else "before"
        self._fault = f"the server closed the connection {where} {_answer_to(self._expected[0])}"
        self.check_alive()

    def check_alive(self) -> None:
        """Raise what was wrong behind the last answer.

        Raises:
            WireError: the dialogue is dead.
        """
        if self._fault:
            raise WireError(self._fault)

    def _unasked(self, data: bytes) -> None:
        raise WireError(f"the server spoke unasked: {_quote(data)}")

    def _take(self, line: bytes, answers: list[Answer]) -> None:
        command = self._expected[0]
        code, mark = _CODES.get(line[:3]), line[3:4]
        if code is None or mark not in _AFTER_CODE:
            # A server that echoes what it got must not bring a password into our logs.
            quoted = "" if command is not None and command.secret else f": {_quote(line)}"
            raise WireError(f"{_answer_to(command)} makes no sense{quoted}")
        more, text = mark == b"-", printable(line[4:])
        if more or self._code:
            if self._code and code // 100 != self._code // 100:
                raise WireError(f"{_answer_to(command)} says {self._code} and {code} at once")
            self._octets += len(line)
            self._lines.append(text)
            if len(self._lines) > self._limits.reply_lines:
                raise WireError(f"{_answer_to(command)} has more than {self._limits.reply_lines} lines")
            if self._octets > self._limits.reply_octets:
                raise WireError(f"{_answer_to(command)} has more than {self._limits.reply_octets} octets")
            if more:
                self._code = code
                return
            text = "\n".join(self._lines)
            self._code = self._octets = 0
            self._lines.clear()
        answers.append(Answer(command, code, text))
        self._answered(command, code)

    def _answered(self, command: Command | None, code: int) -> None:
        kind = Kind.OTHER if command is None else command.kind
        if kind is Kind.RCPT:
            self._accepted += code in _YES
        elif kind is Kind.MAIL:
            self._accepted = 0
        elif kind is Kind.DATA:
            self._inside = code == GO_ON
        elif kind is Kind.END and self._lmtp:
            self._left = (self._left or max(1, self._accepted)) - 1
        if code == SHUT:
            self.shut = True
            self._expected.clear()
        elif not self._left:
            self._expected.popleft()


def _answer_to(command: Command | None) -> str:
    return "the greeting" if command is None else f"the answer to {command.shown}"


def _quote(data: bytes) -> str:
    return repr(data[:_QUOTED_OCTETS])[1:]


def printable(octets: bytes) -> str:
    """Return a peer's words as text that can be shown and stored; UTF-8 by RFC 6531, anything by practice."""
    text = octets.decode("utf-8", "replace")
    return text if text.isprintable() else text.translate(_UNPRINTABLE)


# --- what a server can do


@dataclass(frozen=True, slots=True)
class Offers:
    """What the answer to EHLO promised. `size_octets`: the largest message, 0 when no limit is told (RFC 1870)."""

    pipelining: bool = False
    chunking: bool = False
    binary: bool = False
    eight_bit: bool = False
    utf8: bool = False
    size: bool = False
    size_octets: int = 0
    dsn: bool = False
    starttls: bool = False
    auth: tuple[str, ...] = ()


def parse_offers(text: str) -> Offers:
    """Return what the answer to EHLO or LHLO offers; never raises. Its first line is the server's name."""
    found: dict[str, list[str]] = {}
    for line in text.split("\n")[1:]:
        words = line.replace("=", " ", 1).split() if line[:5].upper() == "AUTH=" else line.split()
        if words:
            found.setdefault(words[0].upper(), []).extend(words[1:])
    size = next(iter(found.get("SIZE", ())), "")
    return Offers(
        pipelining="PIPELINING" in found,
        chunking="CHUNKING" in found,
        binary="BINARYMIME" in found,
        eight_bit="8BITMIME" in found,
        utf8="SMTPUTF8" in found,
        size="SIZE" in found,
        size_octets=min(int(size), MAX_SIZE_OCTETS) if re.fullmatch("[0-9]{1,20}", size) else 0,
        dsn="DSN" in found,
        starttls="STARTTLS" in found,
        auth=tuple(dict.fromkeys(name.upper() for name in found.get("AUTH", ()))),
    )


# --- commands

STARTTLS: Final = Command(b"STARTTLS", Kind.TLS)
DATA: Final = Command(b"DATA", Kind.DATA)
DOT: Final = Command(b".", Kind.END)
"""The end of the text that DATA asked for; the text is framed by `smtp_text.py`."""
RSET: Final = Command(b"RSET")
QUIT: Final = Command(b"QUIT")


def hello(verb: str, name: str) -> Command:
    """Greet by EHLO, HELO or LHLO with this machine's name, or its address as a literal (RFC 5321 section 4.1.1.1).

    Raises:
        WireError: the name holds what a command cannot carry.
    """
    if not re.fullmatch("[!-~]+", name):
        raise WireError(f"{name!r} cannot be said in {verb}")
    return Command(f"{verb} {name}".encode("ascii"))


def mail(sender: Address | None, *parameters: str) -> Command:
    """Begin a transaction; None is the empty sender (RFC 5321 section 4.1.1.2).

    Raises:
        WireError: the address cannot be said in a command.
    """
    path = b"<>" if sender is None else _path(sender)
    return Command(b" ".join((b"MAIL FROM:" + path, *(word.encode("ascii") for word in parameters))), Kind.MAIL)


@lru_cache(maxsize=1024)
def rcpt(recipient: Address, *parameters: str) -> Command:
    """Name one recipient. An office has few, so what was made is kept.

    Raises:
        WireError: the address cannot be said in a command.
    """
    return Command(
        b" ".join((b"RCPT TO:" + _path(recipient), *(word.encode("ascii") for word in parameters))), Kind.RCPT
    )


def bdat(size_octets: int, *, last: bool) -> Command:
    """Announce so many octets of text, which follow the line at once (RFC 3030 section 2)."""
    return Command(b"BDAT %d LAST" % size_octets, Kind.END) if last else Command(b"BDAT %d" % size_octets)


def auth(mechanism: str, initial: bytes | None) -> Command:
    """Begin a login (RFC 4954 section 4). The initial response is in the line when it has one and has room for it.

    Else the server asks for it by a challenge without text.

    Raises:
        WireError: the mechanism's name holds what a command cannot carry.
    """
    if not re.fullmatch("[A-Za-z0-9_-]+", mechanism):
        raise WireError(f"{mechanism!r} is no mechanism's name")
    line = f"AUTH {mechanism}".encode("ascii")
    if initial is not None:
        whole = line + b" " + (base64.b64encode(initial) or b"=")
        if len(whole) + 2 <= MAX_COMMAND_OCTETS:
            return Command(whole, secret=True)
    return Command(line, secret=True)


def response(octets: bytes) -> Command:
    """Answer a challenge; its own answer is the next challenge, or the end of the login."""
    return Command(base64.b64encode(octets), secret=True)


def challenge(answer: Answer) -> bytes:
    """Return the octets of a challenge (334).

    Raises:
        WireError: it is no Base64.
    """
    try:
        return base64.b64decode(answer.text.strip(), validate=True)
    except (binascii.Error, ValueError) as exc:
        raise WireError("the server's challenge is no Base64") from exc


def xtext(text: str) -> str:
    """Return `text` as the parameters ENVID and ORCPT carry it (RFC 3461 section 4)."""
    return _XTEXT.sub(lambda found: b"+%02X" % found[0][0], text.encode("utf-8")).decode("ascii")


def _path(address: Address) -> bytes:
    try:
        octets = str(address).encode("utf-8")
    except UnicodeEncodeError as exc:
        raise WireError("an address holds half a character") from exc
    unsayable = _UNSAYABLE_QUOTED if octets.startswith(b'"') else _UNSAYABLE
    if unsayable.search(octets) or len(octets) + 2 > MAX_PATH_OCTETS:
        raise WireError(f"the address {printable(octets[:_QUOTED_OCTETS])!r} cannot be said in a command")
    return b"<" + octets + b">"
