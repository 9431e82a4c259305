"""The app in a real browser, over the real engine: what a reader sees and does."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest

from mailgate.app.words import typeset
from tests.browser.driver import Window, browser, window
from tests.browser.office import RunningOffice, running_office
from tests.servers.base import wait_for

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser


@pytest.fixture
def chromium() -> Iterator["Browser"]:
    with browser() as started:
        yield started


@pytest.fixture
def office(tmp_path: Path, chromium: "Browser") -> Iterator[RunningOffice]:
    with running_office(tmp_path) as opened:
        yield opened


def log_in(reader: Window, office: RunningOffice) -> None:
    """Come in by a one-time code."""
    reader.log_in(office.login_url())


def test_a_reader_logs_in_presses_fetch_and_sees_messages_arrive(chromium: "Browser", office: RunningOffice) -> None:
    with window(chromium) as reader:
        log_in(reader, office)
        reader.see("Service running since", exact=False)
        reader.picture("app-before-fetch")
        reader.press("Fetch now")
        reader.see("Mail is moving, one thing needs you")
        reader.visit("Live")
        reader.see("Delivered (250", exact=False)
        reader.picture("app-live-desktop-light-en")
        assert reader.troubles == []
    assert len(office.office.server.received) == len(office.office.samples) - 1


def test_an_unrouted_message_goes_where_the_reader_sends_it(chromium: "Browser", office: RunningOffice) -> None:
    with window(chromium, language="de") as reader:
        log_in(reader, office)
        reader.press("Jetzt abholen")
        reader.see("eine Sache braucht Sie", exact=False)
        reader.visit("Ohne Empfänger")
        reader.see("Ihre Bestellung vom Frühjahr")
        why = "Kein Empfänger hat die Adresse einkauf.alt@office.example, die in X-Envelope-To steht."
        assert why in reader.tree()
        reader.picture("app-unrouted-desktop-light-de")
        reader.press("„Ihre Bestellung vom Frühjahr“ zustellen an…")
        reader.pick("sara.beck@office.example")
        reader.picture("app-unrouted-dialog-de")
        reader.press("Zustellen")
        reader.see("Jede Nachricht hat einen Empfänger")
        assert reader.troubles == []

    def came() -> bool:  # the app shows that it is on its way
        hers = [one.octets for one in office.office.server.received if "sara.beck@office.example" in one.recipients]
        return any(b"Ihre Bestellung" in octets or b"Bestellung_vom" in octets for octets in hers)

    wait_for(came, what="the message at the mail server")


def test_two_browsers_never_see_each_others_dialogs(chromium: "Browser", office: RunningOffice) -> None:
    with window(chromium) as anna, window(chromium, size="phone", language="de") as jonas:
        for reader in (anna, jonas):
            log_in(reader, office)
        anna.press("Fetch now")
        jonas.see("eine Sache braucht Sie", exact=False)  # what the engine does is seen by both
        anna.see("one thing needs you", exact=False)
        anna.visit("Unrouted")
        jonas.visit("Ohne Empfänger")
        jonas.see("Ihre Bestellung vom Frühjahr")
        anna.press("Deliver “Ihre Bestellung vom Frühjahr” to…")
        anna.page.get_by_role("radio", name="sara.beck@office.example").wait_for()
        assert "sara.beck@office.example" not in jonas.tree()
        jonas.page.reload()
        jonas.awaken()
        jonas.see("Ihre Bestellung vom Frühjahr")
        assert "sara.beck@office.example" not in jonas.tree()
        assert "sara.beck@office.example" in anna.tree()  # and Jonas's coming and going closed nothing of hers
        anna.press("Cancel")
        assert (anna.troubles, jonas.troubles) == ([], [])


def test_every_screen_has_its_picture_in_both_sizes_and_colours(chromium: "Browser", office: RunningOffice) -> None:
    with window(chromium) as reader:
        log_in(reader, office)
        reader.press("Fetch now")
        reader.see("one thing needs you", exact=False)
    for size in ("desktop", "phone"):
        for colours in ("light", "dark"):
            for language, places in (
                (
                    "de",
                    (
                        "Übersicht",
                        "Warteschlange",
                        "Ohne Empfänger",
                        "Geparkt",
                        "Konten",
                        "Live",
                        "Empfänger",
                        "Routing testen",
                    ),
                ),
                ("en", ("Overview", "Queue", "Unrouted", "Parked", "Accounts", "Live", "Recipients", "Try routing")),
            ):
                with window(chromium, size=size, colours=colours, language=language) as reader:  # type: ignore[arg-type]
                    log_in(reader, office)
                    for place in places:
                        reader.visit(place, more={"de": "Mehr", "en": "More"}[language])
                        if place not in {"Übersicht", "Overview"}:  # its heading is a sentence
                            reader.page.get_by_role("heading", name=place, exact=True).wait_for()
                        name = place.lower().replace(" ", "-").replace("ü", "ue").replace("ä", "ae")
                        path = reader.picture(f"app-{name}-{size}-{colours}-{language}")
                        assert path.stat().st_size > 10_000  # an empty screen packs smaller
                        tree = reader.tree().splitlines()
                        assert [line for line in tree if line.strip() in {"- button", "- tab"}] == [], place
                    assert reader.troubles == []


def test_a_french_reader_finds_her_words_in_both_sizes(chromium: "Browser", office: RunningOffice) -> None:
    sizes: tuple[Literal["desktop", "phone"], ...] = ("desktop", "phone")
    for size in sizes:
        with window(chromium, size=size, language="fr") as reader:
            log_in(reader, office)
            if size == "desktop":
                reader.press("Relever maintenant")
            reader.see("une chose demande votre attention", exact=False)
            reader.picture(f"app-overview-{size}-light-fr")
            for place in (
                typeset("File d'attente"),
                "Sans destinataire",
                "Mis de côté",
                "Destinataires",
                "Tester le routage",
            ):
                reader.visit("Sans dest." if (place, size) == ("Sans destinataire", "phone") else place, more="Plus")
                reader.page.get_by_role("heading", name=place, exact=True).wait_for()
                reader.picture(f"app-{re.sub('[^a-z]', '-', place.lower())}-{size}-light-fr")
            reader.visit("Comptes", more="Plus")
            reader.page.get_by_role("button", name="catchall").click()
            reader.press("Tester la connexion")
            reader.see("La connexion fonctionne.")
            reader.page.get_by_label("messages dans la boîte aux lettres").wait_for()
            reader.picture(f"app-account-{size}-light-fr")
            assert [line for line in reader.tree().splitlines() if line.strip() in {"- button", "- tab"}] == []
            assert reader.troubles == []


def test_a_parked_message_is_looked_at_and_taught_by(chromium: "Browser", office: RunningOffice) -> None:
    with window(chromium, language="de") as reader:
        log_in(reader, office)
        reader.press("Jetzt abholen")
        reader.see("eine Sache braucht Sie", exact=False)
        reader.visit("Geparkt")
        reader.page.get_by_role("button", name="Ihre Bestellung vom Frühjahr").click()
        reader.page.get_by_role("heading", name="Was darin steht").wait_for()
        assert "der Knochenleim ist wieder lieferbar" in reader.tree()
        reader.picture("app-parked-detail-desktop-light-de")
        with reader.page.expect_download() as saved:
            reader.press("Exportieren")
        assert saved.value.path().read_bytes().startswith(b"Return-Path: <kontor@leimkontor.example>")
        reader.visit("Ohne Empfänger")
        reader.press("An „Ihre Bestellung vom Frühjahr“ lehren…")
        reader.page.get_by_role("button", name="die Adresse einkauf.alt@office.example").click()
        reader.pick("sara.beck@office.example")
        reader.see("Diese Nachricht geht an sara.beck@office.example.")
        reader.picture("app-teach-desktop-light-de")
        reader.press("Lehren und zustellen")
        reader.see("Jede Nachricht hat einen Empfänger")
        assert reader.troubles == []


def test_an_account_is_tried_and_one_is_found_by_its_address(chromium: "Browser", office: RunningOffice) -> None:
    with window(chromium, language="de") as reader:
        log_in(reader, office)
        reader.visit("Konten")
        reader.page.get_by_role("button", name="catchall").click()
        reader.press("Verbindung testen")
        reader.see("Die Verbindung steht.")
        reader.picture("app-account-desktop-light-de")
        reader.press("Konto anlegen")
        reader.see("Beginnen Sie mit der Adresse")
        reader.fill("E-Mail-Adresse", "info@gmx.de")
        reader.press("Server suchen")
        reader.see("POP3 pop.gmx.net:995, TLS")
        reader.picture("app-account-form-desktop-light-de")
        assert [line for line in reader.tree().splitlines() if line.strip() == "- button"] == []
        assert reader.troubles == []


def test_without_a_code_nobody_gets_in(chromium: "Browser", office: RunningOffice) -> None:
    with window(chromium) as stranger:
        stranger.page.goto(office.login_url().partition("/login")[0] + "/ui/")
        assert stranger.page.url.endswith("/login")
        stranger.page.get_by_label("Code or password").fill("AAAA-AAAA")
        stranger.page.get_by_role("button", name="Open MailGate").click()
        stranger.page.get_by_role("alert").wait_for()
        stranger.picture("app-login-refused")
        assert stranger.page.url.endswith("/login")
