from datetime import timedelta

from mailgate.tray.conditions import concerning, remedy, title
from mailgate.tray.words import DE, EN
from tests.unit.tray.tray_samples import NOW, account, condition, status, waiting


def test_errors_come_first_then_the_oldest_and_remarks_not_at_all() -> None:
    held = (
        condition("disk_low", severity="warning", since=NOW - timedelta(days=1)),
        condition("clock_jumped", severity="info"),
        condition("b", since=NOW),
        condition("a", since=NOW - timedelta(hours=1)),
    )
    assert [c.code for c in concerning(status(conditions=held))] == ["a", "b", "disk_low"]


def test_english_keeps_the_engines_words_on_one_line() -> None:
    long = condition("port_taken", text="Port 8643\n cannot be used: in use.", remedy="End\nit.")
    assert title(long, status(), EN) == "Port 8643 cannot be used: in use"
    assert remedy(long, status(), EN) == "End it."


def test_german_has_words_of_its_own() -> None:
    down = condition("internal_ill", "", text="The internal mail server cannot be reached: refused")
    assert title(down, status(), DE) == "Der Mailserver nimmt keine Post an"
    assert remedy(down, status(), DE).startswith("Prüfen Sie")


def test_german_falls_back_to_the_engines_words_for_a_code_that_it_does_not_know() -> None:
    new = condition("brand_new", text="Something new.", remedy="Look.")
    assert (title(new, status(), DE), remedy(new, status(), DE)) == ("Something new", "Look.")


def test_a_failing_account_is_told_by_the_class_of_its_error() -> None:
    failing = condition("account_failing", "office")
    auth = status(accounts=(account("office", error_class="auth"),))
    assert title(failing, auth, DE) == "pop.provider.example lehnt die Anmeldung von office ab"
    assert "Kennwort" in remedy(failing, auth, DE)
    other = status(accounts=(account("office", error_class="dns"),))
    assert title(failing, other, DE) == "office lässt sich nicht abholen"
    assert title(failing, status(accounts=()), DE) == "office lässt sich nicht abholen"


def test_messages_without_a_recipient_are_counted() -> None:
    one, three = status(**waiting(unrouted=1, parked=1)), status(**waiting(unrouted=3, parked=3))
    assert title(one.conditions[0], one, DE) == "1 Nachricht ohne Empfänger"
    assert title(three.conditions[0], three, EN) == "3 unrouted messages"


def test_parked_messages_are_counted_without_the_unrouted() -> None:
    office = status(**waiting(unrouted=2, parked=3))
    assert [title(c, office, EN) for c in office.conditions] == ["2 unrouted messages", "1 parked message"]


def test_a_condition_that_is_older_than_its_count_is_told_all_the_same() -> None:
    kept = condition("unrouted", "", severity="warning")
    assert title(kept, status(), DE) == "Nachrichten ohne Empfänger"
