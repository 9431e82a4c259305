"""What the verbs print that talk to an engine, and the exit codes they end with."""

import asyncio
import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from syrupy.assertion import SnapshotAssertion

from mailgate.config.faults import Fault
from mailgate.contract import v1
from mailgate.model.events import Severity
from mailgate.model.settings import Mailbox
from mailgate.model.status import Reply
from tests.fakes.eventually import eventually
from tests.unit.api.office import CONFIG, FOR_NOBODY, HOUR, LETTER
from tests.unit.cli.conftest import Terminal

FAULT = Fault(
    code="S01",
    file="mailgate.toml",
    line=12,
    path="accounts[0].password",
    text="A password stands in the file.",
    remedy="Run `mailgate secrets set keyring:office`, then write keyring:office here.",
)


async def two_messages(terminal: Terminal) -> None:
    """Let one message be delivered and one have nobody to go to."""
    await terminal.office.take(LETTER)
    await terminal.office.take(FOR_NOBODY, uid="2")


async def test_status_of_a_fresh_engine(terminal: Terminal, snapshot: SnapshotAssertion) -> None:
    said = await terminal("status")
    assert (said.code, said.err) == (0, "")
    assert said.out == snapshot


async def test_status_with_mail_trouble_and_a_pause(terminal: Terminal, snapshot: SnapshotAssertion) -> None:
    await two_messages(terminal)
    await terminal("fetch", "office", "--wait")
    terminal.office.engine.health.raise_(
        "internal_ill",
        severity=Severity.ERROR,
        text="The internal mail server cannot be reached: 192.0.2.25:25 refuses the connection.",
        remedy="Mail waits safely and goes on by itself. Check that the server runs.",
    )
    await terminal("pause", "--minutes", "30")
    said = await terminal("status")
    assert said.code == 0
    assert said.out == snapshot


async def test_log(terminal: Terminal, snapshot: SnapshotAssertion) -> None:
    await two_messages(terminal)
    assert (await terminal("log")).out == snapshot
    assert (await terminal("log", "--limit", "1")).out == snapshot
    assert (await terminal("log", "--state", "done")).out.count("\n") == 1
    assert (await terminal("log", "--text", "no such words")).out == "no messages\n"


async def test_explain(terminal: Terminal, snapshot: SnapshotAssertion) -> None:
    await two_messages(terminal)
    assert (await terminal("explain", "Pmg0001")).out == snapshot
    assert (await terminal("explain", "Pmg0002")).out == snapshot


async def test_explain_of_what_is_not_there(terminal: Terminal) -> None:
    said = await terminal("explain", "Pmg9999")
    assert (said.code, said.out) == (1, "")
    assert said.err == "there is no message Pmg9999: `mailgate log` lists what there is\n"


async def test_unrouted(terminal: Terminal, snapshot: SnapshotAssertion) -> None:
    assert (await terminal("unrouted")).out == "every message has somebody to go to\n"
    await two_messages(terminal)
    said = await terminal("unrouted")
    assert said.code == 0
    assert said.out == snapshot


async def test_a_person_sends_an_unrouted_message_on(terminal: Terminal) -> None:
    await two_messages(terminal)
    said = await terminal("unrouted", "deliver", "Pmg0002", "anna@example.org", "jonas@example.org")
    assert said.code == 0
    assert "anna@example.org, jonas@example.org [PP]" in said.out
    await terminal.office.engine.queue.wait_quiet([2], timeout=HOUR)
    assert terminal.office.mailboxes.taken == ["anna@example.org", "anna@example.org", "jonas@example.org"]
    assert "by the command line" in (await terminal("explain", "Pmg0002")).out


async def test_a_message_that_is_parked_for_another_reason_is_named_and_sent_on_as_well(terminal: Terminal) -> None:
    terminal.office.mailboxes.answer = Reply(550, "5.2.1 mailbox disabled")
    await terminal.office.take(LETTER)
    assert (await terminal("unrouted")).out == (
        "every message has somebody to go to\n1 more is parked for another reason: `mailgate parked` tells which.\n"
    )
    terminal.office.mailboxes.answer = Reply(250, "2.0.0 taken")
    said = await terminal("unrouted", "deliver", "Pmg0001", "jonas@example.org")
    assert said.code == 0
    await terminal.office.engine.queue.wait_quiet([1], timeout=HOUR)
    assert terminal.office.mailboxes.taken == ["jonas@example.org"]
    assert (await terminal("unrouted")).out == "every message has somebody to go to\n"
    again = await terminal("unrouted", "deliver", "Pmg0001", "jonas@example.org")
    assert (again.code, again.err) == (1, "Pmg0001 is not parked (it is done): nothing was changed\n")


