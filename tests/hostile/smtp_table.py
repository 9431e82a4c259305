"""What an internal server may do wrong, at each stage of a conversation, and what has to come of it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

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
    garbage,
    octet_by_octet,
    reset,
    says,
    says_and_ends,
    silence,
    stands_still,
    trickle,
)
from tests.hostile.letters import BEN, CARL, DORA, ODD_SENDER, Letter, letter
from tests.hostile.smtp_peer import OFFERS
from tests.hostile.smtp_run import CONFIG, HELD, SERVER, TWICE, SmtpCell

STAGES: Final = (
    "banner", "EHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", "body", "final dot", "RSET", "QUIT", "idle",
)  # fmt: skip
AT: Final = {"final dot": "."}
BEGINNING: Final = frozenset({"banner", "EHLO", "STARTTLS", "AUTH"})
"""Where a fault concerns every message there is."""

FAULTS: Final[dict[str, tuple[str, Fault]]] = {
    "silence": ("no reply, and the line stays open", silence),
    "cut before the reply": ("the connection ends in place of the reply", cut_before),
    "cut in the middle": ("... within the reply", cut_in_the_middle),
    "cut after the reply": ("... right behind it", cut_after),
    "reset": ("the connection is reset in place of the reply", reset),
    "421": ("RFC 5321 section 3.8: the server shuts down", says_and_ends("421 4.3.2 shutting down")),
    "garbage": ("a line that is no reply", garbage),
    "endless line": ("a reply without a line end", endless_line),
    "endless reply": ("lines of one reply without end", endless(b"250-on\r\n", lambda n: b"250-and %d\r\n" % n)),
    "overlong line": ("a reply of 100,000 octets", says("250 " + "x" * 100_000)),
    "trickle": ("an octet five times a second, without end", trickle(b"250 ")),
    "octet by octet": ("the right reply, slowly", octet_by_octet),
    "extra reply": ("the right reply, and one to a command that was not sent yet", adds("250 2.0.0 and the next")),
}
SLOW: Final = frozenset({"silence", "trickle"})
DONE: Final = frozenset({"cut after the reply", "octet by octet", "extra reply"})
"""Where the server carries out what it was asked for all the same."""

NO_REPLY_HERE: Final = (
    "the server has nothing to say at this moment; what it says unasked is *garbage* and *extra reply*"
)

REPLIES: Final[dict[str, str]] = {
    "421 4.3.2": "shutting down",
    "450 4.2.1": "greylisting, mailbox busy",
    "451 4.7.1": "greylisting, error in processing",
    "452 4.3.1": "server full",
    "452 4.2.2": "mailbox full",
    "454 4.7.0": "not for now",
    "500 5.5.2": "command not recognised",
    "502 5.5.1": "command not implemented",
    "555 5.5.4": "parameters not recognised",
    "530 5.7.0": "login or STARTTLS wanted",
    "534 5.7.9": "mechanism too weak",
    "535 5.7.8": "credentials invalid",
    "538 5.7.11": "encryption needed",
    "550 5.1.1": "unknown recipient",
    "550 5.7.1": "policy",
    "554 5.7.1": "policy",
    "554 5.5.0": "failed, no service here",
    "552 5.3.4": "message too large",
    "552 5.2.3": "too large for this mailbox",
    "552 5.2.2": "mailbox full, which passes",
    "553 5.1.8": "sender not allowed",
    "556 5.1.10": "null MX",
    "550 5.7.54": "unable to relay",
    "554 5.6.0": "badly made message",
    "550 5.2.1": "mailbox disabled",
}
REPLY_STAGES: Final = ("banner", "EHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", "final dot")
LOGIN_WANTED: Final = frozenset({"530", "534", "535", "538"})


def _of_odd(stage: str) -> Callable[[str], bool]:
    """Return what tells at this stage that the odd letter is meant."""
    if stage == "MAIL":
        return lambda argument: ODD_SENDER in argument
    return lambda argument: BEN in argument


def _setting(stage: str) -> dict[str, Any]:
    """Return what a cell of this stage needs, whatever the fault."""
    if stage in BEGINNING:
        login = {"offers": (*OFFERS, "AUTH PLAIN LOGIN"), "decent": (*OFFERS, "AUTH PLAIN LOGIN"), "login": True}
        return {"meanwhile": False, "tls": stage == "STARTTLS"} | (login if stage == "AUTH" else {})
    if stage == "RSET":  # something has to be refused first, and the next message said on the same connection
        return {
            "letters": lambda: [letter("odd", BEN), letter("next", BEN), letter("third", BEN)],
            "delivery": {"connections": 1},
        }
    if stage == "QUIT":
        return {"delivery": {"idle_timeout": "1s"}}
    if stage == "idle":
        return {
            "letters": lambda: [letter("odd", BEN), letter("next", BEN), letter("third", BEN)],
            "delivery": {"connections": 1, "idle_timeout": "30s"},
        }
    return {}


def senseless(stage: str, fault: str) -> str:
    """Return why this fault is not played at this stage, empty when it is."""
    if stage == "body" and fault not in {"silence", "cut before the reply", "reset", "421", "garbage", "endless line"}:
        return "while a text is on its way the server has nothing to say: what it says too early is *421* and *garbage*"
    if stage == "idle" and fault in {"cut in the middle", "cut after the reply", "octet by octet"}:
        return NO_REPLY_HERE
    return ""


def _expected(stage: str, fault: str) -> str:
    if stage == "RSET":
        return "parked: unrouted"
    if stage in {"QUIT", "idle"} or fault == "octet by octet":
        return "delivered"
    if stage == "final dot":
        if fault in {"cut after the reply", "extra reply"}:
            return "delivered"
        return SERVER if fault == "421" else TWICE
    if stage == "body":
        return SERVER if fault == "421" else TWICE
    if stage in {"MAIL", "RCPT", "DATA"} and fault == "extra reply":
        return TWICE
    if stage == "DATA" and fault == "cut after the reply":
        return TWICE
    if stage == "STARTTLS" and fault != "421":
        return CONFIG
    if stage == "AUTH" and fault in {"garbage", "endless line", "endless reply", "overlong line"}:
        return CONFIG
    return SERVER


def played_at(stage: str, fault: str) -> Fault:
    """Return how a fault is played at this stage."""
    if stage in {"body", "idle"} and fault == "silence":
        return stands_still
    if stage in {"body", "idle"} and fault == "extra reply":
        return says("250 2.0.0 and the next")
    return FAULTS[fault][1]


def _cell(stage: str, fault: str) -> SmtpCell:
    played = played_at(stage, fault)
    when: Callable[[str], bool] = _of_odd(stage)
    if stage in BEGINNING or stage in {"RSET", "QUIT", "idle"}:
        when = lambda _argument: True  # noqa: E731 one of two
    plans = [Plan(AT.get(stage, stage), played, when, done=fault in DONE)]
    if stage == "RSET":
        plans.append(Plan("RCPT", says("550 5.1.1 unknown"), _of_odd(stage), times=1))
    more = _setting(stage)
    if (stage, fault) in {("final dot", "cut in the middle"), ("body", "garbage")}:
        plans[0] = replace(plans[0], done=True, times=1)
        more |= {"copies": 2}
    if fault == "421" and stage not in {"QUIT", "idle"}:
        more |= {"meanwhile": False}  # nothing is fetched
    return SmtpCell(
        stage=stage,
        fault=fault,
        expect=_expected(stage, fault),
        plans=lambda: [replace(one) for one in plans],
        soon=fault in SLOW,
        **more,
    )


def _reply_expected(stage: str, reply: str) -> str:
    """Return what has to come of a refusal, as `spec` C15 and D2 have it: written down apart from the playbook's table."""
    code, _, enhanced = reply.partition(" ")
    if stage == "EHLO" and code in {"500", "502", "555"}:
        return "delivered"
    if code == "421":
        return SERVER
    if stage in {"STARTTLS", "AUTH"} or code in LOGIN_WANTED or enhanced == "5.7.54":
        return CONFIG
    if enhanced == "4.3.1":
        return SERVER
    if stage in BEGINNING:
        return SERVER if code[0] == "4" else CONFIG
    if enhanced in {"4.2.2", "5.2.2"}:
        return "deferred"
    if code[0] == "4":
        return SERVER if stage == "MAIL" else "deferred"
    return f"parked: {_parked_for(stage, code, enhanced)}"


