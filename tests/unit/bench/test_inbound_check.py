"""What counts as having arrived unchanged."""

import pytest

from bench.inbound import mailgen
from bench.inbound.check import faults, read

SENT = b"Return-Path: <a@peer.test>\nReceived: from a\n\tby b\nMessage-ID: <1@peer.test>\nSubject: one\n\nbody\n.\n"
KNOWN = {"<1@peer.test>": read(SENT)}


@pytest.mark.parametrize(
    "arrived",
    [
        SENT,
        b"Received: from b\n\tby c\nX-MailGate-Account: u0\n" + SENT,
        SENT.replace(b"Return-Path: <a@peer.test>\n", b"Return-Path: <>\nDelivered-To: b@ours.test\n"),
    ],
    ids=["as it was", "fields on top", "another Return-Path"],
)
def test_fields_may_be_added_and_the_return_path_be_written_anew(arrived: bytes) -> None:
    assert faults(KNOWN, [arrived]) == []


@pytest.mark.parametrize(
    ("arrived", "said"),
    [
        ([], "1 messages did not arrive: <1@peer.test>"),
        ([SENT, SENT], "1 messages arrived more than once: <1@peer.test>"),
        ([SENT, SENT.replace(b"<1@", b"<2@")], "1 messages arrived and were never sent: <2@peer.test>"),
        ([SENT + b"\n"], "1 messages: the body is another: <1@peer.test>"),
        ([SENT.replace(b"one\n", b"two\n")], "1 messages: the field subject is gone or changed: <1@peer.test>"),
        ([SENT.replace(b"\n\tby", b" by")], "1 messages: the field received is gone or changed: <1@peer.test>"),
        (
            [SENT.replace(b"Subject: one\n", b"").replace(b"Received", b"Subject: one\nReceived")],
            "1 messages: the field subject is gone or changed: <1@peer.test>",
        ),
    ],
    ids=["lost", "twice", "stranger", "body", "field", "fold", "order"],
)
def test_all_else_is_a_fault(arrived: list[bytes], said: str) -> None:
    assert faults(KNOWN, arrived) == [said]


@pytest.mark.parametrize("make", [mailgen.message, mailgen.small], ids=["message", "small"])
def test_the_mail_is_the_same_at_every_run_and_no_two_messages_are_one(make: object) -> None:
    assert callable(make)
    mail = [make(number) for number in range(50)]
    assert mail == [make(number) for number in range(50)]
    assert len({read(octets).message_id for octets in mail}) == 50
