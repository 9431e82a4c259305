"""The sample messages: what they promise to show, and that they are what they say."""

import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import parsedate_to_datetime

import pytest

from mailgate.demo.compose import text
from mailgate.demo.samples import USERS, Sample, fresh_message, sample_messages

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
SAMPLES = sample_messages(NOW)


def parsed(sample: Sample) -> EmailMessage:
    message = message_from_bytes(sample.octets, policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


def about(words: str) -> Sample:
    [found] = [sample for sample in SAMPLES if words in sample.about]
    return found


def header(sample: Sample) -> bytes:
    return sample.octets.partition(b"\r\n\r\n")[0]


def test_there_are_about_forty_and_each_shows_something_of_its_own() -> None:
    assert 40 <= len(SAMPLES) <= 45
    assert len({sample.about for sample in SAMPLES}) == len(SAMPLES)


def test_the_same_moment_gives_the_same_octets() -> None:
    assert sample_messages(NOW) == SAMPLES
    assert sample_messages(NOW + timedelta(days=1)) != SAMPLES


def test_every_user_gets_mail_and_exactly_one_message_is_for_nobody() -> None:
    counts = Counter(address for sample in SAMPLES for address in sample.expected)
    assert counts.keys() == set(USERS)
    assert min(counts.values()) >= 10
    assert [sample.about for sample in SAMPLES if not sample.expected] == [about("for nobody").about]


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.about[:40])
def test_each_is_stamped_by_the_provider_and_read_without_complaint_by_the_standard_library(sample: Sample) -> None:
    assert sample.octets.startswith(b"Return-Path: <")
    message = parsed(sample)
    assert [defect for part in message.walk() for defect in part.defects] == []
    received = parsedate_to_datetime(str(message["Received"]).rpartition(";")[2].strip())
    assert NOW - timedelta(days=2) < received <= NOW


def test_most_name_their_recipient_in_the_envelope_header_and_a_few_only_in_to_and_cc() -> None:
    named = [sample for sample in SAMPLES if b"\r\nX-Envelope-To: " in sample.octets[:300]]
    bare = [sample for sample in SAMPLES if not re.search(rb"(?i)(envelope-to|delivered-to):", header(sample))]
    assert len(named) >= 35
    assert len(bare) == 3


def test_the_bcc_is_told_by_the_envelope_header_alone() -> None:
    sample = about("a Bcc")
    [address] = sample.expected
    assert header(sample).count(address.encode()) == 1
    assert f"X-Envelope-To: {address}".encode() in header(sample)


def test_the_two_copies_differ_only_in_what_the_provider_wrote() -> None:
    first, second = (about(f"{which} copy") for which in ("first", "second"))
    assert first.expected != second.expected
    letter = first.octets[first.octets.index(b"From: ") :]
    assert second.octets.endswith(letter)
    assert first.octets != second.octets


def test_attachment_names_are_read_the_same_however_they_are_written() -> None:
    names = [part.get_filename() for sample in SAMPLES for part in parsed(sample).walk() if part.get_filename()]
    assert "Angebot 5512 (Briefbögen).pdf" in names
    assert "Devis_signé_été.pdf" in names
    assert "Treppe für das Bürgerhaus Blatt 12.pdf" in names


def test_subjects_come_in_many_scripts() -> None:
    subjects = " ".join(str(parsed(sample)["Subject"]) for sample in SAMPLES)
    for words in (
        "Genehmigung der Fensterläden",
        "Escalier: les marches en frêne",
        "🎂",
        "鉋のご注文",
        "Łódź",
        "1 250 €",
    ):
        assert words in subjects


def test_the_odd_octets_are_there() -> None:
    assert re.search(rb"[^\r]\n", about("bare LF").octets)
    assert b"Subject: Fax von M\xf6bel" in about("8-bit header").octets
    assert b"\r\n.\r\n" in about("one of them alone").octets
    assert about("an empty body").octets.endswith(b"\r\n\r\n")
    assert max(map(len, about("20,000 characters").octets.split(b"\r\n"))) > 20_000
    assert b"Return-Path: <>\r\n" in about("the empty sender").octets
    assert 1_900_000 < max(len(sample.octets) for sample in SAMPLES) < 2_100_000


def test_only_the_bare_lf_sample_has_line_ends_that_are_not_crlf() -> None:
    odd = [sample.about for sample in SAMPLES if re.search(rb"[^\r]\n|\r[^\n]", sample.octets)]
    assert odd == [about("bare LF").about]


def test_no_part_has_8_bit_octets_without_saying_so() -> None:
    for sample in SAMPLES:
        for part in parsed(sample).walk():
            if not part.is_multipart() and part["Content-Transfer-Encoding"] != "8bit":
                assert str(part.get_payload()).isascii(), sample.about


def test_fresh_messages_differ_and_name_one_of_us() -> None:
    fresh = [fresh_message(number, NOW) for number in range(14)]
    assert len({sample.octets for sample in fresh}) == 14
    for sample in fresh:
        [address] = sample.expected
        assert address in USERS
        assert str(parsed(sample)["Date"]).endswith("09:29:00 +0000")


def test_a_text_that_does_not_fit_its_encoding_is_not_written() -> None:
    with pytest.raises(UnicodeEncodeError):
        text("naïve", encoding="7bit", charset="us-ascii")
