"""What the protocol of an account cannot do is told by `mailgate check`."""

import pytest

from tests.unit.config.offices import codes, with_account

IMAP = 'protocol = "imap"\n'


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ('folders = ["Junk"]', ["M01"]),
        ('after = "seen"', ["M01"]),
        ('move_to = "Done"', ["M01"]),
        ("push = false", []),
        (IMAP + 'folders = ["INBOX", "Büro/Alt"]', []),
        (IMAP + 'auth = "apop"', ["M02"]),
        (IMAP + 'auth = "oauthbearer"', []),
        (IMAP + 'folders = [" "]', ["M03"]),
        (IMAP + 'folders = ["a\\r\\nb"]', ["M03"]),
        (IMAP + 'folders = ["Inbox", "INBOX"]', ["M04"]),
        (IMAP + 'folders = ["junk", "Junk"]', []),
        (IMAP + 'after = "move"', ["M05"]),
        (IMAP + 'after = "move"\nmove_to = "Done"', []),
        (IMAP + 'after = "move"\nmove_to = "inbox"', ["M06"]),
    ],
)
def test_each_is_told_by_its_code(settings: str, expected: list[str]) -> None:
    assert codes(with_account(settings)) == expected
