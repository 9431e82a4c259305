"""What a conversation about mail of the office means for its entry."""

from dataclasses import replace
from datetime import timedelta

import pytest

from mailgate.model.address import parse_address
from mailgate.model.entry import EntryRecipient, EntryState, QueueEntry, RecipientState
from mailgate.model.message import ContentRef
from mailgate.model.source import Direction, Source
from mailgate.model.status import DeliveryResult, Reply, SmtpStage
from mailgate.ports.store import Outcome
from mailgate.queue.hops import relay_hop
from mailgate.queue.outgoing_outcomes import PATIENCE, expired, judge_outgoing
from tests.fakes.clock import START

BOB, EVE = "bob@customer.example", "eve@customer.example"
RETRY = (timedelta(minutes=5), timedelta(minutes=10))
YES, LATER, NO = Reply(250, "2.0.0 taken"), Reply(451, "4.2.0 later"), Reply(550, "5.1.1 no such user")
NO_RELAYING = Reply(550, "5.7.1 relaying denied")
ENTRY = QueueEntry(
    id=1,
    direction=Direction.OUTBOUND,
    state=EntryState.ACTIVE,
    source=Source("office", "", 0),
    content=ContentRef(1, 10, ""),
    sender=None,
    received_at=START,
    next_attempt=None,
    attempts=1,
    recipients=(EntryRecipient(parse_address(BOB), ""), EntryRecipient(parse_address(EVE), "")),
)


def judged(*results: DeliveryResult, age: timedelta = timedelta(), attempts: int = 1) -> Outcome:
    hop = relay_hop("relay:provider", "provider")
    entry = replace(ENTRY, received_at=START - age)
    return judge_outgoing(results, entry=entry, hop=hop, retry=RETRY, now=START, attempts=attempts)


def test_refused_for_good_is_done_and_the_trace_names_the_relay() -> None:
    outcome = judged(DeliveryResult(BOB, YES), DeliveryResult(EVE, NO))
    assert (outcome.state, outcome.park_reason) == (EntryState.DONE, None)
    assert [step.text for step in outcome.trace] == [f"Taken by relay provider for {BOB}", f"Refused for {EVE}"]


def test_who_is_put_off_is_tried_again_by_the_plan_beside_a_refusal() -> None:
    outcome = judged(DeliveryResult(BOB, LATER), DeliveryResult(EVE, NO), attempts=2)
    assert (outcome.state, outcome.next_attempt) == (EntryState.READY, START + RETRY[1])
    assert [one.permanent for one in outcome.results] == [False, True]


@pytest.mark.parametrize("said", ["452 4.5.3 too many recipients", "552 too many recipients"])
def test_who_was_too_many_gets_it_in_the_next_transaction_at_once(said: str) -> None:
    too_many = DeliveryResult(EVE, Reply(int(said[:3]), said[4:]))
    outcome = judged(DeliveryResult(BOB, YES), too_many, attempts=5)
    assert (outcome.state, outcome.next_attempt, outcome.uncounted) == (EntryState.READY, START, True)
    assert [one.permanent for one in outcome.results] == [False, False]
    assert outcome.trace[-1].text == f"Not so many recipients at once: {EVE} in the next transaction"
    alone = judged(DeliveryResult(BOB, NO), too_many)
    assert (alone.state, alone.next_attempt, alone.uncounted) == (EntryState.READY, START + RETRY[0], False)


def test_a_full_mailbox_is_tried_again_until_the_message_is_too_old() -> None:
    said = DeliveryResult(BOB, Reply(552, "mailbox full"))
    for age in (timedelta(), 2 * PATIENCE):
        outcome = judged(said, age=age)
        assert (outcome.state, [one.permanent for one in outcome.results]) == (EntryState.READY, [False])
        assert outcome.trace[-1].text.startswith(f"No room in the mailbox of {BOB}. Tried again at ")


def test_what_is_not_known_is_tried_again_and_may_arrive_twice() -> None:
    outcome = judged(DeliveryResult(BOB, NO, unknown=True))
    assert outcome.state is EntryState.READY
    assert "may arrive twice" in outcome.trace[0].text


def test_no_message_pays_for_the_configuration_within_twelve_hours() -> None:
    said = DeliveryResult(BOB, NO_RELAYING, stage=SmtpStage.RCPT)
    assert judged(said, age=PATIENCE - timedelta(seconds=1)).state is EntryState.READY
    assert judged(said, age=PATIENCE).state is EntryState.DONE


def test_a_message_that_is_badly_made_is_refused_and_never_sent_in_another_form() -> None:
    outcome = judged(DeliveryResult(BOB, Reply(554, "5.6.0 corrupt"), stage=SmtpStage.TEXT))
    assert (outcome.state, outcome.edit) == (EntryState.DONE, None)


def test_what_is_given_up_keeps_the_last_answer_and_leaves_alone_who_has_it() -> None:
    reached, waiting = ENTRY.recipients
    entry = replace(
        ENTRY,
        recipients=(replace(reached, state=RecipientState.DELIVERED, reply=YES), replace(waiting, reply=LATER)),
    )
    outcome = expired(entry, now=START + timedelta(days=5))
    assert outcome.state is EntryState.DONE
    assert [(one.address, one.reply, one.permanent) for one in outcome.results] == [(EVE, LATER, True)]
    assert outcome.trace[0].text == f"Given up for {EVE} after 5 days"
