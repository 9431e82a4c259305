from datetime import timedelta

import pytest

from mailgate.app.answers import (
    Phrase,
    Remedy,
    cards,
    fine,
    headline,
    last_session,
    path,
    sender,
    service_state,
)
from mailgate.app.store import Picture
from mailgate.app.theme import State
from mailgate.contract import v1
from tests.unit.app.app_samples import NOW, account, condition, counts, message, status

NAME = "info@office.example"
FAILING = condition("account_failing", NAME, "error")
TWO = (account(), account("sales@office.example"))


@pytest.mark.parametrize(
    ("now", "key"),
    [
        (status(), "ov.moving"),
        (status(state="stopping", internal_ok=False), "ov.stopping"),
        (status(conditions=(condition("disk_low", severity="error"),), internal_ok=False), "ov.gate"),
        (status(conditions=(condition("store_refuses", severity="error"),)), "ov.gate"),
        (status(internal_ok=False, conditions=(FAILING,)), "ov.server"),
        (status(accounts=(account(enabled=False),)), "ov.off"),
        (status(accounts=()), "ov.off"),
        (status(conditions=(FAILING,)), "ov.provider"),
        (status(conditions=(FAILING,), accounts=TWO), "ov.some"),
        (status(paused=True), "ov.paused"),
        (status(paused=True, paused_until=NOW), "ov.paused.until"),
        (status(conditions=(condition("unrouted"), condition("clock_jumped", severity="info"))), "ov.attention"),
        (status(conditions=(condition("clock_jumped", severity="info"),)), "ov.moving"),
    ],
)
def test_the_headline_names_the_first_place_where_mail_stops(now: v1.Status, key: str) -> None:
    assert headline(Picture(now)).key == key


def test_a_silent_engine_comes_before_everything_it_said_last() -> None:
    assert headline(Picture(status(internal_ok=False), lost=True)).key == "ov.lost"
    assert headline(Picture()).key == "ov.loading"


def test_the_path_is_whole_while_mail_moves() -> None:
    lane = path(status(counts=counts(waiting=2)))
    assert (lane.before_gate, lane.before_server) == (False, False)
    assert [station.state for station in (lane.provider, lane.gate, lane.server)] == [None, None, None]
    assert lane.gate.fact == Phrase("path.onway", {"n": 2})


def test_the_path_is_broken_before_the_gate_where_an_account_fails() -> None:
    lane = path(status(accounts=TWO, conditions=(FAILING,)))
    assert (lane.before_gate, lane.before_server, lane.provider.state) == (True, False, State.ERROR)
    assert lane.provider.fact == Phrase("path.accounts", {"n": 1, "m": 2})
    assert path(status(conditions=(FAILING,))).provider.fact.key == "path.account.sick"


def test_the_path_is_broken_before_the_gate_when_the_gate_takes_nothing() -> None:
    lane = path(status(conditions=(condition("store_damaged", severity="error"),), accounts=()))
    assert (lane.before_gate, lane.gate.state) == (True, State.ERROR)
    assert lane.provider.fact.key == "path.accounts.none"


def test_the_path_is_broken_before_a_server_that_does_not_answer() -> None:
    lane = path(status(internal_ok=False, paused=True))
    assert (lane.before_server, lane.server.state, lane.gate.state) == (True, State.ERROR, State.PAUSED)


@pytest.mark.parametrize(
    ("picture", "state", "word"),
    [
        (Picture(status()), State.OK, "engine.running"),
        (Picture(status(busy=True)), State.ACTIVE, "engine.fetching"),
        (Picture(status(paused=True)), State.PAUSED, "engine.paused"),
        (Picture(status(state="stopping")), State.WAITING, "engine.stopping"),
        (Picture(status(conditions=(condition("unrouted"),))), State.WARNING, "engine.attention"),
        (Picture(status(conditions=(FAILING,), busy=True)), State.ERROR, "engine.error"),
        (Picture(status(internal_ok=False)), State.ERROR, "engine.error"),
        (Picture(status(), lost=True), State.WAITING, "engine.lost"),
        (Picture(), State.WAITING, "engine.lost"),
    ],
)
def test_the_chip_is_the_worst_of_what_holds(picture: Picture, state: State, word: str) -> None:
    assert service_state(picture) == (state, word)


