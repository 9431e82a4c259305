from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.tray.model import (
    TOOLTIP_UNITS,
    Fetch,
    IconState,
    MenuItem,
    OpenApp,
    Pause,
    Picture,
    Quit,
    Resume,
    TrayModel,
    clip,
    minutes_until_tomorrow,
)
from mailgate.tray.words import DE, EN, Words
from tests.unit.tray.tray_samples import BERLIN, NOW, account, condition, status, waiting


def shown(words: Words = DE, **differs: object) -> Picture:
    return TrayModel(words, BERLIN).seen(status(**differs)).picture(NOW)


def test_an_idle_engine_tells_when_it_fetches_next() -> None:
    picture = shown()
    assert picture.state is IconState.IDLE
    assert picture.tooltip == "MailGate: alles läuft, nächste Abholung 09:46"


def test_without_a_plan_an_idle_engine_just_runs() -> None:
    assert shown(EN, next_session=None).tooltip == "MailGate: everything is running"


def test_a_time_on_another_day_has_its_date() -> None:
    tomorrow = NOW + timedelta(hours=20)
    assert shown(next_session=tomorrow).tooltip == "MailGate: alles läuft, nächste Abholung 25.11. 05:31"
    assert shown(EN, next_session=tomorrow).tooltip.endswith("next session 25/11 05:31")


def test_a_working_engine_counts_what_it_took() -> None:
    picture = shown(busy=True, taken=2, new=14)
    assert picture.state is IconState.WORKING
    assert picture.tooltip == "MailGate: holt ab (2 von 14)"
    assert shown(busy=True).tooltip == "MailGate: holt ab"


def test_a_working_engine_has_two_frames_and_an_idle_one_has_one() -> None:
    working = TrayModel(DE).seen(status(busy=True))
    assert [m.picture(NOW).frame for m in (working, working.next_frame(), working.next_frame().next_frame())] == [
        0,
        1,
        0,
    ]
    idle = TrayModel(DE).seen(status()).next_frame()
    assert idle.picture(NOW).frame == 0


@pytest.mark.parametrize(
    ("unrouted", "parked", "expected"),
    [
        (1, 1, "1 Nachricht ohne Empfänger"),
        (3, 3, "3 Nachrichten ohne Empfänger"),
        (0, 1, "1 geparkte Nachricht"),
        (1, 4, "1 Nachricht ohne Empfänger (und 1 weitere)"),
    ],
)
def test_messages_that_wait_for_a_person_ask_for_attention(unrouted: int, parked: int, expected: str) -> None:
    picture = shown(**waiting(unrouted=unrouted, parked=parked))
    assert picture.state is IconState.ATTENTION
    assert picture.tooltip == f"MailGate: {expected}"


def test_a_warning_asks_for_attention_and_a_remark_does_not() -> None:
    warning = condition("disk", severity="warning", text="The disk is\nnearly full")
    assert shown(conditions=(warning,)).state is IconState.ATTENTION
    assert shown(conditions=(warning,)).tooltip == "MailGate: The disk is nearly full"
    assert shown(conditions=(condition(severity="info"),)).state is IconState.IDLE


def test_the_worst_condition_is_told_first_and_the_oldest_of_equals() -> None:
    held = (
        condition("disk", severity="warning", text="disk", since=NOW - timedelta(days=1)),
        condition("young", text="young", since=NOW),
        condition("old", text="old", since=NOW - timedelta(hours=1)),
    )
    picture = shown(EN, conditions=held)
    assert picture.state is IconState.ERROR
    assert picture.tooltip == "MailGate: old (and 2 more)"


def test_a_pause_tells_its_end() -> None:
    picture = shown(paused=True, paused_until=NOW + timedelta(hours=2, minutes=29))
    assert picture.state is IconState.PAUSED
    assert picture.tooltip == "MailGate: angehalten bis 12:00"
    assert shown(paused=True).tooltip == "MailGate: angehalten"


