"""What a conversation means for an entry."""

from datetime import timedelta

from mailgate.model.address import parse_address
from mailgate.model.entry import EntryRecipient, EntryState, ParkReason, QueueEntry, RecipientState
from mailgate.model.message import ContentRef, HeaderEdit
from mailgate.model.source import Direction, Source
from mailgate.model.status import NO_ANSWER, DeliveryResult, Reply, SmtpStage
from mailgate.ports.store import Outcome
from mailgate.queue.outcomes import ONCE_MORE, PATIENCE, judge
from tests.fakes.clock import START
from tests.fakes.entries import ANNA, JONAS

RETRY = (timedelta(minutes=1), timedelta(minutes=5))
YES, LATER, NO = Reply(250, "2.0.0 taken"), Reply(451, "4.3.0 later"), Reply(550, "5.1.1 no such user")


def known(address: str, state: RecipientState = RecipientState.PENDING, reply: Reply | None = None) -> EntryRecipient:
    return EntryRecipient(parse_address(address), "E", state, reply)


def entry_of(recipients: tuple[EntryRecipient, ...], *, age: timedelta, wrapped: bool) -> QueueEntry:
    return QueueEntry(
        id=1,
        direction=Direction.INBOUND,
        state=EntryState.ACTIVE,
        source=Source("office", "uid", 1, "pop.example"),
        content=ContentRef(1, 10, ""),
        sender=None,
        received_at=START - age,
        next_attempt=None,
        attempts=1,
        recipients=recipients,
        edit=HeaderEdit(b"X: y\r\n", wrap=wrapped),
    )


def judged(
    *results: DeliveryResult,
    before: tuple[EntryRecipient, ...] = (),
    attempts: int = 1,
    age: timedelta = timedelta(),
    wrapped: bool = False,
) -> Outcome:
    recipients = before or tuple(known(result.address) for result in results)
    return judge(
        results, entry=entry_of(recipients, age=age, wrapped=wrapped), retry=RETRY, now=START, attempts=attempts
    )


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
    assert (outcome.state, outcome.park_reason) == (EntryState.PARKED, ParkReason.UNROUTED)
    assert stages(outcome) == ["delivered", "refused", "parked"]
    assert "550 5.1.1 no such user" in outcome.trace[-1].text
    assert JONAS in outcome.trace[-1].text
    assert ANNA not in outcome.trace[-1].text


def test_somebody_to_try_again_keeps_it_ready_even_beside_a_refusal() -> None:
    outcome = judged(DeliveryResult(ANNA, LATER), DeliveryResult(JONAS, NO))
    assert (outcome.state, outcome.next_attempt) == (EntryState.READY, START + RETRY[0])
    assert stages(outcome) == ["refused", "deferred"]


def test_a_full_mailbox_is_tried_again_for_as_long_as_it_takes_whatever_the_code_says() -> None:
    full = [Reply(452, "4.2.2 full"), Reply(552, "5.2.2 full"), Reply(552, "Mailbox is full"), Reply(550, "over quota")]
    for reply in full:
        for age in (timedelta(), 2 * PATIENCE):
            outcome = judged(DeliveryResult(ANNA, YES), DeliveryResult(JONAS, reply), age=age)
            assert (outcome.state, outcome.next_attempt) == (EntryState.READY, START + RETRY[0])
            assert stages(outcome) == ["delivered", "deferred"]
            assert f"No room in the mailbox of {JONAS}." in outcome.trace[-1].text


def test_who_was_too_many_gets_it_in_the_next_transaction_at_once() -> None:
    outcome = judged(DeliveryResult(ANNA, YES), DeliveryResult(JONAS, Reply(452, "4.5.3 too many recipients")))
    assert (outcome.state, outcome.next_attempt, outcome.uncounted) == (EntryState.READY, START, True)
    assert stages(outcome) == ["delivered", "deferred"]


def test_a_refusal_of_an_earlier_conversation_parks_it_when_the_rest_is_reached() -> None:
    before = (known(ANNA, RecipientState.FAILED, NO), known(JONAS))
    outcome = judged(DeliveryResult(JONAS, YES), before=before)
    assert (outcome.state, outcome.park_reason) == (EntryState.PARKED, ParkReason.UNROUTED)
    assert f"does not know {ANNA}: 550 5.1.1 no such user" in outcome.trace[-1].text


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


def at_text(address: str, code: int, text: str) -> DeliveryResult:
    return DeliveryResult(address, Reply(code, text), stage=SmtpStage.TEXT)


def test_one_delivered_one_deferred_one_refused_waits_for_the_one_and_keeps_the_refusal() -> None:
    sara = "sara@office.example"
    outcome = judged(DeliveryResult(ANNA, YES), DeliveryResult(JONAS, LATER), DeliveryResult(sara, NO))
    assert outcome.state is EntryState.READY
    assert stages(outcome) == ["delivered", "refused", "deferred"]
    assert [(one.delivered, one.permanent) for one in outcome.results] == [(True, False), (False, False), (False, True)]


def test_what_is_badly_made_goes_once_more_as_an_attachment_and_is_parked_when_that_is_refused_too() -> None:
    ill = at_text(ANNA, 554, "5.6.0 corrupt message content")
    outcome = judged(ill)
    assert (outcome.state, outcome.next_attempt) == (EntryState.READY, START)
    assert outcome.edit == HeaderEdit(b"X: y\r\n", wrap=True)
    assert not outcome.results[0].permanent, "this recipient is tried again"
    again = judged(ill, wrapped=True)
    assert (again.state, again.park_reason, again.edit) == (EntryState.PARKED, ParkReason.REFUSED, None)


def test_a_refusal_without_a_reason_that_helps_is_tried_once_a_day_for_three_days() -> None:
    no = DeliveryResult(ANNA, Reply(550, "5.2.1 mailbox disabled"))
    outcome = judged(no)
    assert (outcome.state, outcome.park_reason) == (EntryState.PARKED, ParkReason.REFUSED)
    assert outcome.next_attempt == START + ONCE_MORE
    assert outcome.trace[-1].text.endswith("It is tried once more at 2026-03-03 09:00 UTC.")
    assert judged(no, age=PATIENCE).next_attempt is None


def test_the_gravest_reason_is_the_one_it_is_parked_for() -> None:
    spam, large = at_text(ANNA, 550, "5.7.1 spam"), at_text(JONAS, 552, "5.3.4 too large")
    assert judged(spam).park_reason is ParkReason.QUARANTINE
    assert judged(large).park_reason is ParkReason.OVERSIZE
    assert judged(large, spam).park_reason is ParkReason.QUARANTINE
    assert judged(DeliveryResult("sara@office.example", NO), large).park_reason is ParkReason.OVERSIZE


def test_a_fault_of_the_configuration_is_waited_for_and_parked_after_three_days() -> None:
    relay = DeliveryResult(ANNA, Reply(550, "5.7.1 Unable to relay"))
    assert judged(relay, DeliveryResult(JONAS, YES)).state is EntryState.READY
    assert judged(relay, age=PATIENCE).park_reason is ParkReason.REFUSED
