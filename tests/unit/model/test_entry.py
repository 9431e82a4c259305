"""Queue ids, and the table of moves that the life of an entry follows."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mailgate.model.entry import (
    MOVES,
    OPEN_RECIPIENT,
    SETTLED,
    EntryState,
    RecipientState,
    can_move,
    entry_name,
    entry_number,
)

BY_HAND = {EntryState.FROZEN}


@given(st.integers(0, 2**60 - 1))
def test_an_id_is_read_as_it_is_written_in_any_case(number: int) -> None:
    name = entry_name(number)
    assert name.startswith("Pmg")
    assert len(name) >= 7
    assert [entry_number(one) for one in (name, name.lower(), name.upper())] == [number] * 3


@given(st.integers(0, 2**59), st.integers(1, 2**59))
def test_ids_grow(number: int, more: int) -> None:
    one, other = entry_name(number), entry_name(number + more)
    assert (len(one), one) < (len(other), other)


@given(st.text())
@example("Pmg")
@example("Pmg-1")
@example("Pmg 1")
@example("Pmg1_0")
@example("Pmg0x1F")
@example("Pmg1\n")
@example("Pmg" + "F" * 16)
@example("1A")
@example("Pmg\u0661")
def test_any_text_is_an_id_that_the_store_can_hold_or_none(text: str) -> None:
    number = entry_number(text)
    assert number is None or (0 <= number < 2**63 and text[:3].lower() == "pmg")


@pytest.mark.parametrize("text", ["", "Pmg", "Pmg-1", "Pmg 1", "Pmg1_0", "Pmg0x1F", "Pmg1\n", "Pmg" + "F" * 16, "1A"])
def test_what_is_no_id_is_none(text: str) -> None:
    assert entry_number(text) is None


def test_every_state_has_its_moves() -> None:
    assert list(MOVES) == list(EntryState)
    for before in EntryState:
        assert {after for after in EntryState if can_move(before, after)} == MOVES[before]


def test_nothing_leaves_done_and_every_other_state_can_get_there() -> None:
    assert MOVES[EntryState.DONE] == frozenset()
    reached = {EntryState.DONE}
    for _ in EntryState:
        reached |= {state for state in EntryState if MOVES[state] & reached}
    assert reached == set(EntryState)


def test_every_state_can_be_come_to_from_received() -> None:
    reached = {EntryState.RECEIVED}
    for _ in EntryState:
        reached |= {after for state in reached for after in MOVES[state]}
    assert reached == set(EntryState)


def test_no_state_moves_to_itself_and_nothing_is_received_twice() -> None:
    assert not [state for state in EntryState if can_move(state, state)]
    assert not [state for state in EntryState if can_move(state, EntryState.RECEIVED)]


def test_only_what_is_ready_becomes_active_and_what_is_active_never_waits_for_a_person_first() -> None:
    assert [state for state in EntryState if can_move(state, EntryState.ACTIVE)] == [EntryState.READY]
    assert not MOVES[EntryState.ACTIVE] & BY_HAND


def test_a_parked_entry_moves_only_by_a_decision() -> None:
    assert MOVES[EntryState.PARKED] == {EntryState.READY, EntryState.DONE}
    assert {EntryState.DONE, EntryState.PARKED} == SETTLED


def test_a_recipient_is_open_while_a_try_may_still_be_needed() -> None:
    assert {RecipientState.PENDING, RecipientState.UNKNOWN} == OPEN_RECIPIENT
