"""Whose fault a refusal is: a server that is ill pauses everything, a recipient nothing, and no message holds up the rest."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from mailgate.model.entry import EntryState, ParkReason, entry_name
from mailgate.model.errors import BrokenOffError, ConnectError, ErrorClass
from mailgate.model.events import MessageDecided, MessageDeferred
from mailgate.model.status import DeliveryResult, Reply, SmtpStage
from mailgate.ports.stages import Outgoing
from mailgate.queue.delivering import CERTAIN_TRIES, DOUBTFUL_TRIES, UNTRIED_S
from mailgate.queue.manager import ONCE_MORE_S
from mailgate.queue.outcomes import ONCE_MORE, PATIENCE
from tests.fakes.entries import ANNA, JONAS, LETTER
from tests.fakes.eventually import others_run
from tests.fakes.transport import FakeTransport
from tests.unit.queue.office import SETTINGS, Office, running, to

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
FULL = Reply(452, "4.3.1 Insufficient system resources")
NOT_NOW = (Reply(451, "4.5.0 not now"), SmtpStage.TEXT)


async def test_back_pressure_costs_no_message_a_try_and_ends_by_itself() -> None:
    office = Office(transport=FakeTransport((FULL, SmtpStage.MAIL), FULL))
    async with running(office):
        entry = await office.is_deferred(await office.take())
        assert (entry.attempts, office.health.codes) == (0, {"internal_ill"})
        assert "452 4.3.1" in office.health.held["internal_ill", ""]
        assert office.publisher.of(MessageDeferred) == []
        await office.advance(5 * SECOND)
        assert office.health.codes == {"internal_ill"}
        await office.advance(10 * SECOND)
        assert (await office.is_in(entry.id, EntryState.DONE)).attempts == 1
        assert office.health.codes == set()


async def test_who_was_taken_beside_an_illness_is_recorded_and_does_not_get_it_again() -> None:
    office = Office(transport=FakeTransport({JONAS: Reply(421, "4.3.2 shutting down")}))
    office.processor.to = (ANNA, JONAS)
    async with running(office):
        entry = await office.is_deferred(await office.take())
        assert office.health.codes == {"internal_ill"}
        assert entry.next_attempt == office.clock.now() + 5 * SECOND, "tried as soon as the server is"
        await office.advance(5 * SECOND)
        await office.is_in(entry.id, EntryState.DONE)
        assert [said.recipients for said in office.transport.said] == [(ANNA, JONAS), (JONAS,)]


async def test_a_mailbox_that_is_damaged_there_holds_up_its_owner_alone_however_often_it_is_tried() -> None:
    office = Office(transport=FakeTransport())
    office.transport.always = {JONAS: Reply(451, "4.3.0 mailbox damaged")}
    office.processor.to = (ANNA, JONAS)
    async with running(office):
        entry = await office.is_deferred(await office.take())
        for _ in range(3):
            assert (office.health.codes, entry.next_attempt) == (
                set(),
                office.clock.now() + SETTINGS.retry[entry.attempts > 1],
            )
            await office.advance(SETTINGS.retry[-1])
            entry = await office.entry(entry.id)
        assert [said.recipients for said in office.transport.said] == [(ANNA, JONAS), *[(JONAS,)] * 3]
        office.processor.to = (ANNA,)
        await office.is_in(await office.take(), EntryState.DONE)


async def test_a_temporary_no_to_one_recipient_pauses_nothing() -> None:
    office = Office(transport=FakeTransport({JONAS: Reply(450, "4.2.1 busy")}))
    office.processor.to = (ANNA, JONAS)
    async with running(office):
        await office.is_deferred(await office.take())
        assert office.health.codes == set()
        await office.is_in(await office.take(), EntryState.DONE)


async def test_three_texts_in_a_row_that_are_not_taken_mean_that_the_server_is_ill() -> None:
    office = Office(transport=FakeTransport(NOT_NOW, NOT_NOW, NOT_NOW))
    async with running(office):
        for number, address in enumerate((ANNA, JONAS, "sara@office.example"), 1):
            office.processor.to = (address,)
            entry = await office.is_deferred(await office.take())
            assert office.health.codes == (set() if number < 3 else {"internal_ill"}), number
        assert entry.next_attempt == office.clock.now() + 5 * SECOND
        await office.advance(5 * SECOND)
        await office.is_in(entry.id, EntryState.DONE)
        assert office.health.codes == set()


async def test_while_the_server_takes_no_text_nothing_more_is_said_before_the_wait_is_over() -> None:
    office = Office(settings=replace(SETTINGS, connections=1), transport=FakeTransport(*[NOT_NOW] * 4))
    office.transport.gate.clear()
    async with running(office):
        ids = []
        for number in range(5):
            office.processor.to = (f"user{number}@office.example",)
            ids.append(await office.take())
        office.transport.gate.set()
        await office.is_deferred(ids[2])
        await others_run(100)
        assert (len(office.transport.said), office.health.codes) == (3, {"internal_ill"})
        await office.advance(5 * SECOND)
        assert (len(office.transport.said), office.health.codes) == (4, {"internal_ill"}), "and it is still so"
        await office.advance(10 * SECOND)
        assert office.health.codes == set()
        await office.advance(MINUTE)
        for entry_id in ids:
            await office.is_in(entry_id, EntryState.DONE)


async def test_the_same_mailbox_three_times_is_no_illness_of_the_server() -> None:
    office = Office(transport=FakeTransport(NOT_NOW, NOT_NOW, NOT_NOW))
    async with running(office):
        for _ in range(3):
            await office.is_deferred(await office.take())
        assert office.health.codes == set()


async def test_a_relay_that_is_denied_is_a_fault_of_the_configuration_and_parks_nothing() -> None:
    office = Office(transport=FakeTransport(Reply(550, "5.7.1 Unable to relay")))
    async with running(office):
        entry = await office.is_deferred(await office.take())
        assert (entry.attempts, office.health.codes) == (0, {"internal_config"})
        assert "takes mail" not in office.health.held["internal_config", ""]
        await office.advance(5 * SECOND)
        await office.is_in(entry.id, EntryState.DONE)
        assert office.health.codes == set()


async def test_a_message_at_which_the_line_breaks_each_time_pays_for_it_and_the_others_go_on() -> None:
    office = Office()
    broken = BrokenOffError("it broke off")
    office.transport.say.extend([broken] * DOUBTFUL_TRIES)
    async with running(office):
        odd = await office.take()
        assert (await office.is_deferred(odd)).attempts == 0
        assert office.health.codes == {"internal_ill"}
        for wait in (5, 10):
            await office.advance(wait * SECOND)
        assert (await office.is_deferred(odd)).attempts == 1
        assert office.health.codes == set(), "or nothing would ever be fetched"
        assert office.publisher.of(MessageDeferred)[0].reply == "it broke off"
        await office.is_in(await office.take(), EntryState.DONE)
        await office.advance(MINUTE)
        await office.is_in(odd, EntryState.DONE)


class BreaksAtTheFirst(FakeTransport):
    """Breaks off at one message, and takes all others."""

    async def deliver(self, message: Outgoing) -> Sequence[DeliveryResult]:
        if message.entry == entry_name(1):
            raise BrokenOffError("it broke off")
        return await super().deliver(message)


async def test_it_pays_for_it_where_others_are_taken_in_between_too() -> None:
    office = Office(transport=BreaksAtTheFirst())
    async with running(office):
        odd = await office.take()
        for _ in range(2 * DOUBTFUL_TRIES):
            other = await office.take()
            await office.advance(10 * SECOND)
            await office.is_in(other, EntryState.DONE)
            await office.advance(10 * SECOND)
        assert (await office.entry(odd)).attempts > 0


async def test_what_a_server_says_of_itself_is_believed_for_long() -> None:
    office = Office()
    shut = BrokenOffError("421 going down", error_class=ErrorClass.TEMPORARY)
    office.transport.say.extend([shut] * CERTAIN_TRIES)
    async with running(office):
        odd = await office.take()
        for _ in range(CERTAIN_TRIES - 1):
            assert (await office.is_deferred(odd)).attempts == 0
            assert office.health.codes == {"internal_ill"}
            await office.advance(10 * SECOND)
        assert (await office.is_deferred(odd)).attempts == 1
        assert office.health.codes == set()


async def test_a_way_that_nobody_has_a_message_for_counts_as_free_again() -> None:
    office = Office(transport=FakeTransport(ConnectError("nothing listens")))
    async with running(office):
        entry = await office.is_deferred(await office.take())
        assert office.health.codes == {"internal_ill"}
        office.store.lose_body(entry.id)
        await office.advance(5 * SECOND)
        await office.is_in(entry.id, EntryState.PARKED)
        for _ in range(3):
            await office.advance(timedelta(seconds=UNTRIED_S))
        assert office.health.codes == set(), "or nothing would ever be fetched"


async def test_while_another_conversation_goes_well_a_failure_beside_it_is_no_illness() -> None:
    office = Office(transport=FakeTransport(ConnectError("421 too many connections"), Reply(250, "2.0.0 taken")))
    office.transport.gate.clear()
    async with running(office):
        ids = [await office.take(), await office.take()]
        await office.begun(2)
        office.transport.gate.set()
        for _ in range(3):
            await office.advance(5 * SECOND)
        for entry_id in ids:
            await office.is_in(entry_id, EntryState.DONE)
        assert office.health.raised == []


async def test_what_is_badly_made_goes_once_more_as_an_attachment() -> None:
    office = Office(transport=FakeTransport((Reply(554, "5.6.0 corrupt message content"), SmtpStage.TEXT)))
    async with running(office):
        entry_id = await office.take()
        await office.begun(1)
        await office.advance(SECOND)
        await office.advance(SECOND)
        assert (await office.is_in(entry_id, EntryState.DONE)).edit.wrap
        first, second = office.transport.said
        assert first.octets == LETTER
        assert b'filename="message.eml"' in second.octets
        assert "edited" in await office.stages(entry_id)


async def test_a_refused_message_is_tried_once_a_day_and_then_waits_for_a_person_alone() -> None:
    no = Reply(550, "5.2.1 mailbox disabled")
    office = Office()
    office.transport.always = no
    async with running(office):
        entry = await office.is_in(await office.take(), EntryState.PARKED)
        assert (entry.park_reason, entry.next_attempt) == (ParkReason.REFUSED, office.clock.now() + ONCE_MORE)
        for day in range(2, 2 + PATIENCE // ONCE_MORE):
            await office.advance(ONCE_MORE)
            await office.advance(timedelta(seconds=ONCE_MORE_S))
            entry = await office.is_in(entry.id, EntryState.PARKED)
            assert office.transport.begun == day
        assert entry.next_attempt is None
        assert {event.by for event in office.publisher.of(MessageDecided)} == {"MailGate"}


async def test_what_the_server_knows_nobody_for_goes_to_who_gets_such_mail() -> None:
    office = Office(transport=FakeTransport({ANNA: Reply(550, "5.1.1 no such user")}))
    office.processor.to = (ANNA, JONAS)
    office.processor.fallback = (to("sara@office.example"), True)
    async with running(office):
        entry = await office.is_in(await office.take(), EntryState.DONE)
        assert [said.recipients for said in office.transport.said] == [(ANNA, JONAS), ("sara@office.example",)]
        assert entry.edit.wrap
        assert office.publisher.of(MessageDecided)[0].by == "MailGate"


async def test_who_gets_such_mail_and_is_not_known_himself_does_not_get_it_again_and_again() -> None:
    office = Office()
    office.transport.always = Reply(550, "5.1.1 no such user")
    office.processor.fallback = (to(JONAS), False)
    async with running(office):
        entry_id = await office.take()
        await office.begun(2)
        await office.advance(MINUTE)
        assert (await office.is_in(entry_id, EntryState.PARKED)).park_reason is ParkReason.UNROUTED
        assert office.transport.begun == 2
