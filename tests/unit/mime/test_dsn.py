"""Delivery reports: the golden ones as text, the same read by another parser, and what nobody can smuggle in."""

import email
import email.policy
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.config.templates import shipped_templates
from mailgate.mime.compose import Cover
from mailgate.mime.dsn import Facts, compose_report
from mailgate.model.address import Address
from mailgate.model.notices import Language, NoticeKind
from mailgate.model.reports import Action, Report, ReportRecipient
from mailgate.model.status import NO_ANSWER, Reply

GOLDEN = Path(__file__).parents[2] / "corpus" / "reports"
ANNA, BOB = Address("anna", "office.example"), Address("bob", "customer.example")
EVE, UMLAUT = Address("eve", "customer.example"), Address("jürgen", "customer.example")
HEADER = b"From: anna@office.example\r\nTo: bob@customer.example\r\nSubject: Your oak\r\n\r\n"
WHOLE = HEADER + b"--=Pmg001A.0f\r\nIt is on its way.\r\n"
NOWHERE = Reply(550, "5.1.1 <bob@customer.example>: Recipient address rejected:\nUser unknown in virtual mailbox table")
COVER = Cover(
    from_=Address("postmaster", "office.example"),
    to=ANNA,
    date="Mon, 02 Mar 2026 09:00:00 +0000",
    message_id="0f.dsn@office.example",
    reply_to_id="<1@office.example>",
    answers=True,
)
FACTS = Facts(
    reporting_mta="gate.office.example",
    remote_mta="smtp.provider.example",
    arrived="Sun, 01 Mar 2026 08:00:00 +0000",
    last_attempt="Mon, 02 Mar 2026 09:00:00 +0000",
)
VALUES = {
    "recipient": "anna@office.example",
    "subject": "Your oak",
    "date": "Sun, 1 Mar 2026 09:00:00 +0100",
    "id": "Pmg001A",
    "relay": "provider (smtp.provider.example)",
    "time": "2026-03-02 10:00",
    "until": "2026-03-06 09:00",
    "gateway": "gate.office.example",
    "by": "Carla",
}


def failed(
    address: Address = BOB, reply: Reply = NOWHERE, status: str = "5.1.1", original: str = ""
) -> ReportRecipient:
    return ReportRecipient(address, original, Action.FAILED, status, reply)


FAILURE = Report(
    NoticeKind.DSN_FAILURE,
    ANNA,
    (failed(original="rfc822;robert@customer.example"), failed(EVE, NO_ANSWER, "4.4.7")),
    envid="QQ314159",
)
GOLDENS: dict[str, tuple[Language, Report, Facts, bytes]] = {
    "failure-en": ("en", FAILURE, FACTS, HEADER),
    "failure-full-de": ("de", replace(FAILURE, full=True), FACTS, WHOLE),
    "delay-fr": (
        "fr",
        Report(
            NoticeKind.DSN_DELAY,
            ANNA,
            (ReportRecipient(BOB, "", Action.DELAYED, "4.2.0", Reply(451, "4.2.0 greylisted")),),
        ),
        replace(FACTS, retry_until="Fri, 06 Mar 2026 08:00:00 +0000"),
        HEADER,
    ),
    "relayed-en": (
        "en",
        Report(
            NoticeKind.DSN_RELAYED,
            ANNA,
            (ReportRecipient(BOB, "", Action.RELAYED, "2.0.0", Reply(250, "2.0.0 queued as 4Abc")),),
        ),
        FACTS,
        HEADER,
    ),
    "removed-de": ("de", Report(NoticeKind.REMOVED, ANNA, (failed(reply=NO_ANSWER, status="5.0.0"),)), FACTS, HEADER),
    "not-ascii-en": (
        "en",
        Report(NoticeKind.DSN_FAILURE, ANNA, (failed(UMLAUT, Reply(553, "5.6.7 jürgen?"), "5.6.7"),)),
        replace(FACTS, utf8=True),
        "From: anna@office.example\r\nTo: jürgen@customer.example\r\n\r\n".encode(),
    ),
}


