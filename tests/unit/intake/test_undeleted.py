"""When a provider counts as one that does not carry out deletions."""

from datetime import timedelta

from mailgate.intake.fetch.undeleted import BORNE, COUNTED_EVERY, Undeleted
from tests.fakes.clock import START
from tests.fakes.memory_store import MemoryStore

LATER = timedelta(days=40)


async def test_mail_that_was_in_another_folder_for_a_time_is_no_fault_of_the_provider() -> None:
    store = MemoryStore()
    for number in range(2 * BORNE):
        undeleted = Undeleted("office", store)
        assert not await undeleted.note(["moved"], START + number * LATER, deletes=True)
        assert not await undeleted.note([], START + number * LATER, deletes=True)


async def test_what_was_deleted_and_stays_away_ends_the_count() -> None:
    store = MemoryStore()
    for number in range(2 * BORNE):
        undeleted = Undeleted("office", store)
        assert not await undeleted.note(["moved"], START + number * LATER, deletes=True)
        await undeleted.deleted(["moved", "another"])
        assert not await Undeleted("office", store).note([], START + number * LATER, deletes=True)
        assert await store.value("undeleted.office") is None


async def test_deletions_that_do_not_last_count_once_in_ten_minutes() -> None:
    store, said = MemoryStore(), []
    for number in range(2 * BORNE):
        undeleted = Undeleted("office", store)
        said.append(await undeleted.note(["kept"], START + number * COUNTED_EVERY / 2, deletes=True))
        await undeleted.deleted(["kept"])
    assert said == [False, False, False, False, True, True]
