"""What a relay may do wrong while the office sends, at each stage of a conversation, and what has to come of it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from tests.hostile.cells import Listed, Part, Senseless, Table
from tests.hostile.faults import (
    Fault,
    Plan,
    cut_after,
    cut_before,
    endless,
    garbage,
    many_lines,
    reset,
    says,
    says_and_ends,
    silence,
    stands_still,
)
from tests.hostile.relay_run import (
    ALL,
    BOB,
    CONFIG,
    DSN,
    EVE,
    KIM,
    ODD_SENDER,
    RELAY,
    RETURNED,
    Post,
    RelayCell,
    post,
)
from tests.hostile.smtp_run import TWICE
from tests.hostile.smtp_table import (
    AT,
    BEGINNING,
    DONE,
    FAULTS,
    REPLIES,
    REPLY_STAGES,
    SLOW,
    STAGES,
    played_at,
    senseless,
)

_NAMES: Final = (
    "silence", "cut before the reply", "cut in the middle", "cut after the reply", "421", "garbage", "endless reply",
    "overlong line",
)  # fmt: skip
MANY: Final = "many lines"
RELAY_FAULTS: Final[dict[str, tuple[str, Fault]]] = {
    **{name: FAULTS[name] for name in _NAMES},
    MANY: ("the right reply, in the last of 50 lines", many_lines),
}
RELAY_REPLIES: Final = (
    "421 4.3.2", "451 4.7.1", "452 4.3.1", "500 5.5.2", "535 5.7.8", "550 5.1.1", "550 5.7.54", "554 5.7.1",
)  # fmt: skip
LOGIN_WANTED: Final = "535"


def _senseless(stage: str, fault: str) -> str:
    if fault != MANY:
        return senseless(stage, fault)
    return senseless(stage, "octet by octet") if stage in {"body", "idle"} else ""


def _of_odd(stage: str) -> Callable[[str], bool]:
    """Return what tells at this stage that the odd letter is meant; at RCPT one of its three recipients."""
    if stage == "MAIL":
        return _has(ODD_SENDER)
    return _has(EVE)


def _three() -> list[Post]:
    """Return letters for one recipient each: one connection says all of them."""
    return [post("odd", EVE, sender=ODD_SENDER), post("next", BOB), post("third", KIM)]


def _setting(stage: str) -> dict[str, Any]:
    """Return what a cell of this stage needs, whatever the fault."""
    if stage in BEGINNING:
        login = {"offers": (*DSN, "AUTH PLAIN LOGIN"), "decent": (*DSN, "AUTH PLAIN LOGIN"), "login": True}
        return {"meanwhile": False, "tls": stage == "STARTTLS"} | (login if stage == "AUTH" else {})
    if stage in {"RSET", "idle"}:
        return {"posts": _three, "relay": {"connections": 1}, "delivery": {"idle_timeout": "30s"}}
    if stage == "QUIT":
        return {"delivery": {"idle_timeout": "1s"}}
    return {}


def _expected(stage: str, fault: str) -> str:
    if stage == "RSET":
        return RETURNED
    if stage in {"QUIT", "idle"} or fault == MANY:
        return "delivered"
    if fault == "421":
        return RELAY
    if stage == "final dot":
        return "delivered" if fault == "cut after the reply" else TWICE
    if stage == "body" or (stage, fault) == ("DATA", "cut after the reply"):
        return TWICE
    if stage == "STARTTLS" or (stage == "AUTH" and fault in {"garbage", "endless reply", "overlong line"}):
        return CONFIG
    return RELAY


def _cell(stage: str, fault: str) -> RelayCell:
    when = _anybody if stage in BEGINNING or stage in {"RSET", "QUIT", "idle"} else _of_odd(stage)
    played = many_lines if fault == MANY else played_at(stage, fault)
    plans = [Plan(AT.get(stage, stage), played, when, done=fault in DONE or fault == MANY)]
    expect, more = _expected(stage, fault), _setting(stage)
    if stage == "RSET":
        plans.append(Plan("RCPT", says("550 5.1.1 unknown"), _of_odd(stage)))
        more |= {"returned": (EVE,), "meanwhile": True}
    if (stage, fault) in {("final dot", "cut in the middle"), ("body", "garbage")}:
        plans[0] = replace(plans[0], done=True, times=1)
        more |= {"copies": 2}
    if expect == "delivered":
        more |= {"meanwhile": True}
    return RelayCell(
        stage=stage,
        fault=fault,
        expect=expect,
        plans=lambda: [replace(one) for one in plans],
        soon=fault in SLOW,
        **more,
    )


def _reply_expected(stage: str, reply: str) -> str:
    """Return what has to come of a refusal, as `spec` A6 and D2 have it: written down apart from the playbook's table."""
    code, _, enhanced = reply.partition(" ")
    if stage == "EHLO" and code == "500":
        return "delivered"
    if code == "421" or (enhanced == "4.3.1" and stage != "RCPT"):
        return CONFIG if code != "421" and stage in {"STARTTLS", "AUTH"} else RELAY
    if stage in {"STARTTLS", "AUTH"}:
        return CONFIG
    about_us = code == LOGIN_WANTED or enhanced == "5.7.54"
    if stage == "RCPT":  # the others are taken
        return "deferred" if about_us or code[0] == "4" else RETURNED
    if about_us:
        return CONFIG
    if stage in BEGINNING:
        return RELAY if code[0] == "4" else CONFIG
    if code[0] == "4":
        return RELAY if stage == "MAIL" else "deferred"
    return RETURNED