def written(language: Language, report: Report, facts: Facts, back: bytes) -> bytes:
    template = shipped_templates()[language, report.kind]
    around = compose_report(template, VALUES, COVER, report, facts, boundary="=Pmg001A.0f1e")
    return around.before + back + around.after


def parsed(octets: bytes) -> EmailMessage:
    message = email.message_from_bytes(octets, policy=email.policy.default)
    assert message.defects == []
    return message


def groups(message: EmailMessage) -> list[EmailMessage]:
    return list(list(message.iter_parts())[1].get_payload())


@pytest.mark.parametrize("name", GOLDENS)
def test_reports_are_to_the_letter_as_somebody_has_read_them(name: str) -> None:
    assert written(*GOLDENS[name]) == (GOLDEN / f"{name}.eml").read_bytes()


@pytest.mark.parametrize("name", [name for name in GOLDENS if name != "not-ascii-en"])
def test_another_parser_reads_what_was_meant(name: str) -> None:
    language, report, facts, back = GOLDENS[name]
    octets = written(language, report, facts, back)
    message = parsed(octets)
    assert message.get_content_type() == "multipart/report"
    assert message.get_param("report-type") == "delivery-status"
    assert message["Auto-Submitted"] == "auto-replied"
    words, status, returned = message.iter_parts()
    assert words.get_content_type() == "text/plain"
    assert status.get_content_type() == "message/delivery-status"
    assert returned.get_content_type() == ("message/rfc822" if report.full else "text/rfc822-headers")
    about, *whom = groups(message)
    assert about["Reporting-MTA"] == "dns; gate.office.example"
    assert [one["Final-Recipient"] for one in whom] == [f"rfc822; {one.address}" for one in report.recipients]
    assert [one["Action"] for one in whom] == [one.action.value for one in report.recipients]
    assert back in octets
    for one in report.recipients:
        assert str(one.address) in words.get_content()


def test_what_nobody_said_has_no_diagnostic_and_names_no_peer() -> None:
    _, bob, eve = groups(parsed(written("en", FAILURE, FACTS, HEADER)))
    assert " ".join(bob["Diagnostic-Code"].split()) == f"smtp; 550 {' '.join(NOWHERE.text.split())}"
    assert bob["Remote-MTA"] == "dns; smtp.provider.example"
    assert (eve["Diagnostic-Code"], eve["Remote-MTA"], eve["Status"]) == (None, None, "4.4.7")


def test_the_words_end_after_a_hundred_names_and_the_fields_name_all() -> None:
    many = tuple(failed(Address(f"u{n}", "customer.example")) for n in range(130))
    message = parsed(written("en", replace(FAILURE, recipients=many), FACTS, HEADER))
    words = next(message.iter_parts()).get_content()
    assert ("u99@customer.example: 550" in words, "u100@" in words, "(+ 30)" in words) == (True, False, True)
    assert len(groups(message)) == 131


hostile = st.text(max_size=200) | st.text("\r\n :;=-?ü€\u2028\x00.", max_size=200)


@given(reply=hostile, original=hostile, envid=hostile, subject=hostile)
def test_nothing_that_was_said_begins_a_field_or_a_part(reply: str, original: str, envid: str, subject: str) -> None:
    report = replace(FAILURE, recipients=(failed(reply=Reply(550, reply), original=f"rfc822;{original}"),), envid=envid)
    template = shipped_templates()["en", report.kind]
    around = compose_report(template, {**VALUES, "subject": subject}, COVER, report, FACTS, boundary="=Pmg001A.0f1e")
    octets = around.before + HEADER + around.after
    assert octets.isascii()
    assert b"\n" not in octets.replace(b"\r\n", b"")
    message = parsed(octets)
    assert len(list(message.iter_parts())) == 3
    about, whom = groups(message)
    known = {"Original-Envelope-Id", "Reporting-MTA", "Arrival-Date"}
    assert set(about.keys()) <= known
    assert set(whom.keys()) <= {
        "Original-Recipient", "Final-Recipient", "Action", "Status", "Remote-MTA", "Diagnostic-Code", "Last-Attempt-Date",
    }  # fmt: skip
    assert whom["Action"] == "failed"