@pytest.mark.parametrize("addresses", [(), ("nobody@example.org",), ("no address",)])
async def test_a_message_is_sent_only_to_recipients_of_the_office(
    terminal: Terminal, addresses: tuple[str, ...]
) -> None:
    await two_messages(terminal)
    said = await terminal("unrouted", "deliver", "Pmg0002", *addresses)
    assert (said.code, said.out) == (1, "")
    assert said.err


async def test_account_test(terminal: Terminal, snapshot: SnapshotAssertion) -> None:
    said = await terminal("account", "test", "office")
    assert said.code == 1
    assert said.out == snapshot


async def test_routing_try_of_a_file_and_of_standard_input(
    terminal: Terminal, snapshot: SnapshotAssertion, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "message.eml"
    file.write_bytes(LETTER)
    said = await terminal("routing", "try", str(file))
    assert said.code == 0
    assert said.out == snapshot
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(LETTER)))
    assert await terminal("routing", "try", "-", "--account", "office") == said


@pytest.mark.parametrize("words", [(), ("--uid", "7", "--number", "1"), ("letter.eml", "--message", "Pmg0001")])
async def test_routing_try_wants_one_message(terminal: Terminal, words: tuple[str, ...]) -> None:
    said = await terminal("routing", "try", *words)
    assert (said.code, said.err) == (1, "name a file, or a message by one of --message, --uid and --number\n")


async def test_routing_try_of_a_message_for_nobody_fails(
    terminal: Terminal, snapshot: SnapshotAssertion, tmp_path: Path
) -> None:
    file = tmp_path / "message.eml"
    file.write_bytes(FOR_NOBODY.replace(b"Subject", b"X-Octets: \xff\xfe\r\nSubject"))
    said = await terminal("routing", "try", str(file))
    assert said.code == 1
    assert said.out == snapshot


@pytest.mark.parametrize(("name", "why"), [("missing.eml", "No such file or directory"), (".", "Is a directory")])
async def test_routing_try_of_what_cannot_be_read_says_so(terminal: Terminal, name: str, why: str) -> None:
    said = await terminal("routing", "try", name)
    assert (said.code, said.err) == (1, f"{name} cannot be read: {why}\n")


async def test_fetch_asks_and_returns_at_once(terminal: Terminal) -> None:
    said = await terminal("fetch")
    assert (said.code, said.out) == (0, "asked to fetch: office\n")


async def test_fetch_that_waits_fails_when_a_session_fails(terminal: Terminal, snapshot: SnapshotAssertion) -> None:
    said = await terminal("fetch", "--wait")
    assert said.code == 1
    assert said.out == snapshot


async def test_fetch_of_an_account_that_is_not_there(terminal: Terminal) -> None:
    said = await terminal("fetch", "offce")
    assert (said.code, said.err) == (1, "there is no account called 'offce'; there are: office, old\n")


async def test_pause_and_resume_say_what_holds_now(terminal: Terminal) -> None:
    assert (await terminal("pause", "--minutes", "90")).out == "Paused until 2026-03-02 10:30\n"
    assert (await terminal("pause")).out == "Paused until `mailgate resume`\n"
    assert (await terminal("resume")).out == "Fetching goes on; next session 2026-03-02 09:05\n"
    said = await terminal("pause", "--minutes", "0")
    assert (said.code, said.err) == (1, "minutes: it must be 1 or more\n")


async def test_reload_tells_what_changed_or_every_fault(terminal: Terminal, snapshot: SnapshotAssertion) -> None:
    recipients = (*CONFIG.recipients, Mailbox(address="sara@example.org"))
    terminal.office.next_config(replace(CONFIG, recipients=recipients))
    good = await terminal("reload")
    assert good.code == 0
    assert good.out == snapshot
    terminal.office.next_config(None, FAULT)
    bad = await terminal("reload")
    assert bad.code == 2
    assert bad.out == snapshot


async def test_the_app_is_opened_by_a_code(terminal: Terminal) -> None:
    said = await terminal("app", "--no-browser")
    assert (said.code, said.out) == (
        0,
        "http://127.0.0.1:PORT/ui/  one-time code: CODE-CODE (good until 2026-03-02 09:10)\n",
    )


