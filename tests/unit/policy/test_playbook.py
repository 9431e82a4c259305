"""The refusal playbook: what each answer means, at each stage."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.model.entry import ParkReason
from mailgate.model.errors import ErrorClass
from mailgate.model.status import DeliveryResult, Reply, SmtpStage
from mailgate.policy.playbook import (
    CLASSES,
    DOES,
    ROWS,
    STREAK,
    Verdict,
    class_of,
    illness,
    is_certain,
    next_streak,
    of,
    of_failure,
    park_reason,
    verdict,
)

LATER, FULL, MESSAGE, ILL, CONFIG = (
    Verdict.LATER,
    Verdict.MAILBOX_FULL,
    Verdict.MESSAGE_LATER,
    Verdict.SERVER_ILL,
    Verdict.CONFIGURATION_ILL,
)
NEXT = Verdict.TOO_MANY
UNKNOWN, SIZE, SPAM, WRAP, NO = (
    Verdict.UNKNOWN_RECIPIENT,
    Verdict.OVERSIZE,
    Verdict.QUARANTINE,
    Verdict.WRAP,
    Verdict.REFUSED,
)

# Reply, and what it means at the banner, EHLO, MAIL, RCPT, DATA and the final dot.
MEANS: list[tuple[str, tuple[Verdict, Verdict, Verdict, Verdict, Verdict, Verdict]]] = [
    ("421 4.3.2 shutting down", (ILL, ILL, ILL, ILL, ILL, ILL)),
    ("450 4.2.1 busy", (ILL, ILL, ILL, LATER, MESSAGE, MESSAGE)),
    ("451 4.7.1 greylisted", (ILL, ILL, ILL, LATER, MESSAGE, MESSAGE)),
    ("451 local error", (ILL, ILL, ILL, LATER, MESSAGE, MESSAGE)),
    ("452 4.3.1 Insufficient system resources", (ILL, ILL, ILL, ILL, ILL, ILL)),
    ("452 4.2.2 mailbox full", (ILL, ILL, FULL, FULL, FULL, FULL)),
    ("552 5.2.2 mailbox full", (CONFIG, CONFIG, FULL, FULL, FULL, FULL)),
    ("452 Mailbox full", (ILL, ILL, ILL, FULL, FULL, FULL)),
    ("552 Requested action aborted: over quota", (CONFIG, CONFIG, SIZE, FULL, FULL, FULL)),
    ("550 user's quota exceeded", (CONFIG, CONFIG, NO, FULL, FULL, FULL)),
    ("554 5.2.2 mailbox full", (CONFIG, CONFIG, FULL, FULL, FULL, FULL)),
    ("530 5.7.0 authentication required", (CONFIG, CONFIG, CONFIG, CONFIG, CONFIG, CONFIG)),
    ("535 5.7.8 no", (CONFIG, CONFIG, CONFIG, CONFIG, CONFIG, CONFIG)),
    ("554 no service here", (CONFIG, CONFIG, SPAM, SPAM, SPAM, SPAM)),
    ("550 5.7.1 Unable to relay", (CONFIG, CONFIG, CONFIG, CONFIG, CONFIG, CONFIG)),
    ("550 5.7.54 SMTP; Unable to relay recipient in non-accepted domain", (CONFIG,) * 6),
    ("554 5.7.1 <x@y>: Relay access denied", (CONFIG,) * 6),
    ("550 relaying denied.", (CONFIG,) * 6),
    ("550 5.7.1 We do not relay", (CONFIG,) * 6),
    ("550 5.7.1 mail from relay.example.net blocked by spamhaus", (CONFIG, CONFIG, SPAM, SPAM, SPAM, SPAM)),
    ("550 5.7.1 <relay@example.net>: blocked", (CONFIG, CONFIG, SPAM, SPAM, SPAM, SPAM)),
    ("550 5.7.1 mail-relay.example.net[192.0.2.1] is listed", (CONFIG, CONFIG, SPAM, SPAM, SPAM, SPAM)),
    ("552 too many recipients", (CONFIG, CONFIG, SIZE, NEXT, SIZE, SIZE)),
    ("552 5.5.3 Too many", (CONFIG, CONFIG, SIZE, NEXT, SIZE, SIZE)),
    ("452 4.5.3 Error: too many recipients", (ILL, ILL, ILL, NEXT, MESSAGE, MESSAGE)),
    ("452 Too many recipients", (ILL, ILL, ILL, NEXT, MESSAGE, MESSAGE)),
    ("452 4.5.1 not so fast", (ILL, ILL, ILL, LATER, MESSAGE, MESSAGE)),
    ("550 5.1.1 user unknown", (CONFIG, CONFIG, NO, UNKNOWN, UNKNOWN, UNKNOWN)),
    ("550 5.1.10 RESOLVER.ADR.RecipientNotFound", (CONFIG, CONFIG, NO, UNKNOWN, UNKNOWN, UNKNOWN)),
    ("550 5.4.1 Recipient address rejected: Access denied", (CONFIG, CONFIG, NO, UNKNOWN, UNKNOWN, UNKNOWN)),
    ("556 5.1.10 null MX", (CONFIG, CONFIG, NO, UNKNOWN, UNKNOWN, UNKNOWN)),
    ("550 no such user here", (CONFIG, CONFIG, NO, UNKNOWN, NO, NO)),
    ("550 looks like spam", (CONFIG, CONFIG, NO, UNKNOWN, SPAM, SPAM)),
    ("550 5.2.1 mailbox disabled", (CONFIG, CONFIG, NO, NO, NO, NO)),
    ("550 5.7.1 against our policy", (CONFIG, CONFIG, SPAM, SPAM, SPAM, SPAM)),
    ("552 5.3.4 too large", (CONFIG, CONFIG, SIZE, SIZE, SIZE, SIZE)),
    ("552 5.2.3 too large for this mailbox", (CONFIG, CONFIG, SIZE, SIZE, SIZE, SIZE)),
    ("552 exceeds", (CONFIG, CONFIG, SIZE, SIZE, SIZE, SIZE)),
    ("550 5.3.4 too large", (CONFIG, CONFIG, SIZE, SIZE, SIZE, SIZE)),
    ("554 5.6.0 corrupt message content", (CONFIG, CONFIG, SPAM, SPAM, WRAP, WRAP)),
    ("550 5.6.11 bare linefeeds", (CONFIG, CONFIG, NO, NO, WRAP, WRAP)),
    ("553 5.6.7 no SMTPUTF8", (CONFIG, CONFIG, NO, NO, NO, NO)),
    ("554 5.6.9 no header outside ASCII", (CONFIG, CONFIG, NO, NO, WRAP, WRAP)),
    ("500 line too long", (CONFIG, CONFIG, NO, NO, NO, WRAP)),
    ("503 5.5.1 bad sequence", (CONFIG, CONFIG, NO, NO, NO, NO)),
    ("553 5.1.8 sender not allowed", (CONFIG, CONFIG, NO, NO, NO, NO)),
    ("555 5.5.4 parameters", (CONFIG, CONFIG, NO, NO, NO, NO)),
]
STAGES = (SmtpStage.BANNER, SmtpStage.EHLO, SmtpStage.MAIL, SmtpStage.RCPT, SmtpStage.DATA, SmtpStage.TEXT)


def reply(text: str) -> Reply:
    return Reply(int(text[:3]), text[4:])


@pytest.mark.parametrize(("text", "means"), MEANS, ids=[text for text, _ in MEANS])
def test_each_answer_means_what_the_table_of_the_field_says(text: str, means: tuple[Verdict, ...]) -> None:
    assert tuple(verdict(reply(text), stage) for stage in STAGES) == means


def test_a_login_or_tls_that_is_refused_is_a_fault_of_the_configuration() -> None:
    for stage in (SmtpStage.STARTTLS, SmtpStage.AUTH):
        assert verdict(reply("454 4.7.0 not now"), stage) is CONFIG


def test_a_positive_answer_is_taken_and_no_answer_is_tried_again() -> None:
    assert verdict(reply("250 2.0.0 ok"), SmtpStage.TEXT) is Verdict.TAKEN
    assert verdict(Reply(0, "no answer"), SmtpStage.TEXT) is LATER
    assert of(DeliveryResult("a@x.example", reply("550 5.1.1 no"), unknown=True)) is LATER


@given(st.integers(400, 599), st.text(max_size=30), st.sampled_from(SmtpStage))
def test_every_refusal_has_a_verdict_and_none_is_taken_for_a_delivery(code: int, text: str, stage: SmtpStage) -> None:
    assert verdict(Reply(code, text), stage) is not Verdict.TAKEN


@given(st.integers(400, 499), st.text(max_size=30), st.sampled_from([SmtpStage.MAIL, *STAGES[3:]]))
def test_a_temporary_answer_never_parks(code: int, text: str, stage: SmtpStage) -> None:
    assert verdict(Reply(code, text), stage) in {LATER, NEXT, FULL, MESSAGE, ILL, CONFIG}


def test_a_full_mailbox_has_a_class_of_its_own_and_nobody_is_ill_for_it() -> None:
    for text in ("452 4.2.2 full", "552 5.2.2 full", "450 mailbox is full", "552 over quota"):
        assert class_of(reply(text)) is ErrorClass.MAILBOX_FULL
        assert illness([result("a@x.example", text)]) is None
        assert next_streak((), [result("a@x.example", text, SmtpStage.TEXT)]) == ()
    assert class_of(reply("452 4.3.1 Insufficient system resources")) is ErrorClass.TEMPORARY
    assert class_of(reply("452 too many recipients")) is ErrorClass.TEMPORARY
    assert class_of(reply("552 5.3.4 too large")) is ErrorClass.SIZE
    assert class_of(reply("550 5.1.1 who")) is ErrorClass.UNKNOWN_RECIPIENT
    assert class_of(reply("250 2.1.5 ok")) is None


def test_every_verdict_is_explained_and_every_row_can_decide() -> None:
    assert set(DOES) == set(Verdict)
    assert set(CLASSES) == set(Verdict) - {Verdict.TAKEN}
    decided = {next(n for n, row in enumerate(ROWS) if row.fits(reply(text), s)) for text, _ in MEANS for s in STAGES}
    decided |= {n for n, row in enumerate(ROWS) if row.fits(reply("454 4.7.0 no"), SmtpStage.AUTH)}
    assert decided == set(range(len(ROWS))), "a row that no example reaches"


def test_nobody_but_the_server_is_ill_when_no_connection_is_made() -> None:
    assert {one for one in ErrorClass if of_failure(one) is ILL} == {
        ErrorClass.DNS,
        ErrorClass.CONNECT,
        ErrorClass.TEMPORARY,
        ErrorClass.PROTOCOL,
        ErrorClass.THROTTLED,
        ErrorClass.IN_USE,
    }


def result(address: str, text: str, stage: SmtpStage = SmtpStage.RCPT) -> DeliveryResult:
    return DeliveryResult(address, reply(text), stage=stage)


def test_what_is_said_about_one_recipient_while_another_was_taken_is_no_illness() -> None:
    taken = result("a@x.example", "250 ok", SmtpStage.TEXT)
    for stage in SmtpStage.RCPT, SmtpStage.TEXT:
        for text in "451 4.3.0 mailbox damaged", "452 4.3.1 full":
            ill = result("b@x.example", text, stage)
            assert illness([ill]) is ill
            assert illness([ill, result("a@x.example", "550 5.1.1 who")]) is ill
            ill = replace(ill, for_one=stage is SmtpStage.TEXT)  # by LMTP
            assert illness([taken, ill]) is None
            assert illness([ill], others_have_it=True) is None
    down = result("b@x.example", "421 4.3.2 shutting down", SmtpStage.TEXT)
    assert illness([taken, down]) is down
    assert illness([down], others_have_it=True) is down
    assert illness([taken, result("b@x.example", "452 4.2.2 full"), result("c@x.example", "450 grey")]) is None


@pytest.mark.parametrize("stage", [SmtpStage.MAIL, SmtpStage.DATA, SmtpStage.TEXT])
def test_what_a_server_says_about_itself_counts_whoever_has_the_message(stage: SmtpStage) -> None:
    for text in "452 4.3.1 full", "451 4.3.2 not now", "550 5.7.1 Unable to relay":
        ill = result("b@x.example", text, stage)
        if illness([ill]) is ill:
            assert illness([ill], others_have_it=True) is ill
    full = result("b@x.example", "452 4.3.1 full", stage)
    assert illness([full], others_have_it=True) is full


def test_too_many_recipients_of_an_hour_are_no_matter_of_one_transaction() -> None:
    assert verdict(reply("452 too many recipients"), SmtpStage.RCPT) is Verdict.TOO_MANY
    assert verdict(reply("450 4.7.1 too many recipients in the last hour"), SmtpStage.RCPT) is Verdict.LATER


def test_a_relay_that_is_denied_for_one_alone_does_not_hold_the_others() -> None:
    denied = result("b@x.example", "550 5.7.1 Unable to relay")
    assert illness([denied]) is denied
    assert illness([result("a@x.example", "250 ok", SmtpStage.TEXT), denied]) is None


def test_three_texts_in_a_row_without_a_common_recipient_make_a_streak() -> None:
    def turned_away(*addresses: str) -> list[DeliveryResult]:
        return [result(one, "451 4.5.0 later", SmtpStage.TEXT) for one in addresses]

    streak = next_streak((), turned_away("a@x.example"))
    streak = next_streak(streak, turned_away("a@x.example", "b@x.example"))
    assert len(streak) == 1, "it may be that one mailbox"
    streak = next_streak(streak, [result("z@x.example", "450 grey")])
    assert len(streak) == 1, "a recipient refused for now says nothing of the server"
    streak = next_streak(streak, turned_away("b@x.example"))
    assert next_streak(streak, [result("c@x.example", "250 ok", SmtpStage.TEXT)]) == ()
    assert len(next_streak(streak, turned_away("c@x.example"))) == STREAK


def test_what_a_server_says_of_itself_is_certain() -> None:
    assert [is_certain(reply(text)) for text in ("421 bye", "452 4.3.1 full", "530 login", "450 4.1.8 odd")] == [
        True,
        True,
        True,
        False,
    ]


def test_of_several_verdicts_the_gravest_is_the_reason() -> None:
    assert park_reason([UNKNOWN]) is ParkReason.UNROUTED
    assert park_reason([UNKNOWN, NO]) is ParkReason.REFUSED
    assert park_reason([NO, SIZE, UNKNOWN]) is ParkReason.OVERSIZE
    assert park_reason([SIZE, SPAM]) is ParkReason.QUARANTINE