def test_an_account_that_rests_is_told_while_the_others_go_on() -> None:
    until = NOW + timedelta(hours=1)
    slow = msgspec.structs.replace(account("slow"), throttled_until=until)
    held = msgspec.structs.replace(account("held"), paused=True, paused_until=until)
    mute = msgspec.structs.replace(account("mute"), given_up=True)
    picture = shown(accounts=(account(), slow))
    assert picture.state is IconState.IDLE
    assert picture.tooltip == "MailGate: slow ist vom Provider gedrosselt bis 10:31"
    assert shown(accounts=(account(), held)).tooltip == "MailGate: held ist angehalten bis 10:31"
    assert shown(EN, accounts=(mute, held)).tooltip == "MailGate: mute waits for another password (and 1 more)"
    over = msgspec.structs.replace(slow, throttled_until=NOW - timedelta(minutes=1))
    assert shown(accounts=(over,)).tooltip.startswith("MailGate: alles läuft")


def test_accounts_that_are_all_paused_for_themselves_are_a_pause() -> None:
    held = msgspec.structs.replace(account("held"), paused=True)
    picture = shown(accounts=(held, account("off", enabled=False)))
    assert picture.state is IconState.PAUSED
    assert picture.tooltip == "MailGate: angehalten"
    assert shown(accounts=(account("off", enabled=False),)).state is IconState.IDLE


def test_the_menu_says_beside_an_account_why_it_rests() -> None:
    held = msgspec.structs.replace(account("held"), paused=True)
    each = next(item for item in shown(accounts=(account(), held)).menu if item.text == "Konto abholen").items
    assert [item.text for item in each] == ["office", "held ist angehalten"]
    assert [item.action for item in each] == [Fetch("office"), Fetch("held")]


def test_what_is_worse_wins() -> None:
    unrouted = waiting(unrouted=1, parked=1)
    error = {"conditions": (*unrouted["conditions"], condition())}
    assert [
        shown(**(unrouted | error), paused=True, busy=True).state,
        shown(**unrouted, paused=True, busy=True).state,
        shown(**unrouted, busy=True).state,
        shown(**unrouted).state,
        shown().state,
    ] == [IconState.ERROR, IconState.PAUSED, IconState.WORKING, IconState.ATTENTION, IconState.IDLE]


def test_a_lost_connection_is_told_with_the_time_of_its_first_failure() -> None:
    model = TrayModel(DE, BERLIN).seen(status(busy=True)).lost(NOW)
    later = NOW + timedelta(minutes=5)
    picture = model.lost(later).picture(later)
    assert picture.state is IconState.DISCONNECTED
    assert picture.tooltip == "MailGate: keine Verbindung seit 09:31"
    again = model.seen(status()).lost(later)
    assert again.picture(later).tooltip == "MailGate: keine Verbindung seit 09:36"


def test_before_the_first_attempt_there_is_no_connection() -> None:
    picture = TrayModel(EN).picture(NOW)
    assert (picture.state, picture.tooltip) == (IconState.DISCONNECTED, "MailGate: no connection")


def test_a_user_who_may_not_read_the_token_is_told_so() -> None:
    picture = TrayModel(EN).lost(NOW, no_access=True).picture(NOW)
    assert picture.tooltip == "MailGate: this user may not talk to the service"


def test_a_stopping_engine_takes_no_wishes() -> None:
    picture = shown(state="stopping")
    assert (picture.state, picture.tooltip) == (IconState.DISCONNECTED, "MailGate: der Dienst wird beendet")
    assert [i.text for i in picture.menu if i.enabled] == [DE.quit]


def test_the_menu_of_a_running_engine() -> None:
    assert shown().menu == (
        MenuItem("Alles läuft, nächste Abholung 09:46", enabled=False),
        MenuItem("Jetzt abholen", Fetch(), default=True),
        MenuItem("Konto abholen", items=(MenuItem("office", Fetch("office")), MenuItem("shop", Fetch("shop")))),
        MenuItem(
            "Anhalten",
            items=(
                MenuItem("Eine Stunde", Pause(minutes=60)),
                MenuItem("Bis morgen", Pause(until_tomorrow=True)),
                MenuItem("Bis ich fortsetze", Pause()),
            ),
        ),
        MenuItem("MailGate öffnen", OpenApp()),
        MenuItem("Symbol beenden (MailGate läuft weiter)", Quit()),
    )