def _reply_cell(stage: str, reply: str) -> RelayCell:
    text = f"{reply} {REPLIES[reply]}"
    fault = says_and_ends(text) if reply.startswith("421") else says(text)
    plan = Plan(AT.get(stage, stage), fault, _anybody if stage in BEGINNING else _of_odd(stage))
    expect, more = _reply_expected(stage, reply), _setting(stage)
    if expect == RETURNED:
        more |= {"returned": (EVE,) if stage == "RCPT" else ALL}
    if stage == "RCPT" and not reply.startswith("421"):
        more |= {"in_spite": (BOB, KIM)}
    more |= {"meanwhile": True} if expect == "delivered" else {"shows": reply}
    return RelayCell(stage=stage, fault=reply, expect=expect, plans=lambda: [replace(plan)], **more)


def parts() -> list[Part]:
    """Return what the page says of relays."""
    pairs = [(stage, fault) for fault in RELAY_FAULTS for stage in STAGES]
    words = (
        " `relay ill`, `configuration ill`: no message pays for it with a try, the condition `relay_ill` or `relay_config`"
        " shows and mail waits here; `deferred`: this message is tried again later, for those who do not have it yet;"
        " `returned`: its sender is told, once, for whom it failed; `unknown, may come twice`: the reply to the text was"
        " lost, so that it is said again; `delivered`: in spite of it."
    )
    return [
        Table(
            "relay",
            "Relays: every fault at every stage",
            "Mail that the office sends. The outcome is what is told of the message that meets the fault; it has three"
            " recipients, and at RCPT one of them meets it."
            + words
            + " Mail by another relay arrives meanwhile, and from MAIL"
            " on other messages by this one; `idle` is a connection kept for the next one.",
            STAGES,
            {name: text for name, (text, _) in RELAY_FAULTS.items()},
            tuple(_cell(*pair) for pair in pairs if not _senseless(*pair)),
            tuple(Senseless(*pair, _senseless(*pair)) for pair in pairs if _senseless(*pair)),
        ),
        Table(
            "relay",
            "Relays: refusals at every stage",
            "The same words. At RCPT one of three recipients is refused, and the others get the message at once.",
            REPLY_STAGES,
            {reply: REPLIES[reply] for reply in RELAY_REPLIES},
            tuple(_reply_cell(stage, reply) for reply in RELAY_REPLIES for stage in REPLY_STAGES),
            (),
        ),
        Listed("relay", "Relays: faults of one stage", "The same words.", tuple(_special())),
    ]


def _one(stage: str, fault: str, expect: str, *plans: Plan, **more: Any) -> RelayCell:
    return RelayCell(stage=stage, fault=fault, expect=expect, plans=lambda: [replace(one) for one in plans], **more)


def _anybody(_argument: str) -> bool:
    return True


def _has(word: str) -> Callable[[str], bool]:
    return lambda argument: word in argument


def _special() -> list[RelayCell]:
    return [*_protection(), *_lies(), *_texts(), *_several(), *_patience()]


