"""Header fields: what is not meant to change does not."""

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.mime.headers import MAX_FIELDS, MAX_HEADER_OCTETS, edit, fields, split_header
from mailgate.model.message import FieldRename, HeaderEdit

# Octets that mean something to a header, so that chance finds the shapes that matter.
pieces = st.sampled_from(
    [b"\r\n", b"\n", b"\r", b"\r\r\n", b" ", b"\t", b":", b"a", b"To", b"Delivered-To", b"From ", b"\x00", b"\xff"]
)
octets = st.one_of(st.binary(max_size=200), st.lists(pieces, max_size=40).map(b"".join))
real_names = st.from_regex(rb"[A-Za-z][A-Za-z0-9-]{0,20}", fullmatch=True)
real_values = st.from_regex(rb"[ -~\x80-\xff]{0,60}(?:\r?\n[ \t][ -~]{1,40}){0,3}", fullmatch=True)
real_headers = st.lists(st.tuples(real_names, real_values, st.sampled_from([b"\r\n", b"\n"])), max_size=20)


@given(data=octets)
def test_any_octets_split_into_a_header_and_a_body_that_together_are_all_of_them(data: bytes) -> None:
    header, body_start, complete = split_header(data)
    assert header == data[:body_start]
    assert complete or body_start == len(data)


@given(data=octets)
def test_a_header_is_complete_exactly_when_it_has_a_blank_line(data: bytes) -> None:
    _, body_start, complete = split_header(data)
    line_end = rb"(?>\r?\r?\n|\r)"
    blank_line = re.search(rb"(?:\A|" + line_end + rb")" + line_end, data)
    assert (body_start if complete else None) == (blank_line.end() if blank_line else None)


@pytest.mark.parametrize(
    ("data", "header"),
    [
        (b"A: b\r\n\r\nbody\r\n\r\n", b"A: b\r\n\r\n"),
        (b"A: b\n\nbody", b"A: b\n\n"),
        (b"A: b\r\n\nbody", b"A: b\r\n\n"),
        (b"A: b\n\r\nbody", b"A: b\n\r\n"),
        (b"\r\nbody", b"\r\n"),
        (b"\nbody", b"\n"),
        (b"A: b\r\n \r\nC: d\r\n\r\nbody", b"A: b\r\n \r\nC: d\r\n\r\n"),
        (b"A: b\r\rbody", b"A: b\r\r"),
        (b"A: b\r\r\nC: d\r\r\n\r\r\nbody", b"A: b\r\r\nC: d\r\r\n\r\r\n"),
    ],
)
def test_the_first_blank_line_ends_the_header_whatever_the_line_ends_are(data: bytes, header: bytes) -> None:
    assert split_header(data) == (header, len(header), True)


@pytest.mark.parametrize("data", [b"", b"A: b", b"A: b\r\n", b"no field at all\n", b"A: b\r\nC: d\r\n"])
def test_a_message_without_a_blank_line_is_all_header(data: bytes) -> None:
    assert split_header(data) == (data, len(data), False)


