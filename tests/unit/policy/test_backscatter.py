"""Whom MailGate may answer: nobody who might not have written the message."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.model.address import parse_address
from mailgate.policy.auth_results import authenticated_domains, trusted_results
from mailgate.policy.backscatter import PER_HOUR, Told, answerable, still_counts, too_many
from mailgate.policy.loops import NOTICE_FIELD, notice_mark

KEY = b"key"
TRUSTED = ("mx.provider.example",)
PASSED = "Authentication-Results: mx.provider.example; spf=pass smtp.mailfrom=lena@peer.example"
GOOD = ("Return-Path: <lena@peer.example>", PASSED, "From: Lena <lena@peer.example>", "To: nobody@office.example")
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def header(*lines: str) -> bytes:
    return "".join(f"{line}\r\n" for line in (*lines, "")).encode()


def why_not(*lines: str, trusted: tuple[str, ...] = TRUSTED) -> str:
    found = answerable(header(*lines), loop_key=KEY, trusted=trusted)
    assert (found.sender is None) == bool(found.why_not)
    return found.why_not


def test_a_person_whose_domain_is_vouched_for_may_be_answered() -> None:
    assert answerable(header(*GOOD), loop_key=KEY, trusted=TRUSTED).sender == parse_address("lena@peer.example")


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("Auto-Submitted: auto-replied (vacation)", "a program wrote it"),
        ("auto-submitted: Auto-Generated; owner-email=x@y", "a program wrote it"),
        ("X-Auto-Response-Suppress: OOF, AutoReply", "a program wrote it"),
        ("X-Autoreply: yes", "a program wrote it"),
        ("Content-Type: multipart/report; report-type=delivery-status", "a program wrote it"),
        ("Precedence: Bulk", "by a list or in bulk"),
        ("Precedence: list", "by a list or in bulk"),
        ("List-Id: <garden.lists.example>", "by a list or in bulk"),
        ("List-Unsubscribe: <https://peer.example/u>", "by a list or in bulk"),
        ("Mailing-List: contact x@y", "by a list or in bulk"),
        ("X-Spam-Flag: YES", "takes it for spam"),
        ("X-Spam-Status: Yes, score=9.1", "takes it for spam"),
        ("X-Spam: true", "takes it for spam"),
        ("X-GMX-Antispam: 5 (spam)", "takes it for spam"),
        ("X-UI-Filterresults: junk:10;V03:K0", "takes it for spam"),
        ("X-MS-Exchange-Organization-SCL: 6", "takes it for spam"),
        (f"{NOTICE_FIELD}: {' '.join(notice_mark(KEY, 'oversize'))}", "MailGate has written it"),
    ],
)
def test_machines_lists_and_spam_are_not_answered(line: str, why: str) -> None:
    assert why in why_not(line, *GOOD)


@pytest.mark.parametrize(
    "line",
    [
        "Auto-Submitted: no",
        "Auto-Submitted: No (a person)",
        "Precedence: first-class",
        "X-Spam-Flag: NO",
        "X-Spam-Status: No, score=-1",
        "X-GMX-Antispam: 0 (Mail was not recognized as spam)",
        "X-UI-Filterresults: notjunk:1;V03:K0",
        "X-MS-Exchange-Organization-SCL: -1",
        "X-Auto-Response-Suppress: None",
    ],
)
def test_what_says_the_opposite_is_no_reason(line: str) -> None:
    assert why_not(line, *GOOD) == ""


@pytest.mark.parametrize(
    "sender",
    [
        "",
        "MAILER-DAEMON@peer.example",
        "owner-garden@peer.example",
        "garden-request@peer.example",
        "no-reply@peer.example",
        "noreply@peer.example",
        "bounces+anna=office.example@peer.example",
        "SRS0=abc=xy=peer.example=lena@peer.example",
    ],
)
def test_senders_that_nobody_reads_are_not_answered(sender: str) -> None:
    assert why_not(f"Return-Path: <{sender}>", *GOOD[1:])


def test_without_an_envelope_sender_the_author_is_not_taken_for_it() -> None:
    assert why_not(*GOOD[1:]) == "it has no envelope sender"


@pytest.mark.parametrize(
    "results",
    [
        "spf=fail smtp.mailfrom=lena@peer.example",
        "spf=softfail smtp.mailfrom=lena@peer.example",
        "spf=pass smtp.helo=peer.example",
        "spf=pass smtp.mailfrom=lena@other.example",
        "dkim=pass header.d=other.example",
        "dkim=fail header.d=peer.example",
        "dkim=pass header.d=mail.peer.example",
        "dkim=pass header.d=example",
        "spf=pass smtp.mailfrom=lena@peer.example; dmarc=fail header.from=peer.example",
        "none",
        "",
        "x=y; spf=(pass smtp.mailfrom=peer.example",
        "dkim=pass header.d=evil.example header.d=peer.example",
        'spf=pass smtp.mailfrom="x; dkim=pass header.d=peer.example "@evil.example',
        "spf=fail (dkim=pass header.d=peer.example; spf=pass smtp.mailfrom=peer.example)",
        "auth=pass smtp.auth=lena@peer.example",
    ],
)
def test_what_does_not_prove_the_domain_is_not_answered(results: str) -> None:
    said = f"Authentication-Results: mx.provider.example; {results}"
    assert why_not(GOOD[0], said, *GOOD[2:])


@pytest.mark.parametrize(
    "results",
    [
        "spf=pass smtp.mailfrom=peer.example",
        "dkim=pass (1024-bit key) header.d=Peer.Example header.i=@peer.example header.b=AbC+/x==",
        "dkim=fail header.d=other.example; dkim=pass header.i=@peer.example",
        'spf/1 = pass reason="good; as = gold" smtp.mailfrom = lena@peer.example',
        "dmarc=pass (p=NONE) header.from=peer.example; spf=pass smtp.mailfrom=lena@peer.example",
    ],
)
def test_what_proves_the_domain_is_enough(results: str) -> None:
    said = f"Authentication-Results: (ours) MX.Provider.example 1 ; {results}"
    assert why_not(GOOD[0], said, *GOOD[2:]) == ""


def test_who_answers_for_a_domain_answers_for_those_below_it() -> None:
    below = ("Return-Path: <lena@mail.peer.example>", PASSED, "From: lena@news.peer.example")
    signed = "Authentication-Results: mx.provider.example; dkim=pass header.d=peer.example"
    assert why_not(below[0], signed, below[2]) == ""


def test_a_signer_that_sends_in_the_name_of_another_envelope_is_not_answered_there() -> None:
    signed = "Authentication-Results: mx.provider.example; dkim=pass header.d=evil.example"
    assert why_not("Return-Path: <victim@peer.example>", signed, "From: x@evil.example")


def test_results_count_only_at_the_top_and_of_a_trusted_server() -> None:
    foreign = "Authentication-Results: mx.evil.example; spf=pass smtp.mailfrom=lena@peer.example"
    assert why_not(GOOD[0], foreign, *GOOD[2:])
    assert why_not(GOOD[0], foreign, *GOOD[1:]), "a trusted one below a foreign one came with the message"
    assert why_not(*GOOD, trusted=()) == "its account names no `trusted_authserv_ids`"
    failed = "Authentication-Results: mx.provider.example; spf=fail smtp.mailfrom=lena@peer.example"
    assert why_not(GOOD[0], failed, "Received: from x", *GOOD[1:]), "one below the next Received came with the message"
    assert why_not(GOOD[0], failed.replace("spf=fail smtp", "arc=none x"), *GOOD[1:]) == "", "one for each method"


@pytest.mark.parametrize(
    "lines", [(), ("From: a@peer.example", "From: b@peer.example"), ("From: a@x.example, b@y.example",)]
)
def test_a_message_without_one_author_is_not_answered(lines: tuple[str, ...]) -> None:
    assert "one From" in why_not(*GOOD[:2], *lines)


def test_nobody_is_told_twice_in_a_day_nor_many_in_an_hour() -> None:
    lena = parse_address("Lena@peer.example")
    told = [Told(lena.key, NOW - timedelta(hours=23))]
    assert too_many(told, parse_address("lena@PEER.example"), NOW)
    assert too_many(told, lena, NOW + timedelta(hours=1)) == ""
    many = [Told(f"{number}@peer.example", NOW - timedelta(minutes=number)) for number in range(PER_HOUR)]
    assert too_many(many, lena, NOW)
    assert too_many(many[1:], lena, NOW) == ""
    assert too_many(many, lena, NOW + timedelta(hours=1)) == ""
    assert still_counts([*told, Told("x@y", NOW - timedelta(hours=24))], NOW) == told


@given(st.binary(max_size=400))
def test_whatever_a_header_holds_nothing_is_raised_and_nobody_is_answered_without_trust(octets: bytes) -> None:
    said = b"Authentication-Results: mx.provider.example;" + octets
    assert answerable(said, loop_key=KEY, trusted=TRUSTED).why_not
    authenticated_domains(trusted_results(said, TRUSTED))
    assert answerable(header(*GOOD) + octets, loop_key=KEY, trusted=()).sender is None


def test_a_huge_field_is_read_in_no_time() -> None:
    for piece in ("(", '"', "\\", "a=", ";a=b", "a ", "=", '"a'):
        trusted_results(f"Authentication-Results: mx.provider.example; {piece * 50_000}\r\n".encode(), TRUSTED)