def _parked_for(stage: str, code: str, enhanced: str) -> str:
    if enhanced in {"5.1.1", "5.1.10"} and stage != "MAIL":
        return "unrouted"
    if code == "552":
        return "oversize"
    if enhanced == "5.6.0" and stage in {"DATA", "final dot"}:
        return "refused"  # as an attachment, too
    if enhanced.startswith("5.7.") or code == "554":
        return "quarantine"
    return "refused"


def _reply_cell(stage: str, reply: str) -> SmtpCell:
    text = f"{reply} {REPLIES[reply]}"
    fault = says_and_ends(text) if reply.startswith("421") else says(text)
    when: Callable[[str], bool] = (lambda _argument: True) if stage in BEGINNING else _of_odd(stage)
    plan = Plan(AT.get(stage, stage), fault, when)
    expect = _reply_expected(stage, reply)
    more = _setting(stage)
    more |= {"meanwhile": True} if expect == "delivered" else {"shows": reply}
    if expect in HELD and (expect == SERVER or reply[:3] in LOGIN_WANTED):
        more |= {"meanwhile": False}  # nothing is fetched
    return SmtpCell(stage=stage, fault=reply, expect=expect, plans=lambda: [replace(plan)], **more)


def parts() -> list[Part]:
    """Return what the page says of SMTP."""
    pairs = [(stage, fault) for fault in FAULTS for stage in STAGES]
    words = (
        " `server ill`, `configuration ill`: no message pays for it with a try, the condition `internal_ill` or"
        " `internal_config` shows and nothing is fetched ([refusals](reference/refusals.md)); `deferred`: this message is"
        " tried again later; `parked`: a person decides, and why; `unknown, may come twice`: the reply to the text was lost, so that it is"
        " said again; `delivered`: in spite of it."
    )
    return [
        Table(
            "smtp",
            "SMTP: every fault at every stage",
            "The outcome is what is told of the message that meets the fault."
            + words
            + " From MAIL on it is one message"
            " of several that meets it, and the others are delivered meanwhile; `idle` is a connection kept for the next one.",
            STAGES,
            {name: text for name, (text, _) in FAULTS.items()},
            tuple(_cell(*pair) for pair in pairs if not senseless(*pair)),
            tuple(Senseless(*pair, senseless(*pair)) for pair in pairs if senseless(*pair)),
        ),
        Table(
            "smtp",
            "SMTP: every refusal at every stage",
            "The same words. A refusal in the greeting, to EHLO, STARTTLS or AUTH is about us and about no message.",
            REPLY_STAGES,
            REPLIES,
            tuple(_reply_cell(stage, reply) for reply in REPLIES for stage in REPLY_STAGES),
            (),
        ),
        Listed("smtp", "SMTP and LMTP: faults of one stage", "The same words.", tuple(_special())),
    ]


