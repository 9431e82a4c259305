"""What a conversation means for an entry."""

from datetime import timedelta

from mailgate.model.address import parse_address
from mailgate.model.entry import EntryRecipient, EntryState, ParkReason, RecipientState
from mailgate.model.status import NO_ANSWER, DeliveryResult, Reply
from mailgate.ports.store import Outcome
from mailgate.queue.outcomes import judge
from tests.fakes.clock import START
from tests.fakes.entries import ANNA, JONAS

RETRY = (timedelta(minutes=1), timedelta(minutes=5))
YES, LATER, NO = Reply(250, "2.0.0 taken"), Reply(451, "4.3.0 later"), Reply(550, "5.1.1 no such user")


def known(address: str, state: RecipientState = RecipientState.PENDING, reply: Reply | None = None) -> EntryRecipient:
    return EntryRecipient(parse_address(address), "E", state, reply)


def judged(*results: DeliveryResult, before: tuple[EntryRecipient, ...] = (), attempts: int = 1) -> Outcome:
    recipients = before or tuple(known(result.address) for result in results)
    return judge(results, recipients=recipients, retry=RETRY, now=START, attempts=attempts)


def stages(outcome: Outcome) -> list[str]:
    return [step.stage.value for step in outcome.trace]


def test_all_taken_is_done() -> None:
    outcome = judged(DeliveryResult(ANNA, YES), DeliveryResult(JONAS, YES))
    assert (outcome.state, outcome.next_attempt, outcome.park_reason) == (EntryState.DONE, None, None)
    assert stages(outcome) == ["delivered"]
    assert (ANNA in outcome.trace[0].text, JONAS in outcome.trace[0].text) == (True, True)
    assert outcome.trace[0].evidence == "250 2.0.0 taken"


def test_refused_for_good_is_parked_with_the_reply() -> None:
    outcome = judged(DeliveryResult(ANNA, YES), DeliveryResult(JONAS, NO))
    assert (outcome.state, outcome.park_reason) == (EntryState.PARKED, ParkReason.REFUSED)
    assert stages(outcome) == ["delivered", "refused", "parked"]
    assert "550 5.1.1 no such user" in outcome.trace[-1].text
    assert JONAS in outcome.trace[-1].text
    assert ANNA not in outcome.trace[-1].text


def test_somebody_to_try_again_keeps_it_ready_even_beside_a_refusal() -> None:
    outcome = judged(DeliveryResult(ANNA, LATER), DeliveryResult(JONAS, NO))
    assert (outcome.state, outcome.next_attempt) == (EntryState.READY, START + RETRY[0])
    assert stages(outcome) == ["refused", "deferred"]


def test_a_refusal_of_an_earlier_conversation_parks_it_when_the_rest_is_reached() -> None:
    before = (known(ANNA, RecipientState.FAILED, NO), known(JONAS))
    outcome = judged(DeliveryResult(JONAS, YES), before=before)
    assert (outcome.state, outcome.park_reason) == (EntryState.PARKED, ParkReason.REFUSED)
    assert f"refuses it for {ANNA}: 550 5.1.1 no such user" in outcome.trace[-1].text


def test_an_outcome_that_is_not_known_is_tried_again_and_said_to_be_a_possible_duplicate() -> None:
    outcome = judged(DeliveryResult(ANNA, NO_ANSWER, unknown=True))
    assert (outcome.state, outcome.next_attempt) == (EntryState.READY, START + RETRY[0])
    assert stages(outcome) == ["unknown", "deferred"]
    assert "may arrive twice" in outcome.trace[0].text


def test_a_permanent_code_without_knowing_the_outcome_is_no_refusal() -> None:
    outcome = judged(DeliveryResult(ANNA, NO, unknown=True))
    assert outcome.state is EntryState.READY


def test_the_wait_grows_with_the_attempts_and_the_trace_names_the_next_try() -> None:
    outcome = judged(DeliveryResult(ANNA, LATER), attempts=2)
    assert outcome.next_attempt == START + RETRY[1]
    assert outcome.trace[-1].text == "Tried again at 09:05:00 UTC (try 3)"
    assert outcome.trace[-1].evidence == "451 4.3.0 later"
