"""The verbs that change settings and teach, against an office with a real file."""

import asyncio
import io
import json
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from mailgate.model.entry import EntryState
from tests.fakes.secrets import FakeSecrets
from tests.unit.api.office import open_office, served
from tests.unit.cli.conftest import Said, Terminal

FILE = """\
[internal]
host = "192.168.1.10"

[[accounts]]
name = "office"  # the catch-all
host = "pop.example.net"
user = "office@example.org"
password = "vault:office"

[[recipients]]
address = "anna@example.org"
"""
FOR_SHOP = (
    b"Return-Path: <lena@example.com>\r\nFrom: Lena <lena@example.com>\r\nTo: shop@example.org\r\n"
    b"Subject: Boards\r\nMessage-ID: <1@example.com>\r\n\r\nThey are here.\r\n"
)


@pytest.fixture
async def desk(tmp_path: Path, command: Callable[..., Said]) -> AsyncIterator[Terminal]:
    file = tmp_path / "mailgate.toml"
    file.write_text(FILE, encoding="utf-8", newline="\n")

    async def run(*words: str) -> Said:
        return await asyncio.to_thread(command, *words)

    async with open_office(tmp_path, config_file=file) as office, served(office):
        yield Terminal(office, tmp_path, run)


def text_of(desk: Terminal) -> str:
    return (desk.office.engine.ports.data_dir / "mailgate.toml").read_text("utf-8")


async def test_settings_are_tried_before_they_are_kept_and_the_password_goes_nowhere(
    desk: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("geheim\n"))
    before = text_of(desk)
    said = await desk("account", "try", "host=pop.example.com", "user=shop", "protocol=imap", "folders=INBOX,Shop")
    assert (said.code, said.out.splitlines()[0][:12]) == (1, "FAIL  connec"), said
    assert text_of(desk) == before
    secrets = desk.office.engine.ports.secrets
    assert isinstance(secrets, FakeSecrets)
    assert "geheim" not in secrets.secrets.values()
    said = await desk("account", "try", "host=pop.example.com")
    assert (said.code, "'user' is missing" in said.err) == (64, True)
    said = await desk("account", "try", "host=pop.example.com", "user=shop", "interval=5m")
    assert (said.code, "'interval' is nothing that a connection is tried with" in said.err) == (64, True)
    for pair, words in (
        ("security=ssl", "security is one of tls, starttls, none, not 'ssl'"),
        ("port=pop3", "port is a whole number, not 'pop3'"),
        ("protocol=smtp", "protocol is one of pop3, imap, not 'smtp'"),
    ):
        said = await desk("account", "try", "host=pop.example.com", "user=shop", pair)
        assert (said.code, words in said.err) == (64, True), said


async def test_an_account_is_added_with_its_password_changed_switched_and_removed(
    desk: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("geheim\n"))
    words = ("account", "add", "shop", "host=pop.example.com", "user=shop@example.org", "own_domains=example.org")
    said = await desk(*words, "--first-fetch", "new", "--password")
    assert (said.code, said.out.splitlines()[0]) == (0, "account shop added"), said
    secrets = desk.office.engine.ports.secrets
    assert isinstance(secrets, FakeSecrets)
    assert secrets.secrets["keyring:shop"] == "geheim"
    said = await desk("account", "change", "shop", "interval=10m", "port=1100", "apop=no")
    assert said.out.splitlines()[:3] == [
        "account shop: port 995 -> 1100",
        "account shop: apop true -> false",
        "account shop: interval (default) -> 10m",
    ]
    assert 'interval = "10m"\nport = 1100\napop = false\n' in text_of(desk)
    assert "account shop: port 1100 -> 995" in (await desk("account", "change", "shop", "port=")).out
    assert "enabled true -> false" in (await desk("account", "disable", "shop")).out
    assert "enabled false -> true" in (await desk("account", "enable", "shop")).out
    assert "shop" in (await desk("account", "list")).out
    shown = (await desk("account", "show", "shop")).out
    assert 'own_domains = ["example.org"]' in shown
    *_, state, floor = shown.splitlines()
    assert state.startswith("# shop (")
    assert floor.startswith("# sessions at least 60 s apart: ")
    said = await desk("account", "remove", "shop")
    assert said.out.splitlines() == [
        "account shop removed",
        "warning: The password is still stored; `mailgate secrets delete keyring:shop` removes it.",
    ]
    assert text_of(desk) == FILE


