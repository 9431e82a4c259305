from datetime import timedelta
from typing import Any

import flet as ft
import pytest

from mailgate.app.accounts import standing
from mailgate.app.theme import State
from mailgate.app.words import Lang, say
from mailgate.client.errors import ClientError
from mailgate.contract import v1
from tests.fakes.eventually import eventually
from tests.unit.app.app_samples import NOW, FakeEngine, account, event, report, status
from tests.unit.app.fake_accounts import large, probe
from tests.unit.app.flet_harness import reading

LATER = NOW + timedelta(hours=2)
OFFICE = "office"


@pytest.fixture
def engine() -> FakeEngine:
    engine = FakeEngine()
    sick = account("sales", error="-ERR no", error_class="auth", failures=3, remedy="Theirs.")
    engine.says = status(accounts=(account(OFFICE), sick))
    return engine


@pytest.mark.parametrize(
    ("changes", "state", "word", "key"),
    [
        ({}, State.OK, "acc.fine", "acc.fine.next"),
        ({"next_session": None}, State.OK, "acc.fine", "acc.fine.last"),
        ({"enabled": False, "error": "x"}, State.WAITING, "acc.off", "acc.off.what"),
        ({"busy": True, "new": 3}, State.ACTIVE, "acc.busy", "fetch.progress"),
        ({"busy": True}, State.ACTIVE, "acc.busy", "fetch.busy"),
        ({"given_up": True, "error": "x"}, State.ERROR, "acc.given_up", "acc.given_up.what"),
        ({"error": "x", "error_class": "dns", "paused": True}, State.ERROR, "acc.error", "cond.account_failing.dns"),
        ({"error": "x", "error_class": "tomorrows"}, State.ERROR, "acc.error", ""),
        ({"paused": True}, State.PAUSED, "acc.paused", "acc.paused.what"),
        ({"paused": True, "paused_until": LATER}, State.PAUSED, "acc.paused", "acc.paused.until"),
        ({"throttled_until": LATER}, State.RETRY, "acc.throttled", "acc.throttled.until"),
        ({"throttled_until": NOW - timedelta(1)}, State.OK, "acc.fine", "acc.fine.next"),
        ({"last_success": None}, State.WAITING, "acc.new", "acc.new.what"),
    ],
)
def test_an_account_stands_as_what_keeps_its_mail_from_coming(
    changes: dict[str, Any], state: State, word: str, key: str
) -> None:
    found = standing(account(**changes), NOW)
    assert (found.state, found.word, found.says.key) == (state, word, key)


def test_a_pause_of_all_shows_on_each_account_that_is_well() -> None:
    assert standing(account(), NOW, all_paused=True).says.key == "acc.paused.all"
    assert standing(account(error="x"), NOW, all_paused=True).word == "acc.error"


async def test_the_list_answers_first_and_a_click_shows_what_is_wrong_and_what_to_do(engine: FakeEngine) -> None:
    async with reading(engine, route="/accounts?lang=de") as reader:
        await reader.sees("Ein Konto lässt sich nicht abholen. Seine Post bleibt sicher beim Provider.")
        assert "zuletzt abgeholt 09:42, wieder 09:48" in reader.words()
        await reader.press("sales")
        await reader.sees("Vermutlich wurde das Kennwort beim Provider geändert")
        for said in (
            "-ERR no",
            "3 Abholungen nacheinander sind misslungen.",
            "pop.provider.example:995",
            "nach Abstand",
        ):
            await reader.sees(said)
        assert reader.page.route == "/accounts/sales"


async def test_an_account_is_paused_for_a_time_and_that_can_be_undone(engine: FakeEngine) -> None:
    async with reading(engine, route=f"/accounts/{OFFICE}?lang=en") as reader:
        await reader.press("Until tomorrow")
        await reader.sees("office is paused.")
        midnight = NOW.replace(hour=0, minute=0) + timedelta(days=1)
        assert engine.asked == [("pause", OFFICE, None, midnight)]
        undo = next(c for c in reader.dialogs() if isinstance(c, ft.SnackBarAction))
        await reader.fire(undo, "click", None)
        await eventually(lambda: engine.asked[-1] == ("resume", OFFICE), "the pause undone")
        engine.says = status(accounts=(account(OFFICE, paused=True, paused_until=LATER),))
        engine.publish(event(8, "FetchPaused"))
        await reader.sees("paused until 11:44")
        await reader.press("Resume")
        await reader.sees("office goes on.")


async def test_a_test_shows_each_step_with_its_time_and_what_was_offered(engine: FakeEngine) -> None:
    async with reading(engine, route=f"/accounts/{OFFICE}?lang=en") as reader:
        await reader.press("Try connection")
        await reader.sees("The connection works.")
        for said in ("31 ms", "offers: UIDL TOP", "largest message: 2.3 MB", "good until: 9 Mar 2027", "welcome"):
            assert said in reader.words()
        engine.test_says = probe(ok=False)
        await reader.press("Try connection")
        await reader.sees("The connection does not work.")
        assert {"-ERR no", "The remedy."} <= set(reader.words().splitlines())
        await reader.press("sales")
        await reader.misses("The connection does not work.")


async def test_a_step_is_told_in_the_readers_language_and_in_english_where_it_has_no_other(engine: FakeEngine) -> None:
    spoken: tuple[tuple[Lang, str], ...] = (
        ("en", "pop.provider.example answers"),
        ("de", "pop.provider.example antwortet"),
        ("fr", "elle répond"),
    )
    for lang, said in spoken:
        async with reading(engine, route=f"/accounts/{OFFICE}?lang={lang}") as reader:
            await reader.press(say(lang, "acc.do.try"))
            await reader.sees(said)
            assert "welcome" in reader.words()


