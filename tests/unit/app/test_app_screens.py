from datetime import timedelta

import flet as ft
import flet_charts as fc
import pytest

from mailgate.app.components.chart import nice_step
from mailgate.client.errors import NotRunningError, RefusedError
from mailgate.contract import v1
from tests.fakes.eventually import eventually, others_run
from tests.unit.app.app_samples import NOW, FakeEngine, account, condition, counts, event, message, report, status
from tests.unit.app.flet_harness import reading

CHOOSE = "Deliver “Rundschreiben {n}” to…"


# ---- overview


async def test_the_overview_answers_its_question_in_the_first_line_and_shows_the_evidence() -> None:
    async with reading(FakeEngine()) as reader:
        words = reader.words()
    for said in ("Mail is moving", "1 account", "0 on the way", "accepts mail", "Nothing needs you", "09:48"):
        assert said in words


async def test_the_chart_is_there_only_when_there_is_something_to_show() -> None:
    engine = FakeEngine()
    async with reading(engine) as reader:
        assert reader.count(fc.BarChart) == 1
    engine.says = status(counts=counts(hours=(0,) * 24))
    async with reading(engine) as reader:
        assert reader.count(fc.BarChart) == 0


async def test_a_condition_is_told_in_the_readers_language_with_the_engines_words_under_details() -> None:
    engine = FakeEngine()
    engine.says = status(conditions=(condition("disk_low", severity="error"),))
    async with reading(engine, route="/?lang=de") as reader:
        assert "Die Platte ist fast voll" in reader.words()
        assert "41 min" in reader.words()
        assert "The engine's words for disk_low." not in reader.words()
        await reader.press("Einzelheiten")
        await reader.sees("The engine's words for disk_low.")
        await reader.press("Einzelheiten ausblenden")
        await reader.misses("The engine's words for disk_low.")


async def test_a_condition_without_words_of_ours_is_told_in_the_engines() -> None:
    engine = FakeEngine()
    engine.says = status(conditions=(condition("tomorrow"),))
    async with reading(engine, route="/?lang=de") as reader:
        assert "The engine's words for tomorrow." in reader.words()
        assert "The engine's remedy for tomorrow." in reader.words()
        assert "Einzelheiten" not in reader.words()


async def test_each_remedy_is_one_press_away() -> None:
    engine = FakeEngine()
    name = "info@office.example"
    trouble = (condition("account_failing", name, "error"), condition("unrouted", minutes=3))
    sick = account(error="-ERR no", error_class="auth", failures=3)
    engine.says = status(accounts=(sick, account("x@office.example")), conditions=trouble, paused=True)
    async with reading(engine) as reader:
        assert "pop.provider.example refuses the login of info@office.example" in reader.words()
        await reader.press("Fetch this account")
        await eventually(lambda: ("fetch", name) in engine.asked, "a fetch of this account")
        engine.end_fetch(report())
        await reader.press("Resume fetching")
        await eventually(lambda: ("resume",) in engine.asked, "fetching resumed")
        await reader.press("Choose recipients")
        await reader.sees("Every message has a recipient")
    assert reader.page.route == "/unrouted"


async def test_the_picture_follows_the_events() -> None:
    engine = FakeEngine()
    async with reading(engine) as reader:
        engine.says = status(internal_ok=False, counts=counts(waiting=7))
        engine.publish(event(8, "ConditionRaised"))
        await reader.sees("Mail stops before the mail server")
        assert "7 on the way" in reader.words()
        assert "mail stops here" in reader.words()


async def test_the_numbers_say_only_what_is_known() -> None:
    engine = FakeEngine()
    new = account(last_attempt=None, last_success=None, next_session=None)
    engine.says = status(accounts=(new,), last_mail=None, next_session=None, counts=counts(hours=(), delivered_today=0))
    async with reading(engine) as reader:
        for said in ("no mail yet.", "none planned", "not yet", "everything has been handed over"):
            assert said in reader.words()
        engine.says = status(busy=True, counts=counts(waiting=7, deferred=3))
        engine.publish(event(8, "SessionStarted"))
        await reader.sees("running now")
        assert "3 will be tried again" in reader.words()
        engine.says = status(paused=True, counts=counts(waiting=7))
        engine.publish(event(9, "FetchPaused"))
        await reader.sees("paused until you resume")
        assert "on the way to the mail server" in reader.words()


