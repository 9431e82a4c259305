"""What fetched mail gets on its header."""

from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.mime.headers import edit, fields
from mailgate.model.address import parse_address
from mailgate.model.entry import EntryRecipient
from mailgate.model.message import FieldRename, HeaderEdit
from mailgate.model.settings import Account
from mailgate.model.source import Direction
from mailgate.policy.inbound_headers import date_time, incoming_edit, received
from mailgate.policy.loops import loop_mark

AT = datetime(2025, 11, 4, 8, 12, 46, tzinfo=UTC)
ACCOUNT = Account(name="office", host="pop.example.net", user="box17", password="env:P")
KEY = b"k" * 32
ANNA = EntryRecipient(parse_address("anna@example.org"), "E")


def edited(header: bytes = b"", *, codes: str = "E", rename: bool = True, name: str = "office") -> HeaderEdit:
    return incoming_edit(
        header,
        entry_name="Pmg001A",
        account=Account(name=name, host=ACCOUNT.host, user="u", password="env:P"),
        recipients=(ANNA,),
        codes=codes,
        received_at=AT,
        host="pop.example.net",
        hostname="gate.office.example",
        rename_delivered_to=rename,
        loop_key=KEY,
    )


def test_a_message_gets_its_trace_the_account_and_the_codes() -> None:
    assert edited(codes="EX*").prepend == (
        b"Received: from pop.example.net (account office) by gate.office.example with\r\n"
        b"\tPOP3 (MailGate) id Pmg001A; Tue, 04 Nov 2025 08:12:46 +0000\r\n"
        b"X-MailGate-Account: office\r\n"
        b"X-MailGate-Loop: " + " ".join(loop_mark(KEY, Direction.INBOUND, [ANNA.address])).encode() + b"\r\n"
        b"X-MailGate-Routing: EX*\r\n"
    )


def test_without_codes_no_field_says_so() -> None:
    assert b"Routing" not in edited(codes="").prepend


def test_many_codes_are_folded() -> None:
    [routing] = [field for field in fields(edited(codes="E" * 400).prepend) if field.name == "x-mailgate-routing"]
    assert routing.value.replace(b"\t", b"").replace(b" ", b"") == b"E" * 400
    assert max(map(len, routing.raw_value.split(b"\r\n"))) <= 78


@pytest.mark.parametrize(
    ("host", "written"),
    [
        ("192.0.2.1", b"[192.0.2.1]"),
        ("2001:db8::1", b"[IPv6:2001:db8::1]"),
        ("[2001:db8::1]", b"[IPv6:2001:db8::1]"),
        ("fe80::1%eth0", b"[IPv6:fe80::1]"),
        ("POP.müller.example", b"pop.xn--mller-kva.example"),
        ("localhost", b"localhost"),
        ("a b\r\nX: y", b"a-b-X-y"),
        ("", b"unknown"),
    ],
)
def test_hosts_are_written_as_smtp_writes_them(host: str, written: bytes) -> None:
    line = received(host=host, account="office", hostname="gate", entry_name="Pmg0001", at=AT)
    assert line.startswith(b"Received: from " + written + b" (account office) by gate with")


@given(host=st.text(max_size=300), account=st.text(max_size=80), name=st.text(max_size=300), codes=st.text(max_size=99))
def test_no_value_begins_a_field_of_its_own_or_leaves_ascii(host: str, account: str, name: str, codes: str) -> None:
    prepend = incoming_edit(
        b"",
        entry_name=name,
        account=Account(name=account, host=host, user="u", password="env:P"),
        recipients=(),
        codes=codes,
        received_at=AT,
        host=host,
        hostname=name,
        rename_delivered_to=True,
        loop_key=KEY,
    ).prepend
    assert prepend.isascii()
    found = [field.name for field in fields(prepend)]
    assert found[:3] == ["received", "x-mailgate-account", "x-mailgate-loop"]
    assert found[3:] in ([], ["x-mailgate-routing"])
    assert fields(prepend)[-1].end == len(prepend)
    assert b"\n" not in prepend.replace(b"\r\n", b"")
    assert b"\r" not in prepend.replace(b"\r\n", b"")
    assert prepend.count(b"(") == prepend.count(b")") == 2


@given(
    host=st.from_regex(r"[a-z]{1,40}(\.[a-z]{1,20}){1,3}", fullmatch=True),
    account=st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,40}[A-Za-z0-9]", fullmatch=True),
)
def test_lines_keep_to_seventy_eight_characters_while_their_words_do(host: str, account: str) -> None:
    line = received(host=host, account=account, hostname=host, entry_name="Pmg0001", at=AT)
    for part in line.split(b"\r\n"):
        assert len(part) <= 78 or b" " not in part.strip()


@given(at=st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=-3, minutes=-30))])))
def test_dates_are_those_of_rfc_5322(at: datetime) -> None:
    at = at.replace(microsecond=0)
    assert date_time(at) == format_datetime(at)


def test_a_delivered_to_that_names_our_recipient_is_renamed_and_no_other() -> None:
    header = (
        b"Delivered-To: Anna@EXAMPLE.org\r\n"
        b"Delivered-To: bert@example.org\r\n"
        b"Delivered-To: GMX delivery to anna@example.org\r\n"
        b"DELIVERED-TO: <anna@example.org>\r\n"
        b"X-Delivered-To: anna@example.org\r\n"
        b"Delivered-To:\r\n anna@example.org\r\n\r\n"
    )
    change = edited(header)
    assert change.rename == tuple(
        FieldRename("Delivered-To", value, "X-MailGate-Delivered-To")
        for value in ("Anna@EXAMPLE.org", "<anna@example.org>", "anna@example.org")
    )
    assert edit(header, change) == change.prepend + (
        b"X-MailGate-Delivered-To: Anna@EXAMPLE.org\r\n"
        b"Delivered-To: bert@example.org\r\n"
        b"Delivered-To: GMX delivery to anna@example.org\r\n"
        b"X-MailGate-Delivered-To: <anna@example.org>\r\n"
        b"X-Delivered-To: anna@example.org\r\n"
        b"X-MailGate-Delivered-To:\r\n anna@example.org\r\n\r\n"
    )


def test_renaming_can_be_switched_off() -> None:
    assert edited(b"Delivered-To: anna@example.org\r\n", rename=False).rename == ()


def test_the_incoming_return_path_stays() -> None:
    header = b"Return-Path: <carla@sender.example>\r\nTo: anna@example.org\r\n\r\n"
    assert edit(header, edited(header)).endswith(header)


@given(header=st.binary(max_size=200))
def test_any_header_can_be_edited(header: bytes) -> None:
    assert edited(b"Delivered-To: " + header).prepend