def test_cards_come_by_severity_and_then_the_oldest_first() -> None:
    held = (
        condition("clock_jumped", severity="info", minutes=90),
        condition("unrouted", minutes=5),
        condition("parked", minutes=60),
        condition("disk_low", severity="error", minutes=1),
    )
    found = cards(status(conditions=held))
    assert [card.key for card in found] == ["disk_low", "parked", "unrouted", "clock_jumped"]
    assert [card.state for card in found] == [State.ERROR, State.WARNING, State.WARNING, State.NOTE]


def test_an_accounts_card_tells_the_class_of_its_error_and_offers_to_try_again() -> None:
    sick = account(error="-ERR no", error_class="auth", failures=3, host="pop.partner.example")
    [card] = cards(status(accounts=(sick,), conditions=(FAILING,)))
    assert card.title == Phrase("cond.account_failing.auth", {"subject": NAME, "host": "pop.partner.example", "n": 0})
    assert (card.fix.key, card.remedy, card.account) == ("cond.account_failing.auth.fix", Remedy.FETCH_ACCOUNT, NAME)
    assert "The engine's words for account_failing." in card.details


def test_an_error_class_without_words_gets_the_general_ones() -> None:
    [card] = cards(status(accounts=(account(error_class="throttled"),), conditions=(FAILING,)))
    assert (card.title.key, card.fix.key) == ("cond.account_failing", "cond.account_failing.fix")


def test_an_account_that_is_gone_cannot_be_fetched_from_its_card() -> None:
    [card] = cards(status(accounts=(), conditions=(FAILING,)))
    assert card.remedy is None


def test_messages_left_at_the_provider_lead_to_their_account() -> None:
    [card] = cards(status(conditions=(condition("messages_left", subject=NAME),)))
    assert (card.remedy, card.account) == (Remedy.LOOK_AT_ACCOUNT, NAME)


def test_unrouted_and_other_parked_messages_are_counted_apart() -> None:
    now = status(conditions=(condition("unrouted"), condition("parked")), counts=counts(unrouted=2, parked=5))
    assert {card.key: card.title.values["n"] for card in cards(now)} == {"unrouted": 2, "parked": 3}


def test_the_internal_server_is_named_without_its_port() -> None:
    [card] = cards(status(conditions=(condition("internal_ill", severity="error"),)))
    assert card.meaning.values["host"] == "mail.office.example"


def test_an_unknown_condition_is_told_in_the_engines_words() -> None:
    [card] = cards(status(conditions=(condition("tomorrow"),)))
    assert card.title == Phrase(said="The engine's words for tomorrow.")
    assert card.fix == Phrase(said="The engine's remedy for tomorrow.")
    assert (card.meaning, card.details, card.remedy) == (Phrase(), "", None)


def test_a_pause_has_a_card_that_ends_it_though_it_is_no_condition() -> None:
    [card] = cards(status(paused=True))
    assert (card.remedy, card.fix.key, card.since) == (Remedy.RESUME, "cond.fetch_paused.fix", None)
    [timed] = cards(status(paused=True, paused_until=NOW))
    assert timed.fix == Phrase("cond.fetch_paused.until", {"t": NOW})
    [told] = cards(status(paused=True, conditions=(condition("fetch_paused"),)))
    assert told.since is not None


def test_only_what_the_status_shows_is_called_fine() -> None:
    assert [phrase.key for phrase in fine(status())] == [
        "health.fine.accounts",
        "health.fine.server",
        "health.fine.unrouted",
    ]
    shaky = status(accounts=(account(error="oops"),), internal_ok=False, counts=counts(unrouted=1))
    assert fine(shaky) == ()
    assert fine(status(accounts=(account(last_success=None),)))[0].key == "health.fine.server"


def test_the_last_session_is_the_newest_of_any_account() -> None:
    old, new = NOW - timedelta(hours=1), NOW - timedelta(minutes=1)
    both = (account(last_attempt=old, error="no"), account("b", last_attempt=new))
    assert last_session(status(accounts=both)) == (new, 1)
    assert last_session(status(accounts=(account(last_attempt=None),))) == (None, 0)


def test_a_message_without_a_from_field_shows_its_envelope_sender() -> None:
    assert sender(message(1)) == "Liste 1 <news1@lists.example>"
    assert sender(message(1, from_="")) == "news1@lists.example"
    assert sender(message(1, from_="", sender="<>")) == ""
