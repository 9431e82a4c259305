"""The judge of the crash tests: does it notice what it is there for?"""

from tests.crash.letters import Letter, faults, letters, number_of

SENT = letters(18)
KEPT = {9, 18}
COPIES = [b"Received: by us\r\n" + letter.octets for letter in SENT if letter.routed]


def test_letters_are_small_and_large_and_a_few_are_for_nobody() -> None:
    assert [number_of(letter.octets) for letter in SENT] == list(range(1, 19))
    assert [letter.number for letter in SENT if len(letter.octets) > 65536] == [7, 14]
    assert [letter.number for letter in SENT if not letter.routed] == sorted(KEPT)
    assert letters(18) == SENT


def test_each_letter_once_is_no_fault() -> None:
    assert faults(SENT, COPIES, doubts={}, kept=KEPT) == []


def test_a_lost_letter_is_a_fault() -> None:
    assert faults(SENT, COPIES[1:], doubts={1: 5}, kept=KEPT) == ["letter 1 is lost"]
    assert faults(SENT, COPIES, doubts={}, kept={9}) == ["letter 18, for nobody, is lost or was delivered"]


def test_a_letter_comes_twice_only_where_it_was_in_doubt() -> None:
    assert faults(SENT, [*COPIES, COPIES[0]], doubts={1: 1}, kept=KEPT) == []
    assert faults(SENT, [*COPIES, COPIES[0]], doubts={2: 1}, kept=KEPT) == [
        "letter 1 came 2 times, and only 0 were in doubt"
    ]
    assert faults(SENT, [*COPIES, COPIES[0], COPIES[0]], doubts={1: 1}, kept=KEPT) == [
        "letter 1 came 3 times, and only 1 were in doubt"
    ]


def test_a_letter_for_nobody_that_somebody_gets_is_a_fault() -> None:
    assert faults(SENT, [*COPIES, SENT[8].octets], doubts={}, kept=KEPT) == [
        "letter 9, for nobody, is lost or was delivered"
    ]


def test_a_changed_letter_is_a_fault() -> None:
    cut = [COPIES[0][:-1], *COPIES[1:]]
    assert faults(SENT, cut, doubts={}, kept=KEPT) == ["letter 1 came with other octets"]
    longer: list[Letter] = letters(1)
    assert faults(longer, [COPIES[0] + b"x"], doubts={}) == ["letter 1 came with other octets"]
