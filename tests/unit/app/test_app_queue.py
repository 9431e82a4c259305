import flet as ft
import pytest

from tests.fakes.eventually import eventually
from tests.unit.app.app_samples import FakeEngine
from tests.unit.app.fake_queue import QUEUED, queued
from tests.unit.app.flet_harness import ReaderStandIn, reading


@pytest.fixture
def engine() -> FakeEngine:
    engine = FakeEngine()
    engine.outgoing = [
        queued(2),
        queued(1, deferred=False, last_answer="", will_tell=False, will_tell_why="No sender."),
    ]
    return engine


async def undo(reader: ReaderStandIn) -> None:
    await reader.fire(next(c for c in reader.dialogs() if isinstance(c, ft.SnackBarAction)), "click", None)


async def test_the_queue_says_what_waits_and_why(engine: FakeEngine) -> None:
    async with reading(engine, route="/queue?lang=de") as reader:
        await reader.sees("2 Nachrichten sind noch nicht abgegangen.")
        assert "nächster Versuch 10:01" in reader.words()
        await reader.press("Neuer Versuch")
        await reader.sees("451 4.7.1 Greylisted")
        for said in ("451 4.7.1 try later", "provider", "Anna <anna@office.example>"):
            assert said in reader.words()


async def test_a_message_is_frozen_at_once_and_that_can_be_undone(engine: FakeEngine) -> None:
    async with reading(engine, route="/queue/Pmg6C02?lang=en", width=390) as reader:
        await reader.press("Freeze")
        await reader.sees("Frozen. It stays until you thaw it.")
        await undo(reader)
        await eventually(lambda: engine.asked[-1] == ("undo", 7), "the undo")
        await reader.press("Thaw")
        await reader.press("Send now")
        await reader.sees("Sending now.")
    assert engine.asked == [("freeze", "Pmg6C02"), ("undo", 7), ("thaw", "Pmg6C02"), ("send", "Pmg6C02")]


async def test_removing_asks_says_who_is_told_and_waits_ten_seconds(engine: FakeEngine) -> None:
    async with reading(engine, route="/queue/Pmg6C02?lang=en") as reader:
        await reader.press("Remove")
        await reader.sees("“Angebot 2” goes back to anna@office.example")
        [sure] = [c for c in reader.dialogs() if isinstance(c, ft.FilledButton)]
        await reader.fire(sure, "click", None)
        await reader.sees("It is removed in 10 seconds.")
        await undo(reader)
        await eventually(lambda: engine.asked[-1] == ("undo", 8), "called off")
        await reader.go("/queue/Pmg6C01?lang=en")
        await reader.press("Remove")
        await reader.sees("nobody is told: No sender.")
    assert engine.asked == [("remove", ("Pmg6C02",), 10), ("undo", 8)]


async def test_the_queue_is_searched_and_turned_in_pages(engine: FakeEngine) -> None:
    engine.outgoing = [queued(n, until=QUEUED.replace(hour=12), state="held") for n in range(120, 0, -1)]
    async with reading(engine, route="/queue?lang=en") as reader:
        await reader.sees("1 to 50 of 120")
        assert "until 12:01" in reader.words()
        await reader.press("Older")
        await reader.sees("51 to 100 of 120")
        await reader.press("Newer")
        await reader.sees("1 to 50 of 120")
        await reader.choose(ft.TextField, "nothing like it")
        await reader.sees("No message in the queue fits “nothing like it”.")


async def test_an_empty_queue_and_a_message_that_has_left_are_told_so(engine: FakeEngine) -> None:
    async with reading(engine, route="/queue/PmgFFFF?lang=en") as reader:
        await reader.sees("This message is not in the queue any more")
    engine.outgoing = []
    async with reading(engine, route="/queue?lang=en") as reader:
        await reader.sees("The queue is empty")