def _one(stage: str, fault: str, expect: str, *plans: Plan, **more: Any) -> SmtpCell:
    return SmtpCell(stage=stage, fault=fault, expect=expect, plans=lambda: [replace(one) for one in plans], **more)


def _has(word: str) -> Callable[[str], bool]:
    return lambda argument: word in argument


def _special() -> list[SmtpCell]:
    return [*_lies(), *_texts(), *_several()]


def _lies() -> list[SmtpCell]:
    eight_bit = lambda: [letter("odd", BEN, body=b"\xe4\xf6\xfc\r\n", sender=ODD_SENDER)]  # noqa: E731 a value
    without = tuple(one for one in OFFERS if one != "PIPELINING")
    chunking = (*OFFERS, "CHUNKING", "BINARYMIME")
    bare = lambda: [letter("odd", BEN, body=b"a\nb\x00\r\n", sender=ODD_SENDER)]  # noqa: E731
    return [
        _one("EHLO", "nothing offered", "delivered", offers=(), decent=(), tells=False),
        _one("EHLO", "no PIPELINING", "delivered", offers=without, decent=without, tells=False),
        _one("EHLO", "PIPELINING offered and what comes ahead is lost", "delivered", forgets_ahead=True, soon=True, tells=False),
        _one("EHLO", "SIZE offered and refused", "delivered", Plan("MAIL", says("555 5.5.4 SIZE?"), _has("SIZE="))),
        _one("EHLO", "8BITMIME offered and refused", "delivered", Plan("MAIL", says("501 5.5.4 BODY?"), _has("BODY=")), letters=eight_bit),
        _one("EHLO", "CHUNKING offered and refused", "delivered", Plan("BDAT", says("500 5.5.2 what?")), offers=chunking, decent=chunking,
             letters=bare),
        _one("EHLO", "CHUNKING offered and BDAT lost", TWICE, Plan("BDAT", silence), offers=chunking, decent=chunking, letters=bare,
             soon=True),
        _one("EHLO", "a SIZE that is no number", "delivered", offers=(*OFFERS[:1], "SIZE huge"), tells=False),
        _one("EHLO", "lines that mean nothing", "delivered", offers=(*OFFERS, "", "AUTH", "X" * 500, "\x00\x7f"), tells=False),
        _one("EHLO", "STARTTLS offered and refused, where it may be left out", "delivered", Plan("STARTTLS", says("454 4.7.0 no")), tls=True,
             internal={"security": "opportunistic"}),
        _one("EHLO", "AUTH offered with unknown mechanisms", CONFIG, login=True, offers=(*OFFERS, "AUTH X-ODD"),
             decent=(*OFFERS, "AUTH PLAIN"), meanwhile=False, tells=False),
        _one("AUTH", "challenges without end", CONFIG, Plan("AUTH", endless(b"334 \r\n", lambda _n: b"334 Zm9v\r\n")), login=True,
             offers=(*OFFERS, "AUTH PLAIN"), decent=(*OFFERS, "AUTH PLAIN"), meanwhile=False),
        _one("RSET", "answered 502", "parked: unrouted", Plan("RSET", says("502 5.5.1 no")), Plan("RCPT", says("550 5.1.1 unknown"), _has(BEN), times=1),
             **_setting("RSET")),
        _one("QUIT", "answered 500", "delivered", Plan("QUIT", says("500 5.5.2 what?")), **_setting("QUIT")),
        _one("MAIL", "answered 250 and the connection ends each time, one message", SERVER, Plan("MAIL", cut_after, _has(ODD_SENDER))),
        _one("banner", "another protocol's", SERVER, Plan("banner", says("+OK POP3")), meanwhile=False),
        _one("banner", "many lines", "delivered", Plan("banner", says("220-first\r\n" * 50 + "220 last"))),
    ]  # fmt: skip