async def test_a_new_account_without_a_word_on_its_first_session_is_refused(desk: Terminal) -> None:
    said = await desk("account", "add", "shop", "host=h", "user=u")
    assert (said.code, "--first-fetch" in said.err) == (1, True)


async def test_recipients_are_added_changed_and_removed(desk: Terminal) -> None:
    said = await desk("recipient", "add", "ben@example.org", "aliases=b@example.org, bb@example.org")
    assert said.code == 0, said
    assert 'aliases = ["b@example.org", "bb@example.org"]' in text_of(desk)
    assert (await desk("recipient", "change", "ben@example.org", "route_all=always")).code == 0
    assert 'route_all = "always"' in (await desk("recipient", "show", "ben@example.org")).out
    assert (await desk("recipient", "list", "ben")).out.startswith("ben@example.org")
    assert (await desk("recipient", "remove", "ben@example.org")).code == 0
    assert text_of(desk) == FILE


async def test_sections_are_shown_and_changed(desk: Terminal) -> None:
    said = await desk("settings", "change", "internal", "host=10.0.0.1")
    assert said.out.startswith("internal server: host 192.168.1.10 -> 10.0.0.1")
    assert 'host = "10.0.0.1"' in (await desk("settings", "show", "internal")).out
    assert (await desk("settings", "list", "lists")).out.strip() == "there is none"


async def test_faults_are_told_by_setting(desk: Terminal) -> None:
    said = await desk("account", "change", "office", "port=0", "hots=x")
    assert said.code == 1
    assert said.err.startswith(
        "Nothing was changed:\n  accounts[0].port: `port` must be a whole number from 1 to 65535"
    )
    assert "Did you mean `host`?" in said.err
    said = await desk("account", "change", "office", "port")
    assert (said.code, "write name=value" in said.err) == (1, True)


async def test_the_way_to_share_a_mailbox_is_set_up(desk: Terminal) -> None:
    said = await desk("account", "setup", "office", "several-addresses", "--envelope-header", "X-Envelope-To")
    assert said.code == 0, said
    assert 'own_domains = ["example.org"]\nenvelope_header = "X-Envelope-To"\n' in text_of(desk)
    assert (await desk("account", "setup", "office", "own-mailbox")).code == 0
    assert text_of(desk) == FILE + "route_all = true\n"


async def test_a_report_is_told(desk: Terminal) -> None:
    said = await desk("account", "report", "office")
    assert (said.code, said.out.splitlines()[0]) == (0, "There is no message whose header could be looked at.")
    assert (await desk("account", "report", "office", "--apply")).code == 1


async def test_a_message_teaches_after_a_preview(desk: Terminal) -> None:
    entry = await desk.office.take(FOR_SHOP)
    said = await desk("teach", entry.name)
    assert "--alias shop@example.org  (To)" in said.out
    lesson = ("teach", entry.name, "--alias", "shop@example.org", "--to", "anna@example.org")
    said = await desk(*lesson, "--preview")
    assert said.out.splitlines()[0] == f"{entry.name} would go to anna@example.org [X]"
    assert text_of(desk) == FILE
    assert (await desk("routing", "try", "--message", entry.name)).code == 1
    said = await desk(*lesson)
    assert said.code == 0, said
    assert f"{entry.name} was sent on" in said.out
    assert 'aliases = ["shop@example.org"]' in text_of(desk)
    assert (await desk.office.engine.message(entry.name)).state is not EntryState.PARKED


async def test_lessons_that_are_no_lesson_are_refused(desk: Terminal) -> None:
    assert (await desk("teach", "Pmg0001", "--alias", "a@example.org")).code == 1
    assert (await desk("routing", "try")).code == 1


async def test_routing_try_with_another_setting_of_the_account(desk: Terminal, tmp_path: Path) -> None:
    file = tmp_path / "message.eml"
    file.write_bytes(b"To: nobody@example.org\r\n\r\n")
    words = ("routing", "try", "--file", str(file), "--account", "office")
    assert (await desk(*words, "--set", "fallback=recipient")).code == 1
    said = await desk(*words, "--set", "fallback=recipient", "--set", "fallback_recipient=anna@example.org")
    assert (said.code, "anna@example.org" in said.out) == (0, True)
    said = await desk(*words, "--set", "fallback")
    assert (said.code, said.err) == (1, "'fallback' is no setting: write name=value\n")


async def test_everything_is_told_as_json_too(desk: Terminal) -> None:
    said = json.loads((await desk("account", "show", "office", "--json")).out)
    assert (said["section"], said["values"]["password"]) == ("accounts", "vault:office")