async def test_details_are_copied_for_whoever_is_asked_for_help() -> None:
    engine = FakeEngine()
    engine.says = status(conditions=(condition("disk_low"),))
    memory: dict[str, str] = {}
    async with reading(engine, memory=memory) as reader:
        await reader.press("Details")
        await reader.press("Copy")
        await reader.sees("Copied.")
    assert "The engine's words for disk_low." in memory["clipboard"]


@pytest.mark.parametrize(("most", "step"), [(0, 1), (4, 1), (5, 2), (17, 5), (23, 10), (41, 20), (999, 500)])
def test_the_chart_has_at_most_four_round_steps(most: int, step: int) -> None:
    assert nice_step(most) == step


# ---- fetching


async def test_fetch_now_shows_its_progress_in_its_place_and_then_says_what_came() -> None:
    engine = FakeEngine()
    async with reading(engine) as reader:
        await reader.press("Fetch now")
        await reader.sees("Connecting…")
        engine.says = status(busy=True, taken=2, new=14)
        engine.publish(event(8, "MessageFetched"))
        await reader.sees("Fetching 2 of 14")
        await reader.press("Stop fetching")
        await reader.sees("Stopping…")
        engine.end_fetch(report(taken=3, delivered=1, parked=1, deferred=1))
        await reader.sees("3 messages fetched: 1 delivered, 1 parked, 1 waiting for the mail server.")
        await reader.sees("Fetch now")
    assert engine.asked == [("fetch", None), ("stop",)]


async def test_a_fetch_that_brings_nothing_or_fails_says_so() -> None:
    engine = FakeEngine()
    async with reading(engine) as reader:
        await reader.press("Fetch now")
        await others_run()
        engine.end_fetch(report())
        await reader.sees("No new mail.")
        await reader.press("Fetch now")
        await others_run()
        left = v1.LeftMessage("office", "u7", "it is too large")
        engine.end_fetch(report(failed=1, left=(left,)))
        await reader.sees("1 message stays at the provider: the overview says why.")
        await reader.press("Fetch now")
        await others_run()
        engine.end_fetch(report(failed=1, errors=("no answer",)))
        await reader.sees("Not every account could be fetched: the overview says why.")


async def test_a_refusal_is_told_in_the_engines_words() -> None:
    engine = FakeEngine()
    async with reading(engine) as reader:
        engine.broken = RefusedError("The disk is nearly full.", code="disk_low", status=409)
        await reader.press("Fetch now")
        await reader.sees("That was not done: The disk is nearly full.")


async def test_an_engine_that_does_not_answer_is_told_in_the_readers_language() -> None:
    engine = FakeEngine()
    async with reading(engine, route="/?lang=de") as reader:
        engine.broken = NotRunningError("nobody answers", code="not_running")
        await reader.press("Jetzt abholen")
        await reader.sees("Das wurde nicht ausgeführt: MailGate antwortet nicht.")


@pytest.mark.parametrize("width", [390, 900, 1280])
async def test_fetch_now_is_there_at_every_width(width: int) -> None:
    engine = FakeEngine()
    async with reading(engine, width=width) as reader:
        await reader.press("Fetch now")
        await reader.sees("Stop fetching")
        engine.end_fetch(report())
        await reader.sees("No new mail.")


# ---- live


async def test_the_live_window_opens_with_the_last_lines_and_shows_new_ones() -> None:
    engine = FakeEngine()
    engine.backlog = (event(6, "SessionStarted", "Fetch [3] Connecting to pop.provider.example..."),)
    async with reading(engine, route="/live?lang=en") as reader:
        await reader.sees("Connecting to pop.provider.example...")
        engine.publish(event(8, "MessageDelivered", "Fetch [3] Pmg5C40 Delivered (250 Ok)"))
        await reader.sees("Pmg5C40 Delivered (250 Ok)")


@pytest.mark.parametrize("width", [390, 1280])
async def test_a_long_line_wraps_and_is_not_cut(width: int) -> None:
    engine = FakeEngine()
    line = "Warning: 1 message has nobody to go to. Choose a recipient for each under Unrouted. " * 3
    engine.backlog = (event(6, "ConditionRaised", line),)
    async with reading(engine, route="/live?lang=en", width=width) as reader:
        await reader.sees("Warning:")
        lines = [one for one in reader.controls() if isinstance(one, ft.Text) and one.spans]
        assert lines
        assert not any(one.no_wrap or one.max_lines for one in lines)