async def test_the_engines_remedy_for_an_account_is_told_in_the_readers_language(engine: FakeEngine) -> None:
    told = v1.Words(en="Look at `keyring:sales`.", de="Sehen Sie nach `keyring:sales`.", fr="Regardez `keyring:sales`.")
    engine.says = status(accounts=(account("sales", error="-ERR no", error_class="auth", remedies=told),))
    async with reading(engine, route="/accounts/sales?lang=fr") as reader:
        await reader.sees("Regardez")
        assert "mailgate secrets set" not in reader.words()


async def test_an_account_is_switched_off_and_on_again_at_once(engine: FakeEngine) -> None:
    async with reading(engine, route=f"/accounts/{OFFICE}?lang=en") as reader:
        await reader.press("Switch off")
        await reader.sees("office is switched off.")
        undo = next(c for c in reader.dialogs() if isinstance(c, ft.SnackBarAction))
        await reader.fire(undo, "click", None)
        await eventually(lambda: engine.asked == [("disable", OFFICE), ("enable", OFFICE)], "switched on again")


async def test_removing_asks_first_and_says_what_stays(engine: FakeEngine) -> None:
    async with reading(engine, route=f"/accounts/{OFFICE}?lang=en") as reader:
        await reader.press("Remove")
        await reader.sees("Remove office?")
        assert "what was fetched stays here" in reader.dialog_words()
        assert engine.asked == []
        [sure] = [c for c in reader.dialogs() if isinstance(c, ft.FilledButton)]
        await reader.fire(sure, "click", None)
        await reader.sees("office is removed.")
        await eventually(lambda: reader.page.route == "/accounts", "the list")
    assert engine.asked == [("remove", OFFICE)]


async def test_what_the_engine_refuses_is_told_and_nothing_else(engine: FakeEngine) -> None:
    engine.refuses = "another has changed the settings"
    async with reading(engine, route=f"/accounts/{OFFICE}?lang=en") as reader:
        await reader.press("Switch off")
        await reader.sees("That was not done: another has changed the settings")
        assert "office is switched off." not in reader.words()


async def test_the_report_tells_which_header_names_the_recipient_and_sets_it(engine: FakeEngine) -> None:
    async with reading(engine, route=f"/accounts/{OFFICE}?lang=en") as reader:
        await reader.press("What the provider tells")
        await reader.sees("Of the last 500 messages looked at: 480; with nobody to go to: 3.")
        for said in (
            "messages: 470; with one own address: 460 (96 %)",
            "one copy for each recipient",
            "Something new.",
        ):
            assert said in reader.words()
        await reader.press("Use X-Envelope-To as envelope header")
        await reader.sees("X-Envelope-To names the recipient from now on.")
    assert engine.asked == [("change", OFFICE, {"envelope_header": "X-Envelope-To"}, None)]


async def test_what_is_too_large_waits_at_its_account_for_a_decision(engine: FakeEngine) -> None:
    engine.too_large = [large(1, OFFICE), large(2, "sales", subject="Filme")]
    async with reading(engine, route=f"/accounts/{OFFICE}?lang=en") as reader:
        await reader.sees("Baupläne")
        assert "80.0 MB, allowed 50.0 MB; waits for a decision" in reader.words()
        assert "Filme" not in reader.words()
        await reader.press("Fetch tonight")
        await reader.sees("is fetched tonight")
        await reader.press("Delete there")
        await reader.sees("Delete it at the provider?")
        [sure] = [c for c in reader.dialogs() if isinstance(c, ft.FilledButton)]
        await reader.fire(sure, "click", None)
        await reader.sees("is deleted at the provider")
    assert engine.asked == [("large", 1, "tonight"), ("large", 1, "delete")]


async def test_one_account_is_fetched(engine: FakeEngine) -> None:
    async with reading(engine, route=f"/accounts/{OFFICE}?lang=en", width=390) as reader:
        await reader.sees("At least 10 min apart: the provider's wish")
        await reader.press("Fetch now")  # that of the account: the frame's has no words on a phone
        await eventually(lambda: bool(engine.asked), "a fetch")
        engine.end_fetch(report())
        await reader.sees("No new mail.")


async def test_an_account_that_is_nowhere_and_an_office_without_any_are_told_so(engine: FakeEngine) -> None:
    async with reading(engine, route="/accounts/none?lang=en") as reader:
        await reader.sees("There is no such account")
    engine.says = status(accounts=())
    async with reading(engine, route="/accounts?lang=en") as reader:
        await reader.sees("No account yet")


async def test_a_silent_engine_leaves_the_last_picture(engine: FakeEngine) -> None:
    async with reading(engine, route="/accounts?lang=en") as reader:
        await reader.sees("sales")
        engine.breaks(ClientError("gone", code="not_running"))
        await reader.sees("No answer from MailGate since")
        assert "sales" in reader.words()


async def test_the_way_in_which_people_share_a_mailbox_is_set_up_after_a_question(engine: FakeEngine) -> None:
    async with reading(engine, route=f"/accounts/{OFFICE}?lang=en") as reader:
        await reader.press("One mailbox, everybody has an address")
        await reader.sees("The address in the headers tells whose mail it is")
        assert engine.asked == []
        [sure] = [c for c in reader.dialogs() if isinstance(c, ft.FilledButton)]
        await reader.fire(sure, "click", None)
        await reader.sees("In force: office.")
    assert engine.asked == [("set up", OFFICE, "several-addresses", "X-Envelope-To")]
