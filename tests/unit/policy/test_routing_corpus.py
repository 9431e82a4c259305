"""Headers as they are met in real mail, addresses made up: where each message goes, and why."""

from pathlib import Path

import pytest

from mailgate.mime.decode import glance
from mailgate.mime.headers import split_header
from mailgate.model.settings import Account, Mailbox
from mailgate.policy.recipients import RoutingTable
from mailgate.policy.routing import envelope_sender, route

CORPUS = Path(__file__).parents[2] / "corpus" / "headers"
ACCOUNTS = {
    "plain": Account(
        name="plain",
        host="pop.example.net",
        user="office",
        password="env:P",
        own_domains=("example.org", "müller.example"),
    ),
    "named": Account(
        name="named",
        host="pop.example.net",
        user="catchall@example.org",
        password="env:P",
        own_domains=("example.org",),
        envelope_header="X-Envelope-To",
    ),
}
TABLE = RoutingTable(
    (
        Mailbox(address="anna@example.org", aliases=("anna.lindner@example.org", "anna@müller.example")),
        Mailbox(address="bert@example.org"),
        Mailbox(address="user@example.org"),
    )
)


def told(name: str) -> str:
    """Return what is known of one message of the corpus, as its `.expected` file has it."""
    account = (CORPUS / f"{name}.expected").read_text("utf-8").partition("\n")[0].removeprefix("account: ")
    header, _, _ = split_header((CORPUS / f"{name}.eml").read_bytes())
    routing = route(header, TABLE.for_account(ACCOUNTS[account]))
    look = glance(header)
    facts = [
        f"account: {account}",
        f"to: {', '.join(str(recipient.address) for recipient in routing.recipients) or 'nobody'} [{routing.codes}]",
        f"parked: {routing.park or 'no'}",
        f"why: {routing.sentence}",
        f"envelope sender: <{envelope_sender(header) or ''}>",
        f"from: {look.from_}",
        f"subject: {look.subject}",
        *(f"evidence: {line}" for line in routing.evidence.splitlines()),
        *(f"{'taken' if c.accepted else 'not taken'}: {c.field}: {c.address} ({c.why})" for c in routing.candidates),
    ]
    return "".join(f"{fact.rstrip()}\n" for fact in facts)


NAMES = sorted(path.stem for path in CORPUS.glob("*.eml"))


@pytest.mark.parametrize("name", NAMES)
def test_each_message_of_the_corpus_goes_where_it_should_and_says_why(name: str) -> None:
    assert told(name) == (CORPUS / f"{name}.expected").read_text("utf-8")


def test_the_corpus_is_there_and_every_expectation_has_its_message() -> None:
    assert len(NAMES) >= 20
    assert sorted(path.stem for path in CORPUS.glob("*.expected")) == NAMES