async def test_a_gap_is_told_in_words_between_the_lines() -> None:
    engine = FakeEngine()
    async with reading(engine, route="/live?lang=en") as reader:
        engine.publish(event(8, "EngineStarted", "MailGate started"))
        await reader.sees("MailGate started")
        engine.publish(event(99, "MessageFetched", "Fetch [3] later"), gap=True)
        await reader.sees("some lines were missed here")


async def test_a_paused_picture_stands_still_and_counts_what_it_missed() -> None:
    engine = FakeEngine()
    async with reading(engine, route="/live?lang=en") as reader:
        engine.publish(event(8, "MessageFetched", "Fetch [3] first"))
        await reader.sees("first")
        await reader.press("Pause")
        engine.publish(event(9, "MessageFetched", "Fetch [3] two", "Fetch [3] three"))
        await reader.sees("Paused: 2 new lines")
        assert "three" not in reader.words()
        await reader.press("Resume")
        await reader.sees("three")


async def test_a_filter_shows_only_its_lines_and_a_miss_offers_to_clear_it() -> None:
    engine = FakeEngine()
    engine.backlog = (event(6, "MessageFetched", "Fetch [3] From: <a@x.example>", "Fetch [3] Subject: Angebot"),)
    async with reading(engine, route="/live?lang=en") as reader:
        await reader.choose(ft.TextField, "ANGEBOT")
        await reader.misses("a@x.example")
        assert "Subject: Angebot" in reader.words()
        await reader.choose(ft.TextField, "zzz")
        await reader.sees("No line contains “zzz”.")
        await reader.press("Clear filter")
        await reader.sees("a@x.example")


# ---- unrouted


async def test_an_unrouted_message_is_delivered_to_whom_the_reader_picks() -> None:
    engine = FakeEngine()
    engine.park(1, 2)
    async with reading(engine, route="/unrouted?lang=en") as reader:
        await reader.sees("2 messages have nobody to go to.")
        assert "47.1 kB" in reader.words()
        assert "No header field names an address" in reader.words()
        await reader.press(CHOOSE.format(n=2))
        await reader.sees("Who gets this message?")
        assert "From Liste 2 <news2@lists.example>" in reader.dialog_words()
        await reader.choose(ft.RadioGroup, "chef@office.example")
        await reader.press("Deliver")
        await reader.sees("On its way to chef@office.example.")
        await reader.misses("Rundschreiben 2")
        await reader.sees("One message has nobody to go to.")
    assert engine.asked == [("deliver", "Pmg5C02", ("chef@office.example",))]


@pytest.mark.parametrize(
    ("reason", "lang", "words"),
    [
        (v1.Reason("no_own_address", "office", (), (), 0), "de", "Keine Kopfzeile nennt eine Adresse in einer Domain"),
        (
            v1.Reason("unknown_recipient", "", ("To",), ("a@office.example",), 0),
            "de",
            "Kein Empfänger hat die Adresse a@office.example, die in To steht.",
        ),
        (
            v1.Reason("unknown_recipient", "", ("To", "Cc"), ("a@office.example", "b@office.example"), 2),
            "de",
            "Kein Empfänger hat eine der Adressen a@office.example, b@office.example und 2 weitere, die in To und Cc stehen.",
        ),
        (
            v1.Reason("unknown_recipient", "", ("To", "Cc"), ("a@office.example",), 0),
            "en",
            "No recipient has the address a@office.example, which stands in To and Cc.",
        ),
        (v1.Reason("of_a_newer_engine", "", (), (), 0), "de", "The engine's words."),
        (None, "de", "The engine's words."),
    ],
)
async def test_why_a_message_has_nobody_is_told_in_the_readers_language(
    reason: v1.Reason | None, lang: str, words: str
) -> None:
    engine = FakeEngine()
    engine.park(1)
    engine.lying = [message(1, text="The engine's words.", reason=reason)]
    async with reading(engine, route=f"/unrouted?lang={lang}") as reader:
        await reader.sees(words)
        assert ("The engine's words." in reader.words()) == (words == "The engine's words.")


async def test_nothing_is_delivered_before_somebody_is_picked_and_cancel_is_the_focused_answer() -> None:
    engine = FakeEngine()
    engine.park(1)
    async with reading(engine, route="/unrouted?lang=en") as reader:
        await reader.sees("One message")
        await reader.press(CHOOSE.format(n=1))
        await reader.sees("Who gets this message?")
        assert "Deliver" not in reader.buttons()
        [focused] = [c for c in reader.dialogs() if getattr(c, "autofocus", False)]
        assert focused.content == "Cancel"
        await reader.press("Cancel")
        await reader.misses("Who gets this message?")
    assert engine.asked == []