def test_a_header_without_an_end_is_cut_after_a_line() -> None:
    line = b"X: " + b"y" * 95 + b"\r\n"
    header, body_start, complete = split_header(line * 4000)
    assert (len(header), body_start, complete) == (MAX_HEADER_OCTETS // 100 * 100, len(header), False)


def test_a_header_of_one_line_without_an_end_is_cut_at_the_limit() -> None:
    header, body_start, complete = split_header(b"x" * (MAX_HEADER_OCTETS + 1))
    assert (len(header), body_start, complete) == (MAX_HEADER_OCTETS, MAX_HEADER_OCTETS, False)


@given(written=real_headers)
def test_every_field_of_a_sound_header_is_found_with_its_unfolded_value(
    written: list[tuple[bytes, bytes, bytes]],
) -> None:
    header = b"".join(name + b":" + value + end for name, value, end in written) + b"\r\n"
    found = fields(header)
    assert [field.raw_name for field in found] == [name for name, _, _ in written]
    assert [field.name for field in found] == [name.decode().lower() for name, _, _ in written]
    assert [field.value for field in found] == [
        re.sub(rb"\r?\n(?=[ \t])", b"", value).strip(b" \t\r\n") for _, value, _ in written
    ]
    assert b"".join(header[field.start : field.end] for field in found) == header[:-2]


@given(header=octets)
def test_fields_never_overlap_and_never_raise(header: bytes) -> None:
    found = fields(header)
    assert all(before.end <= after.start for before, after in pairwise(found))
    for field in found:
        whole = header[field.start : field.end]
        assert whole.startswith(field.raw_name)
        assert whole.endswith(field.raw_value)
        assert field.value == field.value.strip()


@pytest.mark.parametrize(
    ("header", "names"),
    [
        (b"From anna@example.org Tue Nov  4 2025\nTo: a\n\n", ["to"]),
        (b">From anna@example.org\nTo: a\n\n", ["to"]),
        (b"To: a\nthis is no field\n nor this\nCc: b\n\nBcc: body\n", ["to", "cc"]),
        (b" begins folded\nTo: a\n", ["to"]),
        (b"To : a\nCc\t: b\nB c: d\n: e\nd\xe4: f\nEnd: g", ["to", "cc", "end"]),
        (b"Subject: a stray\rTo: b\r\n\r\n", ["subject", "to"]),
        (b"To:\r\n\r\n", ["to"]),
        (b"To:", ["to"]),
        (b"\r\nTo: a\r\n", []),
        (b"", []),
    ],
)
def test_a_line_that_is_no_field_hides_none_of_those_after_it(header: bytes, names: list[str]) -> None:
    assert [field.name for field in fields(header)] == names


def test_fields_are_counted_and_octets_limited() -> None:
    assert len(fields(b"X: y\r\n" * (MAX_FIELDS + 5))) == MAX_FIELDS
    assert fields(b"rubbish\r\n" * MAX_FIELDS + b"To: a\r\n") == []
    assert fields(b"X: " + b"y" * MAX_HEADER_OCTETS + b"\r\nTo: a\r\n")[0].end == MAX_HEADER_OCTETS


@given(header=octets, prepend=st.sampled_from([b"", b"Received: x\r\n"]))
def test_prepending_keeps_every_octet(header: bytes, prepend: bytes) -> None:
    edited = edit(header, HeaderEdit(prepend))
    at = edited.find(prepend)
    assert edited[:at] + edited[at + len(prepend) :] == header
    assert at == 0 or header.startswith((b"From ", b">From "))


@given(header=octets, name=st.sampled_from(["To", "Delivered-To", "a"]), value=st.sampled_from(["", "a", "To"]))
def test_renaming_changes_the_name_of_the_fields_meant_and_nothing_else(header: bytes, name: str, value: str) -> None:
    edited = edit(header, HeaderEdit(rename=(FieldRename(name, value, "X-Other"),)))
    meant = [field for field in fields(header) if field.name == name.lower() and field.value == value.encode()]
    for field in reversed(meant):
        header = header[: field.start] + b"X-Other" + header[field.start + len(field.raw_name) :]
    assert edited == header


def test_a_rename_leaves_fields_of_the_same_name_and_another_value_alone() -> None:
    header = (
        b"DELIVERED-TO : anna@example.org\r\nDelivered-To: bert@example.org\nX: y\r\n"
        b"delivered-to:\r\n anna@example.org\r\n\r\n"
    )
    change = HeaderEdit(b"A: b\r\n", (FieldRename("Delivered-To", "anna@example.org", "X-MailGate-Delivered-To"),))
    assert edit(header, change) == (
        b"A: b\r\nX-MailGate-Delivered-To : anna@example.org\r\nDelivered-To: bert@example.org\nX: y\r\n"
        b"X-MailGate-Delivered-To:\r\n anna@example.org\r\n\r\n"
    )


def test_a_value_of_any_octets_can_be_renamed() -> None:
    header = b"Delivered-To: \xff\xfe\r\n"
    change = HeaderEdit(rename=(FieldRename("Delivered-To", "\xff\xfe", "Other"),))
    assert edit(header, change) == b"Other: \xff\xfe\r\n"


def test_the_line_of_an_mbox_file_stays_first() -> None:
    header = b"From anna@example.org Tue Nov  4 2025\nTo: a\n\n"
    assert edit(header, HeaderEdit(b"A: b\r\n")) == b"From anna@example.org Tue Nov  4 2025\nA: b\r\nTo: a\n\n"


def test_a_from_field_with_white_space_before_its_colon_is_no_mbox_line() -> None:
    assert edit(b"From : a\r\n\r\n", HeaderEdit(b"A: b\r\n")) == b"A: b\r\nFrom : a\r\n\r\n"


def test_a_header_of_nothing_but_a_blank_line_gets_its_fields_before_it() -> None:
    assert edit(b"\r\n", HeaderEdit(b"A: b\r\n")) == b"A: b\r\n\r\n"


@pytest.mark.parametrize(
    "hostile",
    [b"a\n", b"a: b\r", b" \n", b"x", b"x ", b":", b"a\r", b"a\r\r\n", b"a:\n \n", b"\r"],
)
def test_hostile_headers_cost_no_more_than_their_length(hostile: bytes) -> None:
    header = hostile * (2 * MAX_HEADER_OCTETS // len(hostile))
    change = HeaderEdit(b"A: b\r\n", (FieldRename("a", "b", "c"),))
    assert len(edit(header, change)) >= len(header)
    assert len(split_header(header)[0]) <= MAX_HEADER_OCTETS


def test_a_field_is_left_out_with_all_its_lines_and_all_else_is_as_it_was() -> None:
    header = (
        b"From: a@b\r\nDISPOSITION-notification-to: <a@b>,\r\n\t<c@d>\r\nDelivered-To: anna@example.org\r\n"
        b"Odd: \xff\r\nDisposition-Notification-To: x\r\n\r\n"
    )
    change = HeaderEdit(
        b"A: b\r\n",
        (FieldRename("Delivered-To", "anna@example.org", "Other"),),
        drop=("disposition-notification-to", "never-there"),
    )
    assert edit(header, change) == b"A: b\r\nFrom: a@b\r\nOther: anna@example.org\r\nOdd: \xff\r\n\r\n"
