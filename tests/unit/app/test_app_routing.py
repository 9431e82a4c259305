import flet as ft
import pytest

from mailgate.contract import v1
from tests.fakes.eventually import eventually
from tests.unit.app.app_samples import FakeEngine, message
from tests.unit.app.fake_routing import OLD, caught, routed
from tests.unit.app.flet_harness import reading

ANNA = "anna.lindner@office.example"


@pytest.fixture
def engine() -> FakeEngine:
    engine = FakeEngine()
    engine.park(1)
    engine.held = list(engine.lying)
    return engine


async def test_a_lesson_shows_what_it_would_change_before_it_is_taught(engine: FakeEngine) -> None:
    engine.catches = (caught(1), caught(2, park_reason="", state="done", before=("chef@office.example",)))
    async with reading(engine, route="/unrouted?lang=de") as reader:
        await reader.press("An „Rundschreiben 1“ lehren…")
        await reader.sees("Wer bekommt solche Post von nun an?")
        await reader.sees(f"die Adresse {OLD}")
        assert "stand in X-Envelope-To" in reader.words()
        assert "Wählen Sie beides, dann steht es hier." in reader.words()
        await reader.press(f"die Adresse {OLD}")
        await reader.choose(ft.RadioGroup, ANNA)
        await reader.sees(f"Diese Nachricht geht an {ANNA}.")
        for said in ("2 der letzten 480 Nachrichten", "Altes 1", "niemand", "chef@office.example"):
            assert said in reader.words()
        assert engine.asked == []
        await reader.press("Lehren und zustellen")
        await reader.sees("Gelernt. 3 Nachrichten sind unterwegs.")
        await eventually(lambda: reader.page.route == "/unrouted", "the list")
    assert engine.asked == [("teach", "alias", OLD, (ANNA,), True)]


async def test_the_other_messages_are_left_when_the_reader_says_so(engine: FakeEngine) -> None:
    engine.catches = (caught(1),)
    engine.recipients_are = (ANNA,)
    async with reading(engine, route="/unrouted/Pmg5C01?lang=en") as reader:
        await reader.sees("the mailing list <rund.lists.example>")
        await reader.press("the mailing list")
        await reader.choose(ft.RadioGroup, ANNA)
        await reader.choose(ft.Checkbox, value=False)
        await reader.press("Teach and deliver")
        await reader.sees("Learned. The message is on its way.")
    assert engine.asked == [("teach", "list", "<rund.lists.example>", (ANNA,), False)]


async def test_a_lesson_that_cannot_be_says_why_in_its_place(engine: FakeEngine) -> None:
    engine.no_lesson = "another recipient has this alias"
    async with reading(engine, route="/unrouted/Pmg5C01?lang=en", width=390) as reader:
        await reader.sees("What leads")
        await reader.press(f"the address {OLD}")
        await reader.choose(ft.RadioGroup, ANNA)
        await reader.sees("another recipient has this alias")
        assert "Teach and deliver" not in reader.buttons()


async def test_a_message_that_offers_nothing_or_is_gone_is_told_so(engine: FakeEngine) -> None:
    engine.suggests = ()
    async with reading(engine, route="/unrouted/Pmg5C01?lang=en") as reader:
        await reader.sees("Its header offers nothing that could lead")
    async with reading(engine, route="/unrouted/PmgFFFF?lang=en") as reader:
        await reader.sees("This message needs nobody any more")


async def test_a_pasted_header_is_tried_and_every_address_says_why(engine: FakeEngine) -> None:
    async with reading(engine, route="/routing?lang=de") as reader:
        await reader.sees("Hier steht die Antwort")
        assert "Testen" not in reader.buttons()
        await reader.choose(ft.TextField, "To: anna\n", label="Kopfzeilen oder ganze Nachricht")
        await reader.press("Testen")
        await reader.sees("Sie geht an einen Empfänger")
        for said in ("X-Envelope-To: a recipient (Routing-Kürzel 1E)", "Cc: not a domain", "Übergangen", "Angenommen"):
            assert said in reader.words()
    assert engine.asked == [("try", "", "To: anna\n", "info@office.example")]


async def test_a_stored_message_is_found_and_tried(engine: FakeEngine) -> None:
    engine.stored = [message(7), message(8, subject="Angebot")]
    engine.routes = routed(reason=v1.Reason("no_own_address", "office", (), (), 0))
    async with reading(engine, route="/routing?lang=en", width=390) as reader:
        await reader.sees("Rundschreiben 7")
        await reader.choose(ft.TextField, "angeb", label="Search")
        await reader.misses("Rundschreiben 7")
        await reader.press("Angebot")
        await reader.sees("It has nobody to go to")
        for said in ("No header names an address in a domain of account office.", "It would wait here for a person."):
            assert said in reader.words()
        await reader.choose(ft.TextField, "nothing", label="Search")
        await reader.sees("No stored message fits.")
    assert engine.asked == [("try", "Pmg5C08", "", "")]