async def test_many_recipients_can_be_filtered_and_the_only_one_is_picked_already() -> None:
    engine = FakeEngine()
    engine.park(1)
    engine.recipients_are = tuple(f"user{i}@office.example" for i in range(9))
    async with reading(engine, route="/unrouted?lang=en") as reader:
        await reader.sees("One message")
        await reader.press(CHOOSE.format(n=1))
        await reader.sees("user8@office.example")
        await reader.choose(ft.TextField, "user3")
        await reader.misses("user8@office.example")
        await reader.choose(ft.TextField, "nobody")
        await reader.sees("No address contains “nobody”.")
        await reader.press("Cancel")
        await reader.misses("Who gets")
        engine.recipients_are = ("anna@office.example",)
        await reader.press(CHOOSE.format(n=1))
        await reader.sees("anna@office.example")
        await reader.press("Deliver")
        await reader.sees("On its way to anna@office.example.")


async def test_an_office_without_recipients_is_told_so() -> None:
    engine = FakeEngine()
    engine.park(1)
    engine.recipients_are = ()
    async with reading(engine, route="/unrouted?lang=en") as reader:
        await reader.sees("One message")
        await reader.press(CHOOSE.format(n=1))
        await reader.sees("No recipient is configured.")


async def test_a_message_that_somebody_else_decided_is_told_and_gone_from_the_list() -> None:
    engine = FakeEngine()
    engine.park(1)
    async with reading(engine, route="/unrouted?lang=en") as reader:
        await reader.sees("One message")
        await reader.press(CHOOSE.format(n=1))
        await reader.sees("Who gets")
        await reader.choose(ft.RadioGroup, "chef@office.example")
        engine.lying.clear()
        await reader.press("Deliver")
        await reader.sees("That was not done: Pmg5C01 is not parked")
        await reader.sees("Every message has a recipient")


async def test_the_list_is_refreshed_by_events_and_turned_in_pages_of_fifty() -> None:
    engine = FakeEngine()
    async with reading(engine, route="/unrouted?lang=en") as reader:
        await reader.sees("Every message has a recipient")
        engine.park(*range(1, 61))
        engine.publish(event(8, "MessageParked"))
        await reader.sees("1 to 50 of 60")
        await reader.press("Older")
        await reader.sees("51 to 60 of 60")
        assert "Older" not in reader.buttons()
        await reader.press("Newer")
        await reader.sees("1 to 50 of 60")


# ---- the frame


async def test_the_frame_follows_the_width_of_the_window() -> None:
    engine = FakeEngine()
    engine.park(1)
    async with reading(engine) as reader:
        assert "Watch" in reader.words()
        await reader.resize(900)
        await reader.misses("Watch")
        assert "Live" in reader.buttons()
        await reader.resize(390)
        await eventually(lambda: reader.count(ft.NavigationBar) == 1, "a bottom bar")
        [bar] = [c for c in reader.controls() if isinstance(c, ft.NavigationBar)]
        reader.session.apply_patch(bar._i, {"selected_index": 1})
        await reader.fire(bar, "change", 1)
        await reader.sees("One message has nobody to go to.")


async def test_language_and_colours_are_switched_and_remembered_by_the_browser() -> None:
    engine = FakeEngine()
    memory: dict[str, str] = {}
    async with reading(engine, memory=memory) as reader:
        await reader.press("Français")
        await reader.sees("Le courrier circule")
        await reader.press("Deutsch")
        await reader.sees("Die Post läuft")
        await reader.press("Dunkle Farben")
        await reader.sees("Helle Farben")
        await eventually(lambda: reader.page.theme_mode is ft.ThemeMode.DARK, "dark colours")
        await eventually(lambda: len(memory) == 2, "both remembered")
    async with reading(engine, route="/", memory=memory) as reader:
        assert "Die Post läuft" in reader.words()
        assert reader.page.theme_mode is ft.ThemeMode.DARK


async def test_colours_begin_as_the_system_has_them() -> None:
    async with reading(FakeEngine(), dark=True) as reader:
        assert reader.page.theme_mode is ft.ThemeMode.DARK


