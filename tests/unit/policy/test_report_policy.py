"""Who is told what about a message of the office."""

from dataclasses import replace
from datetime import timedelta

import pytest

from mailgate.model.address import parse_address
from mailgate.model.entry import EntryRecipient, EntryState, QueueEntry, RecipientState
from mailgate.model.envelope import BodyKind, Envelope, EnvelopeRecipient, Notify
from mailgate.model.message import ContentRef
from mailgate.model.notices import NoticeKind
from mailgate.model.reports import Action
from mailgate.model.source import Direction, Source
from mailgate.model.status import DeliveryResult, Reply
from mailgate.policy.reports import MAX_RETURNED_OCTETS, delay_report, may_concern, removal_report, reports
from tests.fakes.clock import START

ANNA, BOB = parse_address("anna@office.example"), parse_address("bob@customer.example")
NO, YES, LATER = Reply(550, "5.1.1 unknown"), Reply(250, "2.0.0 taken"), Reply(451, "4.2.0 later")


def entry(*notify: Notify, ret: str = "", sender: bool = True, octets: int = 100, **more: object) -> QueueEntry:
    whom = EnvelopeRecipient(BOB, frozenset(notify), "rfc822;a+2Bb@customer.example")
    envelope = Envelope(ANNA if sender else None, (whom,), ret=ret, envid="a+2Bb", **more)  # type: ignore[arg-type]
    return QueueEntry(
        id=1,
        direction=Direction.OUTBOUND,
        state=EntryState.ACTIVE,
        source=Source("office", "", 0),
        content=ContentRef(1, octets, ""),
        sender=envelope.sender,
        received_at=START,
        next_attempt=None,
        attempts=1,
        recipients=(EntryRecipient(BOB, "", reply=LATER),),
        envelope=envelope,
    )


def said(reply: Reply, *, reports_itself: bool = False, expired: bool = False) -> DeliveryResult:
    return DeliveryResult(str(BOB), reply, reports_itself=reports_itself, expired=expired)


FAILURE, SUCCESS, DELAY, NEVER = Notify.FAILURE, Notify.SUCCESS, Notify.DELAY, Notify.NEVER


@pytest.mark.parametrize(
    ("asked", "result", "told"),
    [
        ((), said(NO), [(NoticeKind.DSN_FAILURE, Action.FAILED, "5.1.1")]),
        ((FAILURE,), said(NO), [(NoticeKind.DSN_FAILURE, Action.FAILED, "5.1.1")]),
        ((NEVER,), said(NO), []),
        ((SUCCESS, DELAY), said(NO), []),
        ((), said(LATER), []),
        ((), said(LATER, expired=True), [(NoticeKind.DSN_FAILURE, Action.FAILED, "4.4.7")]),
        ((), said(Reply(550, "no code")), [(NoticeKind.DSN_FAILURE, Action.FAILED, "5.0.0")]),
        ((), said(Reply(550, "2.0.0 a lie")), [(NoticeKind.DSN_FAILURE, Action.FAILED, "5.0.0")]),
        ((), said(YES), []),
        ((SUCCESS,), said(YES), [(NoticeKind.DSN_RELAYED, Action.RELAYED, "2.0.0")]),
        ((SUCCESS,), said(YES, reports_itself=True), []),
    ],
)
def test_notify_says_what_is_told(
    asked: tuple[Notify, ...], result: DeliveryResult, told: list[tuple[NoticeKind, Action, str]]
) -> None:
    message = entry(*asked)
    found = reports(message, [result], final=False)
    assert [(one.kind, one.recipients[0].action, one.recipients[0].status) for one in found] == told
    assert may_concern([result], message.envelope) or not found
    assert reports(entry(*asked, sender=False), [result], final=False) == []


def test_xtext_is_read_and_a_server_of_mailboxes_has_delivered() -> None:
    [report] = reports(entry(SUCCESS), [said(YES)], final=True)
    [whom] = report.recipients
    assert (report.to, report.envid, whom.original) == (ANNA, "a+b", "rfc822;a+b@customer.example")
    assert whom.action is Action.DELIVERED


def test_the_whole_message_goes_back_with_failures_alone_and_only_when_that_can_be() -> None:
    assert reports(entry(ret="FULL"), [said(NO)], final=False)[0].full
    assert not reports(entry(ret="HDRS"), [said(NO)], final=False)[0].full
    assert not reports(entry(), [said(NO)], final=False)[0].full
    assert not reports(entry(SUCCESS, ret="FULL"), [said(YES)], final=False)[0].full
    assert not reports(entry(ret="FULL", octets=MAX_RETURNED_OCTETS + 1), [said(NO)], final=False)[0].full
    assert not reports(entry(ret="FULL", body=BodyKind.BINARY), [said(NO)], final=False)[0].full


def test_a_delay_is_told_where_it_is_asked_for_alone() -> None:
    expiry = timedelta(days=5)
    assert delay_report(entry(), expiry=expiry) is None
    assert delay_report(entry(DELAY, sender=False), expiry=expiry) is None
    report = delay_report(entry(DELAY), expiry=expiry)
    assert report is not None
    assert (report.kind, report.retry_until) == (NoticeKind.DSN_DELAY, START + expiry)
    assert (report.recipients[0].action, report.recipients[0].status) == (Action.DELAYED, "4.2.0")
    reached = EntryRecipient(BOB, "", RecipientState.DELIVERED)
    assert delay_report(replace(entry(DELAY), recipients=(reached,)), expiry=expiry) is None


def test_a_removal_is_told_as_a_failure_is() -> None:
    for asked, is_told in (((), True), ((FAILURE,), True), ((NEVER,), False), ((DELAY,), False)):
        message = entry(*asked)
        assert (removal_report(message, message.recipients) is not None) is is_told
    message = entry(sender=False)
    assert removal_report(message, message.recipients) is None
