"""Whatever the internal server answers, in whatever order: nobody gets a message twice or never without cause."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from mailgate.model.entry import EntryState, RecipientState
from mailgate.model.errors import ConnectError
from mailgate.model.status import DeliveryResult, Reply
from mailgate.ports.stages import Outgoing
from tests.fakes.entries import ANNA, JONAS
from tests.fakes.transport import LOST, FakeTransport, Say
from tests.unit.queue.office import Office, running

YES, LATER, NO = Reply(250, "yes"), Reply(450, "later"), Reply(550, "no")
one_reply = st.sampled_from([YES, LATER, NO])
answers: st.SearchStrategy[Say] = st.one_of(
    one_reply,
    st.just(LOST),
    st.just(ConnectError("nothing listens there")),
    st.fixed_dictionaries({ANNA: one_reply, JONAS: one_reply}),
)


class Witness(FakeTransport):
    """Counts who was told yes, and who was left without an answer."""

    def __init__(self, *say: Say) -> None:
        super().__init__(*say)
        self.yes: Counter[tuple[str, str]] = Counter()
        self.lost: Counter[tuple[str, str]] = Counter()

    async def deliver(self, message: Outgoing) -> Sequence[DeliveryResult]:
        results = await super().deliver(message)
        for result in results:
            self.yes[message.entry, result.address] += result.delivered
            self.lost[message.entry, result.address] += result.unknown
        return results


@settings(max_examples=60, deadline=None)
@given(say=st.lists(answers, max_size=12), messages=st.integers(1, 4))
def test_every_recipient_is_reached_once_or_parked(say: list[Say], messages: int) -> None:
    asyncio.run(_any_day(say, messages))


async def _any_day(say: list[Say], messages: int) -> None:
    witness = Witness(*say)
    office = Office(transport=witness)
    office.processor.to = (ANNA, JONAS)
    async with running(office):
        ids = [await office.take() for _ in range(messages)]
        for _ in range(len(say) + 3):
            await office.advance(timedelta(minutes=6))
        for entry_id in ids:
            entry = await office.entry(entry_id)
            states = {str(one.address): one.state for one in entry.recipients}
            failed = RecipientState.FAILED in states.values()
            assert entry.state is (EntryState.PARKED if failed else EntryState.DONE)
            for address, state in states.items():
                assert state in (RecipientState.DELIVERED, RecipientState.FAILED)
                assert witness.yes[entry.name, address] == (state is RecipientState.DELIVERED)
            assert entry.attempts == sum(said.entry == entry.name for said in witness.said)
    assert office.health.codes == set()
