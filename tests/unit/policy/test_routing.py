"""Routing: from header fields to recipients. Real oddities are in the corpus."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.model.address import Address
from mailgate.model.entry import ParkReason
from mailgate.model.errors import AddressError
from mailgate.model.settings import Account, Mailbox
from mailgate.policy.reasons import Reason, ReasonCode, reason_of
from mailgate.policy.recipients import RoutingTable
from mailgate.policy.routing import Routing, envelope_sender, route
from mailgate.policy.search import MAX_CANDIDATES, Code

ACCOUNT = Account(name="office", host="pop.example.net", user="box17", password="env:P")
ANNA = Mailbox(address="anna@example.org", aliases=("anna.lindner@example.org", "sales@example.org"))
BERT = Mailbox(address="bert@example.org", aliases=("sales@example.org",))
REST = Mailbox(address="rest@example.org", route_all=True)
ENVELOPE_HEADERS = (
    "X-Original-To",
    "X-Envelope-To",
    "Envelope-To",
    "X-RCPT-TO",
    "X-Delivered-To",
    "X-Apparently-To",
    "X-GM-Original-To",
    "X-Forwarded-To",
    "Delivered-To",
)


def routed(header: str, *mailboxes: Mailbox, account: Account = ACCOUNT) -> Routing:
    return route(header.encode(), RoutingTable(mailboxes or (ANNA, BERT)).for_account(account))


def to(routing: Routing) -> str:
    """Return recipients and codes in the form of the log."""
    return f"{', '.join(str(recipient.address) for recipient in routing.recipients)} [{routing.codes}]"


def reasons(routing: Routing) -> list[tuple[str, bool, str]]:
    return [(candidate.address, candidate.accepted, candidate.why) for candidate in routing.candidates]


def test_the_header_named_on_the_account_decides_before_all_others() -> None:
    account = replace(ACCOUNT, envelope_header="X-Rcpt")
    header = "X-Original-To: anna@example.org\nX-RCPT: bert@example.org\nTo: anna@example.org\n"
    routing = routed(header, account=account)
    assert to(routing) == "bert@example.org [E]"
    assert routing.evidence == "X-RCPT: bert@example.org"
    assert routing.sentence == "X-RCPT, the envelope header of account office, names bert@example.org."
    assert routing.recipients[0].code == "E"


def test_without_the_header_named_on_the_account_the_next_source_is_asked() -> None:
    account = replace(ACCOUNT, envelope_header="X-Rcpt")
    assert to(routed("X-Original-To: anna@example.org\n", account=account)) == "anna@example.org [D]"


@pytest.mark.parametrize(
    "value", ["anna@example.net", '"|/bin/post anna@example.org"', "anna", "", "a..@b@example.org"]
)
def test_an_envelope_header_without_an_own_address_passes_the_question_on(value: str) -> None:
    account = replace(ACCOUNT, envelope_header="X-Rcpt")
    assert to(routed(f"X-Rcpt: {value}\nTo: bert@example.org\n", account=account)) == "bert@example.org [I]"
    assert to(routed(f"X-Original-To: {value}\nTo: bert@example.org\n")) == "bert@example.org [I]"


@pytest.mark.parametrize(("place", "name"), list(enumerate(ENVELOPE_HEADERS)))
def test_known_envelope_headers_are_asked_in_their_order(place: int, name: str) -> None:
    below = "".join(f"{other}: bert@example.org\n" for other in ENVELOPE_HEADERS[place + 1 :])
    assert to(routed(f"To: bert@example.org\n{below}{name.lower()}: anna@example.org\n")) == "anna@example.org [D]"


@pytest.mark.parametrize("name", [*ENVELOPE_HEADERS, "Resent-To"])
def test_only_the_topmost_occurrence_of_an_envelope_header_counts(name: str) -> None:
    routing = routed(f"{name}: anna@example.org\nReceived: x\n{name}: bert@example.org\n")
    assert [str(recipient.address) for recipient in routing.recipients] == ["anna@example.org"]
    below_a_foreign_one = routed(f"{name}: anna@example.net\n{name}: bert@example.org\nTo: anna@example.org\n")
    assert to(below_a_foreign_one) == "anna@example.org [I]"


def test_an_envelope_header_may_name_several_recipients() -> None:
    header = (
        "X-Envelope-To: <anna@example.org>, gone@example.org, x@example.net, bert@example.org\nTo: rest@example.org\n"
    )
    routing = routed(header, ANNA, BERT, REST)
    assert to(routing) == "anna@example.org, bert@example.org [DD]"
    assert reasons(routing) == [
        ("anna@example.org", True, "address of anna@example.org"),
        ("gone@example.org", False, "no recipient has this address"),
        ("x@example.net", False, "foreign domain"),
        ("bert@example.org", True, "address of bert@example.org"),
    ]


def test_of_delivered_to_the_last_address_counts() -> None:
    assert to(routed("Delivered-To: GMX delivery to anna@example.org\n")) == "anna@example.org [D]"
    assert to(routed("Delivered-To: bert@example.org, anna@example.org\n")) == "anna@example.org [D]"


def test_an_envelope_that_names_nobody_of_ours_is_the_truth_and_to_is_not_asked() -> None:
    routing = routed("Envelope-To: gone@example.org\nTo: anna@example.org\n")
    assert (routing.recipients, routing.codes, routing.park) == ((), "", ParkReason.UNROUTED)
    assert routing.sentence == (
        "Envelope-To, an envelope header, names gone@example.org, and no recipient has this address."
    )
    assert routing.evidence == "Envelope-To: gone@example.org"


def test_a_resent_message_goes_to_those_it_was_resent_to() -> None:
    header = "Resent-To: anna@example.org\nResent-Cc: bert@example.org\nTo: rest@example.org\n"
    assert to(routed(header, ANNA, BERT, REST)) == "anna@example.org, bert@example.org [NN]"


def test_to_cc_and_their_kin_are_asked_together_in_every_occurrence() -> None:
    header = "Cc: bert@example.org\nTo: x@example.net\nTo: anna@example.org\nBcc: c@example.org\nApparently-To: d@example.org\n"
    mailboxes = (ANNA, BERT, Mailbox(address="c@example.org"), Mailbox(address="d@example.org"))
    routing = routed(header, *mailboxes)
    assert to(routing) == "anna@example.org, bert@example.org, c@example.org, d@example.org [IIII]"
    assert (
        routing.evidence
        == "To: anna@example.org\nCc: bert@example.org\nBcc: c@example.org\nApparently-To: d@example.org"
    )
    assert routing.sentence.startswith("To and Cc and Bcc and Apparently-To names ")


def test_an_alias_and_a_tagged_address_are_expanded() -> None:
    assert to(routed("To: Anna.Lindner@EXAMPLE.org\n")) == "anna@example.org [X]"
    assert to(routed("X-Envelope-To: ANNA+news@example.org\n")) == "anna@example.org [X]"
    assert to(routed("To: anna.lindner+news@example.org\n")) == "anna@example.org [X]"
    assert routed("To: anna.lindner@example.org\n").sentence == "To leads to anna@example.org."


def test_an_alias_of_two_mailboxes_goes_to_both() -> None:
    assert to(routed("To: sales@example.org\n")) == "anna@example.org, bert@example.org [XX]"


def test_a_recipient_whose_address_has_a_tag_is_itself() -> None:
    tagged = Mailbox(address="anna+news@example.org")
    assert to(routed("To: anna+news@example.org\n", ANNA, tagged)) == "anna+news@example.org [I]"


def test_a_tag_alone_is_nobody() -> None:
    assert routed("To: +tag@example.org\n").park is ParkReason.UNROUTED


def test_the_first_code_of_a_recipient_wins_and_nobody_is_named_twice() -> None:
    header = (
        "To: anna@example.org, anna.lindner@example.org, ANNA@example.org\nCc: bert@example.org, sales@example.org\n"
    )
    assert to(routed(header)) == "anna@example.org, bert@example.org [II]"
    assert to(routed("To: sales@example.org, bert@example.org\n")) == "anna@example.org, bert@example.org [XX]"


def test_quotes_that_an_address_does_not_need_make_no_other_address() -> None:
    assert to(routed('To: "anna"@example.org\n')) == "anna@example.org [I]"
    assert routed('To: " anna"@example.org, "@x:anna"@example.org\n').park is ParkReason.UNROUTED
    quoted = Mailbox(address='"anna lindner"@example.org')
    assert to(routed('To: "Anna Lindner"@example.org\n', quoted)) == '"anna lindner"@example.org [I]'


@pytest.mark.parametrize(
    "address", ["anna@example.net", "anna@sub.example.org", "anna@example.org.evil.example", "anna@xexample.org"]
)
def test_a_foreign_address_with_our_local_part_is_never_a_recipient(address: str) -> None:
    routing = routed(f"To: bert@example.org\nCc: {address}\n")
    assert to(routing) == "bert@example.org [I]"
    assert (address, False, "foreign domain") in reasons(routing)


def test_own_domains_of_the_account_are_the_only_ones() -> None:
    account = replace(ACCOUNT, own_domains=("Example.Net", "MÜLLER.example"))
    mailbox = Mailbox(
        address="anna@office.internal", aliases=("anna@example.net", "a@müller.example", "anna@example.org")
    )
    assert to(routed("To: anna@example.net\n", mailbox, account=account)) == "anna@office.internal [X]"
    assert to(routed("To: a@xn--mller-kva.example\n", mailbox, account=account)) == "anna@office.internal [X]"
    assert routed("To: anna@example.org, anna@office.internal\n", mailbox, account=account).recipients == ()


def test_without_own_domains_those_of_the_recipients_of_the_account_count() -> None:
    elsewhere = Mailbox(address="x@elsewhere.example", accounts=("other",))
    mailbox = Mailbox(address="anna@office.internal", aliases=("anna@example.net",))
    routing = routed("To: anna@example.net, x@elsewhere.example\n", mailbox, elsewhere)
    assert to(routing) == "anna@office.internal [X]"
    assert ("x@elsewhere.example", False, "foreign domain") in reasons(routing)


def test_a_mailbox_takes_part_only_on_its_accounts() -> None:
    only_there = replace(ANNA, accounts=("other", "third"))
    assert to(routed("To: anna@example.org, bert@example.org\n", only_there, BERT)) == "bert@example.org [I]"
    there = replace(ACCOUNT, name="third")
    assert to(routed("To: anna@example.org\n", only_there, BERT, account=there)) == "anna@example.org [I]"


def test_the_provider_s_own_mailbox_in_delivered_to_is_no_recipient() -> None:
    account = replace(ACCOUNT, user="Box@example.org")
    header = "Delivered-To: box@example.org\nTo: anna@example.org\n"
    routing = routed(header, account=account)
    assert to(routing) == "anna@example.org [I]"
    assert ("box@example.org", False, "the account's own mailbox, which is no recipient") in reasons(routing)
    box = Mailbox(address="box@example.org")
    assert to(routed(header, ANNA, box, account=account)) == "box@example.org [D]"


def test_the_provider_s_own_mailbox_in_a_header_named_on_the_account_is_the_envelope() -> None:
    account = replace(ACCOUNT, user="box@example.org", envelope_header="Delivered-To")
    assert routed("Delivered-To: box@example.org\nTo: anna@example.org\n", account=account).park


@pytest.mark.parametrize("user", ["box17", "box17@provider.example"])
def test_a_prefix_that_qmail_puts_before_the_local_part_is_taken_off(user: str) -> None:
    account = replace(ACCOUNT, user=user)
    assert to(routed("Delivered-To: Box17-anna@example.org\n", account=account)) == "anna@example.org [D]"
    assert to(routed("Delivered-To: example.org-anna@example.org\n", account=account)) == "anna@example.org [D]"
    assert routed("Delivered-To: other-anna@example.org\n", account=account).park
    assert routed("X-Original-To: box17-anna@example.org\n", account=account).park


def test_where_all_recipients_get_all_mail_each_gets_every_message() -> None:
    both = (REST, replace(ANNA, route_all=True))
    for header in ("To: anna@example.org\n", "To: x@example.net\n", "X-Original-To: gone@example.org\n", ""):
        routing = routed(header, *both)
        assert to(routing) == "rest@example.org, anna@example.org [II]"
        assert routing.sentence == "All mail of account office goes to rest@example.org, anna@example.org."
        assert routing.park is None


def test_beside_selective_recipients_those_who_get_all_mail_get_the_rest() -> None:
    assert to(routed("To: anna@example.org\n", ANNA, REST)) == "anna@example.org [I]"
    nobody = routed("To: x@example.net\n", ANNA, REST)
    assert to(nobody) == "rest@example.org [*]"
    assert nobody.park is None
    assert nobody.sentence == (
        "No header field names an address in a domain of account office."
        " What no selective recipient gets goes to rest@example.org."
    )
    assert to(routed("X-Original-To: gone@example.org\nTo: anna@example.org\n", ANNA, REST)) == "rest@example.org [*]"


def test_who_gets_the_rest_and_is_named_keeps_the_code_of_the_name() -> None:
    second = Mailbox(address="second@example.org", route_all=True)
    assert to(routed("To: rest@example.org\n", ANNA, REST, second)) == "rest@example.org, second@example.org [I*]"
    assert to(routed("To: rest@example.org, anna@example.org\n", ANNA, REST, second)) == (
        "rest@example.org, anna@example.org [II]"
    )


def test_who_gets_all_mail_of_another_account_gets_none_of_this_one() -> None:
    assert routed("To: x@example.net\n", ANNA, replace(REST, accounts=("other",))).park is ParkReason.UNROUTED


def test_without_any_recipient_a_message_is_unrouted() -> None:
    routing = route(b"To: anna@example.org\n", RoutingTable(()).for_account(ACCOUNT))
    assert (routing.recipients, routing.park) == ((), ParkReason.UNROUTED)


def test_candidates_and_sentence_stay_short_and_no_recipient_is_left_out() -> None:
    mailboxes = [Mailbox(address=f"user{n}@example.org") for n in range(MAX_CANDIDATES + 50)]
    header = "To: " + ", ".join(mailbox.address for mailbox in mailboxes)
    routing = routed(header, *mailboxes)
    assert len(routing.recipients) == len(routing.codes) == len(mailboxes)
    assert len(routing.candidates) == MAX_CANDIDATES
    assert routing.sentence.endswith("user4@example.org and 245 more.")


def test_an_address_too_long_to_be_one_is_not_parsed() -> None:
    routing = routed(f"To: {'a' * 500}@example.org, bert@example.org\n")
    assert to(routing) == "bert@example.org [I]"
    assert routing.candidates[0].why == "not a mail address"


def test_the_table_is_made_once_for_an_account_and_anew_for_a_changed_one() -> None:
    table = RoutingTable((ANNA,))
    assert table.for_account(ACCOUNT) is table.for_account(replace(ACCOUNT))
    assert table.for_account(ACCOUNT) is not table.for_account(replace(ACCOUNT, own_domains=("example.net",)))


def test_a_recipient_that_is_no_address_is_refused() -> None:
    with pytest.raises(AddressError):
        RoutingTable((Mailbox(address="anna"),))


names = st.sampled_from([*ENVELOPE_HEADERS, "Resent-To", "To", "Cc", "Bcc", "X-Rcpt", "Subject", "no field"])
values = st.one_of(
    st.lists(
        st.sampled_from(
            [
                "anna@example.org",
                "sales@example.org",
                "bert+x@example.org",
                "rest@example.org",
                "gone@example.org",
                "x@example.net",
                "(",
                '"',
                "<",
                ">",
                ";",
                ":",
                "@",
                "box17-anna@example.org",
                "\udcff",
            ]
        ),
        max_size=5,
    ).map(", ".join),
    st.text(max_size=30),
)
headers = st.lists(st.tuples(names, values), max_size=8).map(
    lambda pairs: "".join(f"{name}: {value}\n" for name, value in pairs).encode("utf-8", "surrogateescape")
)


@given(
    header=st.one_of(st.binary(max_size=200), headers),
    mailboxes=st.lists(st.sampled_from([ANNA, BERT, REST, replace(ANNA, route_all=True)]), max_size=4),
    named=st.sampled_from(["", "X-Rcpt", "delivered-to", "To"]),
)
def test_any_header_is_routed_or_parked_and_each_recipient_is_ours(
    header: bytes, mailboxes: list[Mailbox], named: str
) -> None:
    routing = route(header, RoutingTable(mailboxes).for_account(replace(ACCOUNT, envelope_header=named)))
    ours = {mailbox.address for mailbox in mailboxes}
    keys = [recipient.address.key for recipient in routing.recipients]
    assert set(keys) <= ours
    assert len(keys) == len(set(keys)) == len(routing.codes)
    assert (routing.park is ParkReason.UNROUTED) == (not keys)
    assert set(routing.codes) <= {code.value for code in Code}
    assert routing.codes == "".join(recipient.code for recipient in routing.recipients)
    assert (routing.reason is None) == bool(keys)
    assert reason_of(f"Nobody to go to: {routing.sentence}") == routing.reason


@pytest.mark.parametrize(
    ("header", "named", "reason"),
    [
        ("To: x@example.net\n", "", Reason(ReasonCode.NO_OWN_ADDRESS, account="office")),
        ("", "", Reason(ReasonCode.NO_OWN_ADDRESS, account="office")),
        (
            "Envelope-To: gone@example.org\n",
            "",
            Reason(ReasonCode.UNKNOWN_RECIPIENT, "", ("Envelope-To",), ("gone@example.org",)),
        ),
        (
            "X-Rcpt: gone@example.org\n",
            "X-Rcpt",
            Reason(ReasonCode.UNKNOWN_RECIPIENT, "office", ("X-Rcpt",), ("gone@example.org",)),
        ),
        (
            "To: gone@example.org, x@example.net\nCc: left@example.org\n",
            "",
            Reason(ReasonCode.UNKNOWN_RECIPIENT, "", ("To", "Cc"), ("gone@example.org", "left@example.org")),
        ),
        (
            f"To: {', '.join(f'u{n}@example.org' for n in range(8))}\n",
            "",
            Reason(ReasonCode.UNKNOWN_RECIPIENT, "", ("To",), tuple(f"u{n}@example.org" for n in range(5)), 3),
        ),
    ],
)
def test_why_nobody_gets_a_message_is_told_by_a_stable_code_and_its_names(
    header: str, named: str, reason: Reason
) -> None:
    routing = routed(header, account=replace(ACCOUNT, envelope_header=named))
    assert routing.reason == reason
    assert reason_of(f"Nobody to go to: {routing.sentence}") == reason


@pytest.mark.parametrize(
    "text",
    [
        "",
        "To names anna@example.org.",
        "Sent to anna@example.org by the app",
        "To names gone@example.org, and no recipient has this address. What no selective recipient gets goes to r@x.example.",
    ],
)
def test_what_is_no_sentence_of_that_kind_has_no_reason(text: str) -> None:
    assert reason_of(text) is None


@pytest.mark.parametrize(
    ("header", "sender"),
    [
        (b"Return-Path: <carla@sender.example>\n", Address("carla", "sender.example")),
        (b"Return-Path: carla@sender.example\n", Address("carla", "sender.example")),
        (b"Return-path:\r\n <@relay.example:carla@sender.example>\r\n", Address("carla", "sender.example")),
        ("Return-Path: <jörg@sender.example>\n".encode(), Address("jörg", "sender.example")),
        (b"Return-Path: <>\nFrom: carla@sender.example\n", None),
        (b"From: carla@sender.example\n", None),
        (b"Return-Path:\n", None),
        (b"Return-Path: <carla>\n", None),
        (b"Return-Path: <a@b@sender.example>\n", None),
        (b"Return-Path: <a@x.example>, <b@x.example>\n", None),
        (b"Return-Path: <j\xf6rg@sender.example>\n", None),
        (b"Return-Path: <>\nReturn-Path: <carla@sender.example>\n", None),
    ],
)
def test_the_envelope_sender_is_the_topmost_return_path_or_empty(header: bytes, sender: Address | None) -> None:
    assert envelope_sender(header) == sender


@given(header=st.binary(max_size=100))
def test_no_return_path_makes_the_envelope_sender_raise(header: bytes) -> None:
    envelope_sender(b"Return-Path: " + header)
