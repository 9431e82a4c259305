"""One digest for a header, from TOP and from RETR."""

import hashlib

import pytest

from mailgate.mime.header_hash import header_hash
from mailgate.mime.headers import MAX_HEADER_OCTETS

HEADER = b"From: a@example.org\r\nSubject: x\r\n"


def test_it_is_the_sha256_of_the_header_with_its_blank_line() -> None:
    assert header_hash(HEADER + b"\r\nbody") == hashlib.sha256(HEADER + b"\r\n").hexdigest()


@pytest.mark.parametrize(
    "same",
    [
        HEADER,  # a server that leaves the blank line out of its answer to TOP
        HEADER + b"\r\n",
        HEADER + b"\r\n\r\n\r\nanother body",
        HEADER.replace(b"\r\n", b"\n") + b"\nbody",
        HEADER.replace(b"\r\n", b"\r\r\n") + b"\r\n",
        HEADER.replace(b"Subject", b"Status: RO\r\nX-UIDL: 1\r\n 2\r\nx-status: A\r\nSubject") + b"\r\n",
    ],
)
def test_what_servers_change_between_two_looks_does_not_count(same: bytes) -> None:
    assert header_hash(same) == header_hash(HEADER + b"\r\nbody")


@pytest.mark.parametrize("other", [HEADER.replace(b"x", b"y"), b"X-" + HEADER, HEADER + b"Statuses: 1\r\n", b""])
def test_another_header_has_another_digest(other: bytes) -> None:
    assert header_hash(other + b"\r\n") != header_hash(HEADER + b"\r\n")


def test_a_header_without_end_counts_as_far_as_it_is_looked_at() -> None:
    endless = b"X-Line: " + b"y" * 60 + b"\r\n"
    whole = endless * (MAX_HEADER_OCTETS // len(endless) + 100)
    assert header_hash(whole) == header_hash(whole[:MAX_HEADER_OCTETS])