async def test_watch_prints_the_lines_of_what_happens_until_the_engine_ends(terminal: Terminal) -> None:
    watching = asyncio.create_task(terminal("watch"))
    hub = terminal.office.engine.hub
    await eventually(lambda: bool(hub._bell._waiters), "the command follows the events")
    await terminal.office.take(LETTER)
    terminal.office.engine.stop("a signal")
    said = await watching
    assert said.code == 1
    assert "[09:00] Fetch [1] Pmg0001 Routed to: anna@example.org [I]\n" in said.out
    assert "closed the connection" in said.err


async def test_parked_messages_are_listed_shown_and_sent_on(terminal: Terminal, snapshot: SnapshotAssertion) -> None:
    await two_messages(terminal)
    said = [
        await terminal(*words)
        for words in (
            ("parked",),
            ("parked", "list", "--reason", "refused"),
            ("parked", "show", "Pmg0002"),
            ("parked", "retry", "Pmg0002"),
            ("parked", "redirect", "Pmg0002", "--to", "anna@example.org"),
            ("parked", "wrap", "Pmg0002", "Pmg0001"),
        )
    ]
    assert [one.code for one in said] == [0, 0, 0, 1, 0, 1]
    assert "\n----\n".join(one.out + one.err for one in said) == snapshot


async def test_parked_messages_are_deleted_by_a_filter(terminal: Terminal) -> None:
    await two_messages(terminal)
    unclear = [await terminal("parked", "delete"), await terminal("parked", "delete", "Pmg0002", "--all")]
    assert [(one.code, one.out) for one in unclear] == [(1, ""), (1, "")]
    nothing = await terminal("parked", "delete", "--all", "--reason", "refused")
    assert (nothing.code, nothing.out) == (0, "nothing is parked that fits\n")
    said = await terminal("parked", "delete", "--all", "--reason", "unrouted")
    assert (said.code, said.out) == (0, "Pmg0002 deleted\n")
    path = await terminal("explain", "Pmg0002")
    assert "Deleted by the command line" in path.out


async def test_parked_messages_are_written_to_files_and_none_is_written_over(terminal: Terminal) -> None:
    await two_messages(terminal)
    said = await terminal("parked", "export", "--all", "--into", str(terminal.data))
    assert (said.code, said.out.endswith("Pmg0002.eml\n")) == (0, True)
    assert (terminal.data / "Pmg0002.eml").read_bytes() == FOR_NOBODY
    again = await terminal("parked", "export", "Pmg0002", "Pmg0099", "--into", str(terminal.data))
    assert (again.code, "is there already" in again.err, "no message Pmg0099" in again.err) == (1, True, True)
    (terminal.data / "Pmg0002.eml").unlink()
    sent = await terminal("parked", "export", "Pmg0002", "--sent", "--into", str(terminal.data))
    assert (sent.code, sent.err) == (0, "")
    assert not (terminal.data / "Pmg0099.eml").exists()


JSON_VERBS: tuple[tuple[tuple[str, ...], Any, int], ...] = (
    (("status",), v1.Status, 0),
    (("log",), v1.MessagePage, 0),
    (("unrouted",), v1.MessagePage, 0),
    (("explain", "Pmg0001"), v1.MessageTrace, 0),
    (("parked",), v1.MessagePage, 0),
    (("parked", "show", "Pmg0002"), v1.Preview, 0),
    (("parked", "retry", "Pmg0002"), v1.ParkedReport, 1),
    (("unrouted", "deliver", "Pmg0002", "anna@example.org"), v1.Message, 0),
    (("account", "test", "office"), v1.TestReport, 1),
    (("fetch",), v1.SessionTicket, 0),
    (("fetch", "--wait"), v1.SessionReport, 1),
    (("pause",), v1.Status, 0),
    (("resume",), v1.Status, 0),
    (("reload",), v1.ReloadReport, 0),
    (("app",), v1.LoginCode, 0),
)


async def test_json_is_the_shape_of_the_api_on_one_line(terminal: Terminal) -> None:
    await two_messages(terminal)
    for words, shape, code in JSON_VERBS:
        said = await terminal(*words, "--json")
        assert (said.code, said.err, said.out.count("\n")) == (code, "", 1), words
        decoded = msgspec.json.decode(said.out, type=shape)
        assert msgspec.json.encode(decoded).decode() == said.out.strip(), words


async def test_what_fails_is_told_as_json_where_json_is_asked_for(terminal: Terminal) -> None:
    said = await terminal("explain", "Pmg9999", "--json")
    assert (said.code, said.out) == (1, "")
    assert msgspec.json.decode(said.err) == {
        "error": "there is no message Pmg9999: `mailgate log` lists what there is",
        "code": "not_found",
    }