def _texts() -> list[SmtpCell]:
    long = lambda: [letter("odd", BEN, body=(b"x" * 70 + b"\r\n") * 120_000, sender=ODD_SENDER)]  # noqa: E731
    of_odd = _has(BEN)
    return [
        _one("body", "the server stops reading a text of 9 MB", "deferred", Plan("body", stands_still, of_odd), letters=long, soon=True),
        _one("body", "cut in a text of 9 MB", "deferred", Plan("body", cut_before, of_odd), letters=long),
        _one("body", "reset in a text of 9 MB", "deferred", Plan("body", reset, of_odd), letters=long),
        _one("body", "452 in a text of 9 MB, and the end", "deferred", Plan("body", says_and_ends("452 4.3.1 full"), of_odd), letters=long),
        _one("final dot", "silence, and it was taken", TWICE, Plan(".", silence, of_odd, done=True, times=1), copies=2, soon=True),
        _one("final dot", "cut before the reply, and it was taken", TWICE, Plan(".", cut_before, of_odd, done=True, times=1), copies=2),
        _one("final dot", "reset, and it was taken", TWICE, Plan(".", reset, of_odd, done=True, times=1), copies=2),
        _one("final dot", "garbage, and it was taken", TWICE, Plan(".", garbage, of_odd, done=True, times=1), copies=2),
        _one("final dot", "354 in place of a verdict", TWICE, Plan(".", says("354 go on"), of_odd)),
        _one("final dot", "221 in place of a verdict", TWICE, Plan(".", says("221 bye"), of_odd)),
        _one("DATA", "250 in place of 354", TWICE, Plan("DATA", says("250 ok"), of_odd)),
        _one("DATA", "503 though a recipient was accepted", "parked: refused", Plan("DATA", says("503 5.5.1 no"), of_odd)),
        _one("DATA", "354 though every recipient was refused", "parked: unrouted", Plan("RCPT", says("550 5.1.1 unknown"), of_odd),
             Plan("DATA", says("354 go on"), lambda about: not about, done=True)),
    ]  # fmt: skip


def _several() -> list[SmtpCell]:
    def to_three() -> list[Letter]:
        return [letter("odd", f"{BEN}, {CARL}, {DORA}", sender=ODD_SENDER)]

    three: dict[str, Any] = {"letters": to_three, "to": (BEN, CARL, DORA)}
    lmtp = three | {"lmtp": True}
    taken = frozenset({("odd", BEN)})
    later, never = says("451 4.7.1 later"), says("550 5.1.1 unknown")
    return [
        _one("RCPT", "one of three refused for good", "parked: unrouted", Plan("RCPT", never, _has(CARL)), **three,
             in_spite=taken | {("odd", DORA)}),
        _one("RCPT", "one of three refused for now", "deferred", Plan("RCPT", later, _has(CARL)), **three, in_spite=taken | {("odd", DORA)}),
        _one("RCPT", "taken, refused for now, refused for good", "deferred", Plan("RCPT", later, _has(CARL), times=1),
             Plan("RCPT", never, _has(DORA)), **three, in_spite=taken),
        _one("RCPT", "one of three full (552 5.2.2)", "deferred", Plan("RCPT", says("552 5.2.2 full"), _has(CARL)), **three,
             in_spite=taken | {("odd", DORA)}),
        _one("RCPT", "one of three ends the connection each time", SERVER, Plan("RCPT", cut_before, _has(CARL)), **three),
        _one("final dot", "LMTP: one of three refused for good", "parked: unrouted", Plan(".", never, _has(CARL)), **lmtp,
             in_spite=taken | {("odd", DORA)}),
        _one("final dot", "LMTP: one of three refused for now", "deferred", Plan(".", later, _has(CARL)), **lmtp,
             in_spite=taken | {("odd", DORA)}),
        _one("final dot", "LMTP: cut after the first of three replies", TWICE, Plan(".", cut_before, _has(CARL)), **lmtp, in_spite=taken),
        _one("final dot", "LMTP: silence after the first of three replies", TWICE, Plan(".", silence, _has(CARL)), **lmtp, in_spite=taken,
             soon=True),
    ]  # fmt: skip