def _patience() -> list[RelayCell]:
    name = "silence for 10 s, and mail by the other relay is there before it ends"
    return [
        _one("banner", name, RELAY, Plan("banner", silence), ahead=True, meanwhile=False),
        _one("final dot", name, TWICE, Plan(".", silence), ahead=True, meanwhile=False),
    ]


def _protection() -> list[RelayCell]:
    stripped = says("\r\n".join(("250-office.example", *(f"250-{one}" for one in DSN[1:]), f"250 {DSN[0]}")))
    failing = Plan("STARTTLS", says("220 2.0.0 go"))  # what follows is answered in the clear
    ill: dict[str, Any] = {"tls": True, "meanwhile": False}
    perhaps: dict[str, Any] = {"tls": True, "relay": {"security": "opportunistic"}}
    return [
        _one("EHLO", "STARTTLS is not offered", CONFIG, Plan("EHLO", stripped), shows="under [[relays]]", **ill),
        _one("EHLO", "STARTTLS is not offered, to the second client", CONFIG, Plan("EHLO", stripped), shows="under [[relays]]",
             delivery={"client": "aiosmtplib"}, **ill),
        _one("MAIL", "a login is wanted", CONFIG, Plan("MAIL", says("530 5.7.0 log in")), shows="under [[relays]]", meanwhile=False),
        _one("EHLO", "STARTTLS is not offered, where it may be left out", "delivered", Plan("EHLO", stripped), **perhaps),
        _one("STARTTLS", "accepted and not done", CONFIG, failing, **ill),
        _one("STARTTLS", "accepted and not done, where it may be left out", "delivered", failing, **perhaps),
        _one("STARTTLS", "refused, where it may be left out", "delivered", Plan("STARTTLS", says("454 4.7.0 no")), **perhaps),
        _one("STARTTLS", "cut in the hand-shake", CONFIG, Plan("STARTTLS", cut_after), **ill),
        _one("STARTTLS", "a certificate of somebody else", CONFIG, strange=True, tells=False, shows="certificate", **ill),
    ]  # fmt: skip


def _lies() -> list[RelayCell]:
    eight_bit = lambda: [post("odd", *ALL, sender=ODD_SENDER, body=b"\xe4\xf6\xfc\r\n"), post("next", BOB)]  # noqa: E731 a value
    long_line = lambda: [post("odd", *ALL, sender=ODD_SENDER, body=b"x" * 5_000 + b"\r\n"), post("next", BOB)]  # noqa: E731
    chunking = (*DSN, "CHUNKING", "BINARYMIME")
    without = tuple(one for one in DSN if one != "PIPELINING")
    size = tuple(one for one in DSN if not one.startswith("SIZE"))
    return [
        _one("EHLO", "nothing offered", "delivered", offers=(), decent=(), tells=False),
        _one("EHLO", "no PIPELINING", "delivered", offers=without, decent=without, tells=False),
        _one("EHLO", "PIPELINING offered and what comes ahead is lost", "delivered", forgets_ahead=True, soon=True, tells=False),
        _one("EHLO", "DSN offered and refused", "delivered", Plan("RCPT", says("555 5.5.4 NOTIFY?"), _has("NOTIFY=")), tells=False),
        _one("EHLO", "8BITMIME offered and refused", "delivered", Plan("MAIL", says("501 5.5.4 BODY?"), _has("BODY=")), posts=eight_bit),
        _one("EHLO", "CHUNKING offered and refused", "delivered", Plan("BDAT", says("500 5.5.2 what?")), offers=chunking, decent=chunking,
             posts=long_line),
        _one("EHLO", "lines that mean nothing", "delivered", offers=(*DSN, "", "AUTH", "X" * 500, "\x00\x7f"), tells=False),
        _one("EHLO", "a SIZE that is no number", "delivered", offers=(*size, "SIZE huge"), tells=False),
        _one("EHLO", "a SIZE of 10 octets, and more is taken", "delivered", offers=(*size, "SIZE 10"), tells=False),
        _one("EHLO", "SIZE offered and not known", "delivered", Plan("MAIL", says("555 5.5.4 SIZE?"), _has("SIZE="))),
        _one("final dot", "a SIZE of 64 MB offered, and 552 to a small text", RETURNED, Plan(".", says("552 5.3.4 too large"), _has(EVE)),
             returned=ALL),
        _one("MAIL", "552 to what SIZE allows", RETURNED, Plan("MAIL", says("552 5.3.4 too large"), _has(ODD_SENDER)), returned=ALL),
        _one("AUTH", "challenges without end", CONFIG, Plan("AUTH", endless(b"334 \r\n", lambda _n: b"334 Zm9v\r\n")), login=True,
             offers=(*DSN, "AUTH PLAIN"), decent=(*DSN, "AUTH PLAIN"), meanwhile=False),
        _one("AUTH", "only mechanisms that nobody knows", CONFIG, login=True, offers=(*DSN, "AUTH X-ODD"), decent=(*DSN, "AUTH PLAIN"),
             meanwhile=False, tells=False),
        _one("banner", "another protocol's", RELAY, Plan("banner", says("+OK POP3")), meanwhile=False),
    ]  # fmt: skip


