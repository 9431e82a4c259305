"""What the verbs for setting up print."""

from syrupy.assertion import SnapshotAssertion

from mailgate.cli import show_tools
from mailgate.contract import v1
from mailgate.model.status import Reply
from tests.unit.cli.conftest import Terminal


async def test_discover_a_known_provider(terminal: Terminal, snapshot: SnapshotAssertion) -> None:
    said = await terminal("discover", "anna@web.de")
    assert said.code == 0
    assert said.out == snapshot


async def test_discover_names_the_mode_that_shows_what_others_have_fetched(terminal: Terminal) -> None:
    said = await terminal("discover", "anna@gmail.com")
    assert 'user = "recent:anna@gmail.com" with delete = "never" shows all mail of the last 30 days' in said.out
    assert "recent:" not in (await terminal("discover", "anna@web.de")).out


async def test_discover_finds_nothing(terminal: Terminal, snapshot: SnapshotAssertion) -> None:
    said = await terminal("discover", "anna@nowhere.example")
    assert said.code == 1
    assert said.out == snapshot


async def test_internal_kinds(terminal: Terminal, snapshot: SnapshotAssertion) -> None:
    assert (await terminal("internal", "kinds")).out == snapshot
    assert (await terminal("internal", "kinds", "kerio")).out == snapshot
    wrong = await terminal("internal", "kinds", "sendmail")
    assert (wrong.code, "there is no kind 'sendmail'" in wrong.out) == (1, True)


async def test_internal_server_that_is_down(terminal: Terminal, snapshot: SnapshotAssertion) -> None:
    said = await terminal("internal", "test")
    assert said.code == 1
    assert said.out == snapshot


def test_what_a_test_of_the_internal_server_prints(snapshot: SnapshotAssertion) -> None:
    steps = (
        v1.TestStep("greeting", True, "mail.office.example ESMTP Postfix", 3),
        v1.TestStep(
            "protection",
            True,
            "protected, TLSv1.3",
            0,
            (v1.Fact("certificate_expires", "2027-01-31"), v1.Fact("tls", "x")),
        ),
        v1.TestStep("recipients", False, "3 recipients: 1 accepted, 1 refused, 1 not-asked", 12),
    )
    recipients = (
        v1.RecipientAnswer("anna@office.example", "accepted", "250 2.1.5 ok"),
        v1.RecipientAnswer("bob@office.example", "refused", "550 5.1.1 unknown"),
        v1.RecipientAnswer("eve@office.example", "not-asked", ""),
    )
    words = v1.Words("Who may come in", "Wer herein darf", "Qui peut entrer")
    hints = (v1.Hint("inbound", words, words, ("postfix reload",)), v1.Hint("outbound", words, words, ("never shown",)))
    report = v1.InternalReport(
        False, steps, recipients, "postfix", "192.0.2.9", hints, "unknown-recipient", "Create it."
    )
    assert show_tools.internal_report(report) == snapshot


def test_what_a_test_of_an_account_prints(snapshot: SnapshotAssertion) -> None:
    steps = (
        v1.TestStep(
            "connect", True, "pop.example.org:995 answers", 31, (v1.Fact("certificate_subject", "pop.example.org"),)
        ),
        v1.TestStep(
            "list", True, "2 messages in the mailbox", 8, (v1.Fact("largest", "48213"), v1.Fact("uidl", "yes"))
        ),
    )
    assert show_tools.test_report(v1.TestReport(True, steps, "", "")) == snapshot


async def test_test_message(terminal: Terminal) -> None:
    said = await terminal("recipient", "test", "anna@example.org")
    assert (said.code, said.out.splitlines()[0][:36]) == (0, "Pmg0001: delivered to anna@example.o")
    terminal.office.mailboxes.answer = Reply(452, "4.2.2 full")
    said = await terminal("recipient", "test", "anna@example.org")
    assert said.code == 1
    assert "not taken yet by the internal server; it is tried again at " in said.out
    assert "`mailgate explain Pmg0002` tells the rest." in said.out
    assert (await terminal("recipient", "test", "nobody@example.org")).code == 1


async def test_an_office_without_relays_has_none_to_list_or_to_try(terminal: Terminal) -> None:
    assert (await terminal("relay", "list")).out.strip() == "there is none"
    said = await terminal("relay", "test", "provider", "--sender", "anna@example.org")
    assert (said.code, "there is no relay called 'provider'; there are: none" in said.err) == (1, True)
