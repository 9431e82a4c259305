from typing import Any

import flet as ft
import pytest

from mailgate.contract import v1
from tests.fakes.eventually import eventually
from tests.unit.app.app_samples import FakeEngine, condition, event, message, status
from tests.unit.app.flet_harness import ReaderStandIn, reading

BEN = v1.Recipient("ben@office.example", "1E", "failed", "550 5.7.1 not with this attachment")


def refused(number: int, **changes: Any) -> v1.Message:
    words = "The internal server refused it for ben@office.example."
    return message(number, park_reason="refused", recipients=(BEN,), text=words, **changes)


@pytest.fixture
def engine() -> FakeEngine:
    engine = FakeEngine()
    engine.held = [refused(3), message(2), message(1, park_reason="loop", subject="Im Kreis", text="It came back.")]
    return engine


def focused(reader: ReaderStandIn) -> list[object]:
    return [c.content for c in reader.dialogs() if isinstance(c, ft.TextButton) and c.autofocus]


async def test_the_list_says_each_reason_and_a_click_shows_why_and_what_it_says(engine: FakeEngine) -> None:
    async with reading(engine, route="/parked?lang=de") as reader:
        await reader.sees("3 Nachrichten warten auf eine Entscheidung.")
        for said in ("Abgewiesen", "Ohne Empfänger", "Schleife"):
            assert said in reader.words()
        await reader.press("Abgewiesen Abgewiesen 08:44")
        await reader.sees("550 5.7.1 not with this attachment")
        for said in ("anbei die Rechnung.", "Rechnung.pdf", "Auf ihren Text gekürzt", "alle@office.example", "20,4 kB"):
            assert said in reader.words()
        assert reader.page.route == "/parked/Pmg5C03"


@pytest.mark.parametrize(
    ("name", "act", "said"),
    [
        ("Deliver once more", "retry", "It is delivered once more."),
        ("Send as attachment", "wrap", "On its way as an attachment."),
    ],
)
async def test_what_can_be_taken_back_by_the_server_is_done_at_once(
    engine: FakeEngine, name: str, act: str, said: str
) -> None:
    async with reading(engine, route="/parked/Pmg5C03?lang=en") as reader:
        await reader.press(name)
        await reader.sees(said)
        await reader.sees("This message is not parked any more")
        await reader.sees("2 messages wait for a decision.")
    assert engine.asked == [(act, "Pmg5C03")]


async def test_deleting_asks_first_and_the_safe_answer_has_the_focus(engine: FakeEngine) -> None:
    async with reading(engine, route="/parked/Pmg5C03?lang=en") as reader:
        await reader.press("Delete")
        await reader.sees("Delete this message?")
        assert "Nobody gets “Rundschreiben 3” from Liste 3 <news3@lists.example> any more" in reader.dialog_words()
        assert focused(reader) == ["Cancel"]
        await reader.press("Cancel")
        await reader.misses("Delete this message?")
        assert engine.asked == []
        await reader.press("Delete")
        await reader.sees("Delete this message?")
        [sure] = [c for c in reader.dialogs() if isinstance(c, ft.FilledButton)]
        await reader.fire(sure, "click", None)
        await reader.sees("Deleted. The log says by whom.")
    assert engine.asked == [("delete", "Pmg5C03")]


async def test_a_message_is_redirected_to_whom_the_reader_picks(engine: FakeEngine) -> None:
    engine.lying = list(engine.held)
    async with reading(engine, route="/parked/Pmg5C03?lang=en") as reader:
        await reader.press("Deliver to…")
        await reader.choose(ft.RadioGroup, "chef@office.example")
        await reader.press("Deliver")
        await reader.sees("On its way to chef@office.example.")
    assert engine.asked == [("deliver", "Pmg5C03", ("chef@office.example",))]


async def test_a_message_is_handed_out_as_a_file_if_it_is_not_too_large(engine: FakeEngine) -> None:
    async with reading(engine, route="/parked/Pmg5C03?lang=en") as reader:
        await reader.press("Export")
        await reader.sees("Saved as Pmg5C03.eml.")
        engine.held[0] = refused(3, size=26_000_000)
        engine.publish(event(8, "MessageParked"))
        await reader.sees("26.0 MB")
        await reader.press("Export")
        await reader.sees("mailgate parked export Pmg5C03 writes it to a file")
    assert reader.browser.saved == {"Pmg5C03.eml": b"Subject: x\r\n\r\nx\r\n"}


async def test_the_list_is_narrowed_by_reason_and_words_and_a_miss_offers_the_way_back(engine: FakeEngine) -> None:
    async with reading(engine, route="/parked?lang=en") as reader:
        await reader.sees("3 messages wait")
        await reader.press("Loop")
        await reader.misses("Rundschreiben 3")
        await reader.sees("Im Kreis")
        assert "Im Kreis" in reader.words()
        await reader.choose(ft.TextField, "nothing like it")
        await reader.sees("No parked message fits")
        await reader.press("Show all")
        await reader.sees("Rundschreiben 3")


async def test_all_of_a_selection_are_tried_again_after_a_question_that_says_the_number(engine: FakeEngine) -> None:
    async with reading(engine, route="/parked?lang=en") as reader:
        await reader.press("Deliver all 3 once more")
        await reader.sees("Deliver 3 messages once more?")
        await reader.press("Deliver once more")
        await reader.sees("2 messages are delivered once more, 1 stay parked.")
    assert engine.asked == [("retry", (), v1.ParkedSelection(), ())]


async def test_the_list_follows_the_events_and_turns_in_pages(engine: FakeEngine) -> None:
    engine.held = [refused(n) for n in range(120, 0, -1)]
    async with reading(engine, route="/parked?lang=en") as reader:
        await reader.sees("1 to 50 of 120")
        await reader.press("Older")
        await reader.sees("51 to 100 of 120")
        await reader.press("Newer")
        await reader.sees("1 to 50 of 120")
        engine.held = []
        engine.publish(event(8, "MessageDecided"))
        await reader.sees("No message is parked")


async def test_where_there_is_no_room_the_message_takes_the_place_of_the_list(engine: FakeEngine) -> None:
    async with reading(engine, route="/parked?lang=en", width=390) as reader:
        await reader.press("Refused Refused 08:44")
        await reader.sees("550 5.7.1 not with this attachment")
        assert "Im Kreis" not in reader.words()
        await reader.press("Back")
        await reader.sees("Im Kreis")


async def test_a_message_that_is_nowhere_is_told_so(engine: FakeEngine) -> None:
    async with reading(engine, route="/parked/PmgFFFF?lang=en") as reader:
        await reader.sees("This message is not parked any more")


async def test_on_a_phone_the_other_places_stand_under_more(engine: FakeEngine) -> None:
    async with reading(engine, route="/more?lang=de", width=390) as reader:
        await reader.sees("Mehr")
    async with reading(engine, route="/more?lang=de", width=1280) as reader:
        await reader.press("Geparkt")
        await eventually(lambda: reader.page.route == "/parked", "the parked messages")


async def test_the_condition_leads_to_the_parked_messages(engine: FakeEngine) -> None:
    engine.says = status(conditions=(condition("parked"),))
    async with reading(engine) as reader:
        await reader.press("Decide")
        await eventually(lambda: reader.page.route == "/parked", "the parked messages")
