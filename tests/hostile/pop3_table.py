"""What a POP3 server may do wrong, at each stage of a session, and what has to come of it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from tests.hostile.cells import Listed, Part, Senseless, Table
from tests.hostile.faults import (
    Fault,
    Plan,
    adds,
    cut_after,
    cut_before,
    cut_in_the_middle,
    endless,
    endless_line,
    forgets_what_came_ahead,
    garbage,
    octet_by_octet,
    reset,
    says,
    silence,
    trickle,
)
from tests.hostile.letters import Letter, letter
from tests.hostile.pop3_peer import OFFERS, Manner, sizes, uids
from tests.hostile.pop3_run import Pop3Cell, answers_no_connection, refuses_connections

STAGES: Final = ("connect", "greeting", "CAPA", "STLS", "login", "UIDL", "LIST", "TOP", "RETR", "DELE", "QUIT")
AT: Final = {"login": "PASS"}
NO_UIDL: Final = Manner(offers=tuple(one for one in OFFERS if one != "UIDL"), knows=frozenset({"CAPA", "TOP"}))

FAULTS: Final[dict[str, tuple[str, Fault]]] = {
    "silence": ("no reply, and the line stays open", silence),
    "cut before the reply": ("the connection ends in place of the reply", cut_before),
    "cut in the middle": ("... within the reply", cut_in_the_middle),
    "cut after the reply": ("... right behind it", cut_after),
    "reset": ("the connection is reset in place of the reply", reset),
    "-ERR": ("a plain refusal", says("-ERR no")),
    "-ERR [IN-USE]": ("RFC 2449: another session has the mailbox", says("-ERR [IN-USE] busy")),
    "-ERR [LOGIN-DELAY]": ("RFC 2449: too often", says("-ERR [LOGIN-DELAY] wait")),
    "-ERR [SYS/TEMP]": ("RFC 3206: ill for now", says("-ERR [SYS/TEMP] ill")),
    "-ERR [SYS/PERM]": ("RFC 3206: ill until somebody acts", says("-ERR [SYS/PERM] ill")),
    "-ERR [AUTH]": ("RFC 3206: the credentials are wrong", says("-ERR [AUTH] no")),
    "garbage": ("a line that is no reply", garbage),
    "endless line": ("a reply without a line end", endless_line),
    "endless reply": ("lines, or a body, without end", silence),  # made for each stage below
    "trickle": ("an octet five times a second, without end", trickle()),
    "octet by octet": ("the right reply, slowly", octet_by_octet),
    "extra reply": ("the right reply, and one that nobody asked for", adds("+OK and one more")),
}
SLOW: Final = frozenset({"silence", "trickle"})
ENDLESS: Final[dict[str, Fault]] = {
    "CAPA": endless(b"+OK\r\n", lambda n: b"X-%d\r\n" % n),
    "UIDL": endless(b"+OK\r\n", lambda n: b"%d uid-%d\r\n" % (n, n)),
    "LIST": endless(b"+OK\r\n", lambda n: b"%d 500\r\n" % n),
    "TOP": endless(b"+OK\r\n", lambda n: b"X-Header-%d: %s\r\n" % (n, b"x" * 60)),
    "RETR": endless(b"+OK\r\n", lambda n: b"%s\r\n" % (b"x" * 70)),
}
MOST_ENDLESS_OCTETS: Final = 120_000_000
MOST_MEMORY_OCTETS: Final = 120_000_000

# Which error class each fault comes to, by stage where it is not the same at all.
CLASSES: Final[dict[str, str]] = {
    "silence": "connect",
    "cut before the reply": "connect",
    "cut in the middle": "connect",
    "cut after the reply": "connect",
    "reset": "connect",
    "-ERR [IN-USE]": "in-use",
    "-ERR [LOGIN-DELAY]": "throttled",
    "-ERR [SYS/TEMP]": "temporary",
    "-ERR [SYS/PERM]": "policy",
    "-ERR [AUTH]": "auth",
    "garbage": "protocol",
    "endless line": "protocol",
    "endless reply": "protocol",
    "trickle": "connect",
    "octet by octet": "no error",
    "extra reply": "protocol",
}
PLAIN_ERR: Final = {"greeting": "temporary", "STLS": "tls", "login": "auth", "UIDL": "no error", "LIST": "no error"}
EXCEPTIONS: Final[dict[tuple[str, str], str]] = {
    ("UIDL", "extra reply"): "no error",  # a line of LIST that means nothing
    ("RETR", "endless reply"): "no error, 1 left there",
    ("QUIT", "cut after the reply"): "no error",
    ("QUIT", "extra reply"): "no error",
    ("QUIT", "octet by octet"): "no error",
}
"""Where a stage takes a fault its own way."""
ON_REFUSAL: Final = {
    "CAPA": "no error",
    "DELE": "no error",
    "TOP": "no error, 1 left there",
    "RETR": "no error, 1 left there",
    "QUIT": "protocol",
}
"""What a refusal comes to whatever its code says."""


def _second(argument: str) -> bool:
    return argument.split()[:1] == ["2"]


def _always(_argument: str) -> bool:
    return True


def _senseless(stage: str, fault: str) -> str:
    """Return why this fault cannot be played at this stage, or nothing."""
    if stage == "connect" and fault not in {"silence", "reset"}:
        return "before the greeting the server says nothing that could be wrong; a connection that is taken and cut at once is a greeting that is cut"
    if fault == "endless reply" and stage not in ENDLESS:
        return "the reply is one line: see *endless line*"
    return ""


def _expected(stage: str, fault: str) -> str:
    """Return the class of the error, by the fault, unless the stage has its own mind."""
    if (stage, fault) in EXCEPTIONS:
        return EXCEPTIONS[stage, fault]
    if fault.startswith("-ERR") and stage in ON_REFUSAL:
        return ON_REFUSAL[stage]
    if stage == "QUIT":
        return "protocol"
    return CLASSES.get(fault) or PLAIN_ERR[stage]


def _cell(stage: str, fault: str) -> Pop3Cell:
    expect = _expected(stage, fault)
    soon = fault in SLOW
    if stage == "connect":
        dead = answers_no_connection if fault == "silence" else refuses_connections
        return Pop3Cell(stage=stage, fault=fault, expect=expect, soon=soon, dead=dead)
    played = ENDLESS[stage] if fault == "endless reply" else FAULTS[fault][1]
    when: Callable[[str], bool] = _second if stage in {"TOP", "RETR", "DELE"} else _always
    done = fault in {"cut in the middle", "cut after the reply", "octet by octet", "extra reply"}
    endless_reply = fault == "endless reply"
    return Pop3Cell(
        stage=stage,
        fault=fault,
        expect=expect,
        soon=soon,
        plans=lambda: [Plan(AT.get(stage, stage), played, when, done=done)],
        manner=NO_UIDL if stage == "TOP" else Manner(),
        tls=stage == "STLS",
        most_octets=MOST_ENDLESS_OCTETS if endless_reply else 8_000_000,
        most_memory_octets=MOST_MEMORY_OCTETS if endless_reply else 0,
    )


def table() -> Table:
    """Return every fault at every stage."""
    pairs = [(stage, fault) for fault in FAULTS for stage in STAGES]
    return Table(
        "pop3",
        "POP3: every fault at every stage",
        "The outcome is the class of the error that the session ends with, as log, conditions and API show it. At TOP,"
        " RETR and DELE the second of three messages meets the fault; TOP is asked of servers without UIDL.",
        STAGES,
        {name: text for name, (text, _) in FAULTS.items()},
        tuple(_cell(*pair) for pair in pairs if not _senseless(*pair)),
        tuple(Senseless(*pair, _senseless(*pair)) for pair in pairs if _senseless(*pair)),
    )


def parts() -> list[Part]:
    """Return what the page says of POP3."""
    text = (
        "`recognised` counts messages that are known by their octets although their UIDs are new; `left there` those that"
        " the session could not take, and says so."
    )
    return [table(), Listed("pop3", "POP3: faults of one stage", text, tuple(_special()))]


def _special() -> list[Pop3Cell]:
    return [*_logins(), *_lists(), *_bodies(), *_endings()]


def _one(stage: str, fault: str, expect: str, **more: object) -> Pop3Cell:
    return replace(Pop3Cell(stage=stage, fault=fault, expect=expect), **more)  # type: ignore[arg-type]  # as named there


def _logins() -> list[Pop3Cell]:
    plain = replace(Manner(), offers=(*OFFERS, "SASL PLAIN"))
    return [
        _one("greeting", "another protocol's", "protocol", plans=lambda: [Plan("greeting", says("220 mail ESMTP"))]),
        _one("CAPA", "PIPELINING is offered and what comes ahead is lost", "no error", soon=True, plans=lambda: [
            Plan(verb, forgets_what_came_ahead) for verb in ("UIDL", "LIST", "RETR", "DELE")
        ]),
        _one("CAPA", "nothing is offered and all works", "no error", manner=Manner(offers=())),
        _one("CAPA", "lines that mean nothing", "no error", manner=Manner(offers=(*OFFERS, "", "SASL", "X" * 600, "\x00\x7f"))),
        _one("login", "USER refused", "auth", plans=lambda: [Plan("USER", says("-ERR who?"))]),
        _one("login", "SASL PLAIN offered and refused", "auth", manner=plain, plans=lambda: [Plan("AUTH", says("-ERR no"))]),
        _one("login", "SASL PLAIN offered and not known", "no error", manner=plain, plans=lambda: [
            Plan("AUTH", says("-ERR unknown command"))
        ]),
        _one("login", "challenges without end", "protocol", manner=plain, plans=lambda: [
            Plan("AUTH", endless(b"+ \r\n", lambda _n: b"+ Zm9v\r\n"))
        ], most_octets=8_000_000),
        _one("STLS", "offered and not known", "tls", tls=True, plans=lambda: [Plan("STLS", says("-ERR unknown command"))]),
    ]  # fmt: skip


def _lists() -> list[Pop3Cell]:
    def listed(make: Callable[[int, Letter], list[str]]) -> Callable[[list[tuple[int, Letter]], int], list[str]]:
        return lambda found, _session: [line for number, one in found for line in make(number, one)]

    def uid_lines(make: Callable[[int, Letter], list[str]]) -> Manner:
        return replace(Manner(), uids=listed(make))

    def size_lines(make: Callable[[int, Letter], list[str]]) -> Manner:
        return replace(Manner(), sizes=listed(make))

    def anew(found: list[tuple[int, Letter]], session: int) -> list[str]:
        return [f"{number} {session}-{one.mark}" for number, one in found]

    def eight() -> list[Letter]:
        return [letter(f"letter{n}") for n in range(8)]

    changing = replace(Manner(), uids=anew)
    neither = replace(NO_UIDL, knows=frozenset({"CAPA"}))
    not_gone = Plan("QUIT", cut_before, times=1)
    return [
        _one("UIDL", "not known", "no error", manner=NO_UIDL),
        _one("UIDL", "not known, nor is TOP", "protocol", manner=neither, healed=Manner()),
        _one("UIDL", "every session has new UIDs", "protocol, 8 recognised", manner=changing, healed=changing,
             letters=eight, sessions=2, plans=lambda: [replace(not_gone)]),
        _one("UIDL", "all messages have one UID", "no error", manner=uid_lines(lambda n, _one: [f"{n} same"])),
        _one("UIDL", "a UID is used again for another message", "no error", manner=uid_lines(lambda n, _one: [f"{n} uid{n}"]),
             healed=uid_lines(lambda n, _one: [f"{n} uid{n}"]), later=lambda: [letter("four"), letter("five")]),
        _one("UIDL", "a UID of 200 octets", "no error", manner=uid_lines(lambda n, _one: [f"{n} {n}{'u' * 200}"])),
        _one("UIDL", "a UID of 3,000 octets", "no error", manner=uid_lines(lambda n, _one: [f"{n} {n}{'u' * 3000}"])),
        _one("UIDL", "a UID of 100,000 octets", "protocol", manner=uid_lines(lambda n, _one: [f"{n} {n}{'u' * 100000}"]),
             healed=Manner()),
        _one("UIDL", "UIDs that are no ASCII", "no error", manner=uid_lines(lambda n, one: [f"{n} ü-\udcff-{one.mark}"])),
        _one("UIDL", "malformed lines between good ones", "no error", manner=uid_lines(
             lambda n, one: ["", "nonsense", f"{n} {one.mark}", "-1 x", "0 y", "99999999999999999999 z", "\x00"])),
        _one("UIDL", "a malformed line in place of a message", "no error", manner=uid_lines(
             lambda n, one: [f"{n} {one.mark}" if n != 2 else "2"]), healed=Manner(), in_spite=frozenset({"one", "three"})),
        _one("UIDL", "fewer messages than LIST", "no error", manner=uid_lines(
             lambda n, one: [f"{n} uid-{one.mark}"][: n != 2]), in_spite=frozenset({"one", "three"})),
        _one("UIDL", "more messages than there are", "no error, 1 left there", manner=replace(
             Manner(), uids=lambda found, session: [*uids(found, session), "4 ghost"])),
        _one("UIDL", "in another order", "no error", manner=replace(
             Manner(), uids=lambda found, session: uids(found, session)[::-1])),
        _one("UIDL", "a number twice", "no error", manner=uid_lines(
             lambda n, one: [f"{n} uid-{one.mark}", f"{n} other-{one.mark}"][: 2 if n == 2 else 1])),
        _one("LIST", "wrong counts in the first lines", "no error", manner=replace(Manner(), counts=7)),
        _one("LIST", "sizes of 0", "no error", manner=size_lines(lambda n, _one: [f"{n} 0"])),
        _one("LIST", "sizes too small", "no error", manner=size_lines(lambda n, _one: [f"{n} 1"])),
        _one("LIST", "sizes too large", "no error", manner=size_lines(lambda n, one: [f"{n} {10 * len(one.octets)}"])),
        _one("LIST", "sizes of a petabyte", "no error", manner=size_lines(lambda n, _one: [f"{n} 1000000000000000"])),
        _one("LIST", "negative sizes", "no error", manner=size_lines(lambda n, _one: [f"{n} -5"])),
        _one("LIST", "entries missing", "no error", manner=size_lines(lambda n, one: [f"{n} {len(one.octets)}"][: n != 2])),
        _one("LIST", "no entries at all", "no error", manner=size_lines(lambda _n, _one: [])),
        _one("LIST", "malformed lines between good ones", "no error", manner=size_lines(
             lambda n, one: ["", "x", f"{n} {len(one.octets)} octets", f"{n}", "0 0"])),
        _one("LIST", "more messages than there are", "no error", manner=replace(
             Manner(), sizes=lambda found, session: [*sizes(found, session), "4 77"])),
        _one("TOP", "two messages with one header", "no error", manner=NO_UIDL, letters=lambda: [
             letter("one", head="same"), letter("two", head="same", body=b"another\r\n"), letter("three")]),
        _one("TOP", "one message twice", "no error", manner=NO_UIDL, letters=lambda: [letter("one"), letter("two")]),
        _one("mailbox", "100,000 messages of which 10 are new", "no error", letters=_many, later=_ten,
             account={"first_fetch": "new"}, stays=frozenset(one.mark for one in _many()), most_octets=8_000_000),
    ]  # fmt: skip


def _many() -> list[Letter]:
    return [Letter(f"old{n}", b"old\r\n") for n in range(100_000)]


def _ten() -> list[Letter]:
    return [letter(f"new{n}") for n in range(10)]


def _bodies() -> list[Pop3Cell]:
    others = frozenset({"one", "three"})

    def bodies(*odd: bytes) -> Callable[[], list[Letter]]:
        return lambda: [letter("one"), *(letter(f"odd{n}", body=body) for n, body in enumerate(odd)), letter("three")]

    def sends_nothing(one: Letter) -> bytes:
        return b"" if one.mark == "two" else one.octets

    def two(fault: Fault) -> Callable[[], list[Plan]]:
        return lambda: [Plan("RETR", fault, _second)]

    long_line = bodies(b"x" * 10_000_000 + b"\r\n")
    return [
        _one("RETR", "one message refused each time", "no error, 1 left there", plans=two(says("-ERR cannot")), in_spite=others,
             sessions=3),
        _one("RETR", "one message cut each time", "connect", restarts=True, plans=two(cut_in_the_middle), in_spite=others, sessions=4),
        _one("RETR", "the connection ends at one message each time", "connect", restarts=True, plans=two(cut_before), in_spite=others,
             sessions=4),
        _one("RETR", "silence at one message each time", "connect", restarts=True, plans=two(silence), in_spite=others, sessions=4, soon=True),
        _one("RETR", "a body of 0 octets for one message", "no error, 1 left there", manner=replace(Manner(), sends=sends_nothing),
             in_spite=others),
        _one("RETR", "bare LF", "no error", letters=bodies(b"a\nb\n.\nc\n")),
        _one("RETR", "bare CR", "no error", letters=bodies(b"a\rb\r.\rc\r")),
        _one("RETR", "each end of data inside", "no error", letters=bodies(
             b"\n.\nMAIL FROM:<x@y.example>\n", b"x\r\n.\nRCPT TO:<x@y.example>\r\n", b"\r.\r\n", b"\n.\r\nDATA\r\n")),
        _one("RETR", "NUL and 8-bit octets", "no error", letters=bodies(b"a\x00b\x80\xff\x00\r\n")),
        _one("RETR", "a line of 10 MB", "no error", letters=long_line, most_octets=12_000_000),
        _one("RETR", "a long body of dots", "no error", letters=bodies(b".\r\n" * 100_000)),
    ]  # fmt: skip


def _endings() -> list[Pop3Cell]:
    def done(fault: Fault) -> Callable[[], list[Plan]]:
        return lambda: [Plan("QUIT", fault, done=True)]

    keeps = replace(Manner(), deletes=False)
    return [
        _one("DELE", "every one refused", "no error", plans=lambda: [Plan("DELE", says("-ERR no"))]),
        _one("DELE", "agreed to and not done", "no error", manner=keeps, sessions=2),
        _one("QUIT", "silence and all is deleted", "protocol", plans=done(silence), soon=True),
        _one("QUIT", "cut before the reply and all is deleted", "protocol", plans=done(cut_before)),
        _one("QUIT", "-ERR and all is deleted", "protocol", plans=done(says("-ERR some deleted messages not removed"))),
    ]  # fmt: skip
