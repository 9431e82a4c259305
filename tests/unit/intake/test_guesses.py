"""Failed logins by address: counted over connections, forgotten after a while, and never kept without a bound."""

import base64
from datetime import timedelta

import pytest

from mailgate.intake.submission.guesses import MOST_ADDRESSES, WINDOW, Guesses
from tests.fakes.clock import FakeClock
from tests.fakes.secrets import FakeSecrets
from tests.fakes.submitting import Talk, begin, talking

STRANGER, SERVER = "198.51.100.7", "192.0.2.1"
GATE = {"security": "tls", "auth": "optional", "certificate_file": "cert.pem", "key_file": "key.pem"}
SCANNER = [{"name": "scanner", "password": "env:SCANNER"}]


def test_what_failed_counts_for_a_while() -> None:
    clock = FakeClock()
    guesses = Guesses(clock)
    for _ in range(3):
        assert not guesses.too_many(STRANGER, 3)
        guesses.failed(STRANGER)
        clock.advance(timedelta(minutes=1))
    assert guesses.too_many(STRANGER, 3)
    assert not guesses.too_many(STRANGER, 4)
    assert not guesses.too_many(STRANGER, 0)
    assert not guesses.too_many("198.51.100.8", 3)
    clock.advance(WINDOW - timedelta(minutes=3))
    assert not guesses.too_many(STRANGER, 3)
    assert guesses.too_many(STRANGER, 2)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8::1", "2001:db8::ffff:2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:198.51.100.7", "198.51.100.7", True),
        ("no address", "no address", True),
    ],
)
def test_a_network_of_one_customer_is_one_address(one: str, other: str, same: bool) -> None:
    guesses = Guesses(FakeClock())
    guesses.failed(one)
    assert guesses.too_many(other, 1) is same


def test_so_many_addresses_are_kept_and_no_more() -> None:
    guesses = Guesses(FakeClock())
    guesses.failed("10.0.0.1")
    for number in range(MOST_ADDRESSES - 1):
        guesses.failed(f"10.1.{number >> 8}.{number & 255}")
    guesses.failed("10.0.0.1")
    guesses.failed("10.2.0.0")
    assert guesses.too_many("10.0.0.1", 2)
    assert not guesses.too_many("10.1.0.0", 1)
    assert guesses.too_many("10.1.0.1", 1)


async def log_in(talk: Talk, password: str) -> str:
    await begin(talk)
    await talk.say(b"EHLO x\r\n")
    said = await talk.say(b"AUTH PLAIN " + base64.b64encode(f"\0scanner\0{password}".encode()) + b"\r\n")
    return said[:9]


@pytest.mark.parametrize(
    ("host", "third"), [(STRANGER, "421 4.7.0"), (SERVER, "235 2.7.0"), ("127.0.0.1", "235 2.7.0")]
)
async def test_who_has_guessed_too_often_has_to_wait_whatever_he_says_next(host: str, third: str) -> None:
    guesses = Guesses(FakeClock())
    heard = []
    for password in ("wrong", "sesame", "wrong", "sesame"):
        made = talking(
            host=host,
            listener=GATE,
            users=SCANNER,
            outbound={"max_failed_logins": 2},
            guesses=guesses,
            internal_addresses=(SERVER,),
        )
        async with made as talk:
            heard.append(await log_in(talk, password))
            assert talk.over is (heard[-1] == "421 4.7.0")
    assert heard == ["535 5.7.8", "235 2.7.0", "535 5.7.8", third]


async def test_a_password_that_cannot_be_looked_up_is_no_guess() -> None:
    guesses = Guesses(FakeClock())
    for _ in range(2):
        made = talking(
            host=STRANGER,
            listener=GATE,
            users=SCANNER,
            outbound={"max_failed_logins": 1},
            guesses=guesses,
            secrets=FakeSecrets({}),
        )
        async with made as talk:
            assert await log_in(talk, "sesame") == "454 4.7.0"