async def test_keys_go_to_places_and_open_the_list_of_keys() -> None:
    async with reading(FakeEngine()) as reader:
        await reader.press_key("2", alt=True)
        await reader.sees("Inbound transfer")
        await reader.press_key("9", alt=True)
        await reader.press_key("?")
        await reader.sees("Keyboard shortcuts")
        await reader.press("Close")
        await reader.misses("This list")
        await reader.press("Keyboard shortcuts")
        await reader.sees("This list")


async def test_keys_are_letters_while_the_reader_types() -> None:
    async with reading(FakeEngine(), route="/live?lang=en") as reader:
        await others_run()
        await reader.press_key("/")
        await eventually(lambda: any(c.autofocus for c in reader.controls() if isinstance(c, ft.TextField)), "focus")
        [box] = [c for c in reader.controls() if isinstance(c, ft.TextField)]
        await reader.fire(box, "focus", None)
        await reader.press_key("?")
        assert reader.dialog_words() == ""
        await reader.fire(box, "blur", None)
        await reader.press_key("?")
        await reader.sees("This list")


async def test_an_address_that_is_no_screen_shows_the_overview() -> None:
    async with reading(FakeEngine(), route="/no/such/place?lang=en") as reader:
        assert "Mail is moving" in reader.words()


async def test_while_the_engine_is_silent_the_last_picture_stays_dimmed_and_says_since_when() -> None:
    engine = FakeEngine()
    async with reading(engine) as reader:
        engine.breaks(NotRunningError("nobody answers", code="not_running"))
        await reader.sees("No answer from MailGate since 09:44.")
        assert "MailGate does not answer" in reader.words()
        assert "1 account" in reader.words()
        assert any(getattr(control, "opacity", 1) == 0.55 for control in reader.controls())
        assert "Fetch now" not in reader.buttons()
        engine.mends()
        await reader.sees("Mail is moving")
        assert "No answer" not in reader.words()


async def test_an_engine_that_never_answered_gets_a_screen_all_the_same() -> None:
    engine = FakeEngine()
    engine.broken = NotRunningError("nobody answers", code="not_running")
    async with reading(engine) as reader:
        await reader.sees("No answer from MailGate. It tries again by itself.")
        engine.mends()
        await reader.sees("Mail is moving")


async def test_every_button_has_a_name_on_every_screen() -> None:
    engine = FakeEngine()
    engine.park(1)
    engine.says = status(counts=engine.says.counts, conditions=(condition("unrouted"), condition("disk_low")))
    for width in (390, 900, 1280):
        async with reading(engine, width=width) as reader:
            for route in ("/", "/live", "/unrouted"):
                await reader.go(route)
                await others_run()
                assert "" not in reader.buttons()


# ---- sessions


async def test_two_sessions_never_see_each_others_dialogs_or_filters() -> None:
    engine = FakeEngine()
    engine.park(1, 2)
    async with reading(engine, route="/unrouted?lang=en") as anna, reading(engine, route="/unrouted?lang=de") as bert:
        await anna.sees("Rundschreiben 2")
        await bert.sees("Rundschreiben 2")
        await anna.press(CHOOSE.format(n=2))
        await anna.sees("Who gets this message?")
        await bert.press("„Rundschreiben 1“ zustellen an…")
        await bert.sees("Wer bekommt diese Nachricht?")
        await bert.choose(ft.RadioGroup, "chef@office.example")
        await bert.press("Zustellen")
        await bert.sees("Unterwegs zu chef@office.example.")
        await anna.misses("Rundschreiben 1")
        assert "Rundschreiben 2" in anna.dialog_words()
        assert "Unterwegs" not in anna.words()
        assert "Who gets" not in bert.words()
        assert "Wer bekommt" not in bert.words()


async def test_a_session_that_closes_stops_following_and_lets_go_of_its_client() -> None:
    engine = FakeEngine()
    async with reading(engine):
        await eventually(lambda: engine.followed_after == [7], "following")
    assert engine.closed == 1
    snapshots = engine.snapshots
    engine.publish(event(8, "MessageFetched"))
    await others_run()
    assert engine.snapshots == snapshots


async def test_times_are_told_without_the_date_only_when_today() -> None:
    engine = FakeEngine()
    engine.says = status(next_session=NOW + timedelta(days=1))
    async with reading(engine) as reader:
        assert "25 Nov 09:44" in reader.words()
        assert "12 Nov 09:44" in reader.words()