def test_a_paused_engine_offers_to_resume_in_place_of_a_pause() -> None:
    texts = [item.text for item in shown(EN, paused=True).menu]
    assert EN.resume in texts
    assert EN.pause not in texts
    assert MenuItem(EN.resume, Resume()) in shown(EN, paused=True).menu


def test_an_account_that_is_off_cannot_be_fetched() -> None:
    menu = shown(accounts=(account("old", enabled=False),)).menu
    [fetch] = [item for item in menu if item.text == DE.fetch_account]
    assert fetch.items == (MenuItem("old", Fetch("old"), enabled=False),)


def test_without_accounts_there_is_no_account_to_fetch() -> None:
    assert DE.fetch_account not in [item.text for item in shown(accounts=()).menu]


def test_without_a_connection_the_icon_can_only_be_ended() -> None:
    menu = TrayModel(DE).seen(status()).lost(NOW).picture(NOW).menu
    assert [item.text for item in menu if item.enabled] == [DE.quit]


conditions = st.lists(
    st.builds(
        condition,
        st.text(max_size=5),
        st.text(max_size=5),
        severity=st.sampled_from(["info", "warning", "error"]),
        text=st.text(max_size=400),
    ),
    max_size=4,
).map(tuple)


def entries(menu: tuple[MenuItem, ...]) -> Iterator[MenuItem]:
    for item in menu:
        yield item
        yield from entries(item.items)


@given(
    held=conditions,
    paused=st.booleans(),
    busy=st.booleans(),
    words=st.sampled_from([EN, DE]),
)
def test_any_snapshot_gives_a_tooltip_that_fits_and_one_default_entry(
    held: tuple[object, ...], paused: bool, busy: bool, words: Words
) -> None:
    picture = shown(words, conditions=held, paused=paused, busy=busy)
    assert picture.tooltip.startswith("MailGate: ")
    assert len(picture.tooltip.encode("utf-16-le", "surrogatepass")) <= 2 * TOOLTIP_UNITS
    assert [item.action for item in entries(picture.menu) if item.default] == [Fetch()]
    assert not any(item.enabled and item.action is None and not item.items for item in entries(picture.menu))


@given(text=st.text(), units=st.integers(1, 20))
def test_a_text_that_fits_stays_and_any_other_ends_in_an_ellipsis(text: str, units: int) -> None:
    got = clip(text, units)
    fits = len(text.encode("utf-16-le")) <= 2 * units
    assert got == text if fits else got.endswith("…")
    assert len(got.encode("utf-16-le")) <= 2 * units


@pytest.mark.parametrize(
    ("now", "minutes"),
    [
        (datetime(2026, 11, 24, 22, 59, 30, tzinfo=UTC), 1),
        (datetime(2026, 11, 24, 23, 0, tzinfo=UTC), 24 * 60),
        (datetime(2026, 11, 24, 8, 31, tzinfo=UTC), 14 * 60 + 29),
    ],
)
def test_tomorrow_begins_at_the_readers_midnight(now: datetime, minutes: int) -> None:
    assert minutes_until_tomorrow(now, BERLIN) == minutes


def test_a_day_on_which_the_clocks_change_has_its_own_length() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    assert minutes_until_tomorrow(datetime(2026, 10, 24, 22, 0, tzinfo=UTC), berlin) == 25 * 60
    assert minutes_until_tomorrow(datetime(2026, 3, 28, 23, 0, tzinfo=UTC), berlin) == 23 * 60


def test_the_machines_own_zone_will_do() -> None:
    assert 1 <= minutes_until_tomorrow(NOW) <= 25 * 60
