"""What an account's messages show of its provider."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.model.settings import Account, Mailbox
from mailgate.policy.capability import ENOUGH, Capability, capability
from mailgate.policy.recipients import RoutingTable

ANNA, BEN = Mailbox(address="anna@example.org"), Mailbox(address="ben@example.org")


def seen(*headers: bytes, envelope_header: str = "") -> Capability:
    account = Account(name="office", host="h", user="u", password="env:X", envelope_header=envelope_header)
    return capability(headers, RoutingTable((ANNA, BEN)).for_account(account))


def letter(number: int, *, envelope: str = "anna@example.org", to: str = "anna@example.org", paths: int = 1) -> bytes:
    lines = [f"Return-Path: <{number}@example.net>"] * paths
    lines += [f"X-Envelope-To: {envelope}"] if envelope else []
    lines += [f"To: {to}", f"Message-ID: <{number}@example.net>"]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def holds(found: Capability) -> dict[str, bool | None]:
    return {point.code: point.holds for point in found.points}


def test_a_header_in_nearly_all_messages_with_one_own_address_is_suggested() -> None:
    blind = [letter(number, to="friends:;") for number in range(5)]
    found = seen(*blind, *(letter(number) for number in range(5, 100)))
    assert (found.suggestion, found.safe) == ("X-Envelope-To", True)
    [use] = found.headers
    assert (use.name, use.present, use.single, use.unlike_to) == ("X-Envelope-To", 100, 100, 5)
    assert found.text == (
        '100 % of 100 messages have X-Envelope-To with one address of yours. Set `envelope_header = "X-Envelope-To"`.'
    )


def test_a_header_that_is_in_use_is_not_suggested_again() -> None:
    found = seen(*(letter(number) for number in range(ENOUGH)), envelope_header="x-envelope-to")
    assert (found.suggestion, found.safe) == ("", True)
    assert "It is in use" in found.text


def test_too_few_messages_prove_nothing() -> None:
    found = seen(*(letter(number) for number in range(ENOUGH - 1)))
    assert (found.suggestion, found.safe) == ("", False)
    assert "At least" in found.text


def test_no_message_and_no_header_are_told() -> None:
    assert seen().text == "There is no message whose header could be looked at."
    assert "To and Cc have to do" in seen(letter(1, envelope="")).text


def test_one_copy_for_several_is_not_safe() -> None:
    both = "anna@example.org, ben@example.org"
    found = seen(*(letter(number, to=both) for number in range(ENOUGH)))
    assert holds(found) == {"one_copy_each": False, "return_path": True, "one_address": True}
    assert (found.suggestion, found.safe) == ("", False)


def test_a_copy_for_each_is_safe() -> None:
    both = "anna@example.org, ben@example.org"
    envelopes = ("anna@example.org", "ben@example.org")
    found = seen(*(letter(number, to=both, envelope=one) for number in range(ENOUGH) for one in envelopes))
    assert holds(found) == {"one_copy_each": True, "return_path": True, "one_address": True}
    assert found.suggestion == "X-Envelope-To"


def test_whether_copies_come_for_each_is_open_until_a_message_shows_it() -> None:
    assert holds(seen(*(letter(number) for number in range(ENOUGH))))["one_copy_each"] is None


@pytest.mark.parametrize("paths", [0, 2])
def test_an_old_return_path_is_not_safe(paths: int) -> None:
    found = seen(*(letter(number, paths=paths) for number in range(ENOUGH)))
    assert holds(found)["return_path"] is False
    assert not found.safe


def test_several_addresses_in_the_header_are_not_safe() -> None:
    several = [letter(number, envelope="anna@example.org, ben@example.org") for number in range(ENOUGH)]
    found = seen(*several, *(letter(number) for number in range(ENOUGH, 2 * ENOUGH)))
    assert holds(found)["one_address"] is False
    assert found.suggestion == ""


@given(headers=st.lists(st.binary(max_size=200), max_size=30))
def test_no_header_breaks_the_report(headers: list[bytes]) -> None:
    found = seen(*(b"X-Envelope-To: " + one + b"\r\n\r\n" for one in headers))
    assert found.looked_at == len(headers)
    assert not found.suggestion or found.safe