def _texts() -> list[RelayCell]:
    of_odd = _has(EVE)
    long = lambda: [post("odd", *ALL, sender=ODD_SENDER, body=(b"x" * 70 + b"\r\n") * 120_000), post("next", BOB)]  # noqa: E731
    twice: dict[str, Any] = {"done": True, "times": 1}
    return [
        _one("body", "the relay stops reading a text of 9 MB", "deferred", Plan("body", stands_still, of_odd), posts=long, soon=True),
        _one("body", "cut in a text of 9 MB", "deferred", Plan("body", cut_before, of_odd), posts=long),
        _one("final dot", "silence, and it was taken", TWICE, Plan(".", silence, of_odd, **twice), copies=2, soon=True),
        _one("final dot", "cut before the reply, and it was taken", TWICE, Plan(".", cut_before, of_odd, **twice), copies=2),
        _one("final dot", "reset, and it was taken", TWICE, Plan(".", reset, of_odd, **twice), copies=2),
        _one("final dot", "garbage, and it was taken", TWICE, Plan(".", garbage, of_odd, **twice), copies=2),
        _one("final dot", "250 and 554 in one reply, and it was taken", TWICE, Plan(".", says("250-taken\r\n554 no"), of_odd, **twice), copies=2),
        _one("final dot", "354 in place of a verdict", TWICE, Plan(".", says("354 go on"), of_odd)),
        _one("DATA", "250 in place of 354", TWICE, Plan("DATA", says("250 ok"), of_odd)),
        _one("DATA", "503 though a recipient was accepted", RETURNED, Plan("DATA", says("503 5.5.1 no"), of_odd), returned=ALL),
        _one("DATA", "354 though every recipient was refused", RETURNED, Plan("RCPT", says("550 5.1.1 unknown"), _anybody, times=3),
             Plan("DATA", says("354 go on"), lambda about: not about, done=True), returned=ALL, relay={"connections": 1}),
    ]  # fmt: skip


def _several() -> list[RelayCell]:
    later, never = says("451 4.7.1 later"), says("550 5.1.1 unknown")
    lmtp: dict[str, Any] = {"lmtp": True}
    return [
        _one("RCPT", "one of three full (552 5.2.2)", "deferred", Plan("RCPT", says("552 5.2.2 full"), _has(EVE)), in_spite=(BOB, KIM)),
        _one("RCPT", "taken, refused for now, refused for good", RETURNED, Plan("RCPT", later, _has(EVE)), Plan("RCPT", never, _has(KIM)),
             in_spite=(BOB,), returned=(KIM,)),
        _one("RCPT", "250 and 550 in one reply", RELAY, Plan("RCPT", says("250-ok\r\n550 no"), _has(EVE))),
        _one("RCPT", "one of three ends the connection each time", RELAY, Plan("RCPT", cut_before, _has(EVE))),
        _one("final dot", "LMTP: one of three refused for good", RETURNED, Plan(".", never, _has(EVE)), in_spite=(BOB, KIM), returned=(EVE,),
             **lmtp),
        _one("final dot", "LMTP: one of three refused for now", "deferred", Plan(".", later, _has(EVE)), in_spite=(BOB, KIM), **lmtp),
        _one("final dot", "LMTP: cut after the first of three replies", TWICE, Plan(".", cut_before, _has(EVE)), in_spite=(BOB,), **lmtp),
        _one("final dot", "LMTP: silence after the first of three replies", TWICE, Plan(".", silence, _has(EVE)), in_spite=(BOB,), soon=True,
             **lmtp),
    ]  # fmt: skip
