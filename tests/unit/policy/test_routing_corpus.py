"""Headers as they are met in real mail, addresses made up: where each message goes, and why.

The first line of each `.expected` names the family of mail programs or providers, and the trap.
"""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from mailgate.mime.decode import glance
from mailgate.mime.headers import split_header
from mailgate.model.routing_options import Fallback, MailingList, RouteAll
from mailgate.model.settings import Account, Mailbox
from mailgate.policy.recipients import RoutingTable
from mailgate.policy.routing import envelope_sender, route

CORPUS = Path(__file__).parents[2] / "corpus" / "headers"
PLAIN = Account(
    name="plain",
    host="pop.example.net",
    user="office",
    password="env:P",
    own_domains=("example.org", "müller.example"),
)
SHARED = replace(
    PLAIN,
    name="shared",
    own_domains=(),
    own_addresses=("info@isp.example",),
    search_display_names=True,
    search_subject=True,
)
ACCOUNTS = {
    account.name: account
    for account in (
        PLAIN,
        replace(
            PLAIN,
            name="named",
            user="catchall@example.org",
            own_domains=("example.org",),
            envelope_header="X-Envelope-To",
        ),
        replace(PLAIN, name="strict", envelope_header="X-Envelope-To", envelope_strict=True),
        replace(PLAIN, name="second", envelope_header="Delivered-To", envelope_position=2),
        replace(PLAIN, name="prefix", envelope_prefix="mbox-office-"),
        replace(PLAIN, name="hosts", provider_hosts=("provider.example",)),
        replace(PLAIN, name="skip", received_skip=1),
        SHARED,
        replace(PLAIN, name="keywords", own_domains=("example.org", "shop.example")),
        replace(
            PLAIN,
            name="excluded",
            excluded_headers=("X-Apparently-To",),
            excluded_recipients=("user@example.org", "no-reply*@example.org"),
        ),
        replace(PLAIN, name="lists"),
        replace(PLAIN, name="rest"),
        replace(PLAIN, name="always"),
        replace(PLAIN, name="mailbox"),
        replace(PLAIN, name="fallback", fallback=Fallback.RECIPIENT, fallback_recipient="user@example.org"),
        replace(PLAIN, name="notice", fallback=Fallback.NOTICE, fallback_recipient="user@example.org"),
        replace(PLAIN, name="notify", fallback=Fallback.NOTIFY_SENDER),
    )
}
SELECTIVE = tuple(name for name in ACCOUNTS if name not in {"shared", "mailbox"})
TABLE = RoutingTable(
    (
        Mailbox(
            address="anna@example.org",
            accounts=SELECTIVE,
            aliases=("anna.lindner@example.org", "anna@müller.example"),
        ),
        Mailbox(address="bert@example.org", accounts=SELECTIVE),
        Mailbox(address="user@example.org", accounts=SELECTIVE),
        Mailbox(
            address="team@office.internal",
            accounts=("keywords",),
            keywords=("sales@", "order-*@example.org", "rma??@", "special offer"),
        ),
        Mailbox(address="shop@office.internal", accounts=("keywords",), keywords=("@shop.example",)),
        Mailbox(address="chief@office.internal", accounts=("keywords",), keywords=("sales-chief@example.org",)),
        Mailbox(address="rita@office.internal", accounts=("shared",), name="Rita Sommer", keywords=("sommer rita",)),
        Mailbox(address="joerg@office.internal", accounts=("shared",), name="Jörg Winter", keywords=("Buchhaltung",)),
        Mailbox(address="rest@example.org", accounts=("rest",), route_all=True),
        Mailbox(address="archive@example.org", accounts=("always",), route_all=RouteAll.ALWAYS),
        Mailbox(address="pete@example.org", accounts=("mailbox",), route_all=True),
        Mailbox(address="rosa@example.org", accounts=("mailbox",), route_all=True),
    ),
    (
        MailingList(
            id="garden.lists.example", recipients=("anna@example.org", "bert@example.org"), accounts=("lists",)
        ),
        MailingList(id="*.lists3.example", recipients=("user@example.org",), accounts=("lists",)),
        MailingList(id="dach@bauforum.example", recipients=("bert@example.org",), accounts=("lists",)),
        MailingList(id="djb-return-*@lists.else.example", recipients=("user@example.org",), accounts=("lists",)),
    ),
)
FIRST_LINE = re.compile(r"family: (?P<family>[^;]+); trap: (?P<trap>.+)")


def told(name: str) -> str:
    """Return what is known of one message of the corpus, as its `.expected` file has it."""
    first, second, *_ = (CORPUS / f"{name}.expected").read_text("utf-8").splitlines()
    account = second.removeprefix("account: ")
    header, _, _ = split_header((CORPUS / f"{name}.eml").read_bytes())
    routing = route(header, TABLE.for_account(ACCOUNTS[account]))
    look = glance(header)
    facts = [
        first,
        f"account: {account}",
        f"to: {', '.join(str(recipient.address) for recipient in routing.recipients) or 'nobody'} [{routing.codes}]",
        f"parked: {routing.park or 'no'}",
        *([f"fallback: {routing.fallback}"] if routing.fallback else []),
        f"why: {routing.sentence}",
        f"envelope sender: <{envelope_sender(header) or ''}>",
        f"from: {look.from_}",
        f"subject: {look.subject}",
        *(f"evidence: {line}" for line in routing.evidence.splitlines()),
        *(
            f"{f'taken [{c.code}]' if c.accepted else 'not taken'}: {c.field}: {c.address} ({c.why})"
            for c in routing.candidates
        ),
    ]
    return "".join(f"{fact.rstrip()}\n" for fact in facts)


NAMES = sorted(path.stem for path in CORPUS.glob("*.eml"))


@pytest.mark.parametrize("name", NAMES)
def test_each_message_of_the_corpus_goes_where_it_should_and_says_why(
    name: str, request: pytest.FixtureRequest
) -> None:
    said, expected = told(name), CORPUS / f"{name}.expected"
    if request.config.getoption("update_snapshots", default=False):
        expected.write_text(said, encoding="utf-8", newline="\n")
    assert said == expected.read_text("utf-8")


def test_the_corpus_is_there_and_every_expectation_has_its_message() -> None:
    assert len(NAMES) >= 150
    assert sorted(path.stem for path in CORPUS.glob("*.expected")) == NAMES


def test_each_message_names_family_and_trap_and_no_two_share_both() -> None:
    seen: dict[tuple[str, str], str] = {}
    for name in NAMES:
        found = FIRST_LINE.fullmatch((CORPUS / f"{name}.expected").read_text("utf-8").partition("\n")[0])
        assert found, name
        both = (found["family"].casefold(), found["trap"].casefold())
        assert both not in seen, f"{name} and {seen[both]}"
        seen[both] = name


def test_every_code_and_every_account_is_met_in_the_corpus() -> None:
    told_of = [(CORPUS / f"{name}.expected").read_text("utf-8").splitlines() for name in NAMES]
    assert {lines[1].removeprefix("account: ") for lines in told_of} == set(ACCOUNTS)
    codes = {code for lines in told_of for code in lines[2].rpartition("[")[2].rstrip("]")}
    assert codes == set("EDRNIXKUL*F")
