"""What the settings of accounts, recipients and lists do to the search for recipients."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.model.entry import ParkReason
from mailgate.model.routing_options import Fallback, MailingList, RouteAll
from mailgate.model.settings import Account, Mailbox
from mailgate.policy.reasons import Reason, ReasonCode
from mailgate.policy.recipients import RoutingTable
from mailgate.policy.routing import Routing, route
from mailgate.policy.search import Code

ACCOUNT = Account(
    name="office", host="pop.example.net", user="box17", password="env:P", own_domains=("example.org", "shop.example")
)
ANNA = Mailbox(address="anna@example.org")
SALES = Mailbox(address="team@office.internal", keywords=("sales@", "order-*@example.org", "@shop.example", "offer"))
REST = Mailbox(address="rest@example.org", route_all=True)


def routed(
    header: str, *mailboxes: Mailbox, lists: tuple[MailingList, ...] = (), account: Account = ACCOUNT
) -> Routing:
    return route(header.encode(), RoutingTable(mailboxes or (ANNA, SALES), lists).for_account(account))


def to(routing: Routing) -> str:
    return f"{', '.join(str(one.address) for one in routing.recipients)} [{routing.codes}]"


def why(routing: Routing) -> list[str]:
    return [one.why for one in routing.candidates]


class TestKeywords:
    @pytest.mark.parametrize(
        ("address", "keyword"),
        [
            ("sales@example.org", "sales@"),
            ("Sales+autumn@example.org", "sales@"),
            ("order-4711@example.org", "order-*@example.org"),
            ("whoever@shop.example", "@shop.example"),
            ("special.offer@example.org", "offer"),
        ],
    )
    def test_a_keyword_leads_to_its_recipient_by_the_code_of_the_field(self, address: str, keyword: str) -> None:
        routing = routed(f"To: {address}\n")
        assert to(routing) == "team@office.internal [I]"
        assert why(routing) == [f"keyword {keyword} of team@office.internal"]
        assert to(routed(f"X-Original-To: {address}\n")) == "team@office.internal [D]"

    @pytest.mark.parametrize("address", ["sales@foreign.example", "offer@foreign.example", "offers@example.org"])
    def test_a_keyword_counts_only_in_an_own_address_and_between_word_boundaries(self, address: str) -> None:
        assert routed(f"To: {address}\n").park is ParkReason.UNROUTED

    def test_a_whole_address_comes_before_its_parts(self) -> None:
        boss = Mailbox(address="boss@example.org", keywords=("@example.org",))
        named = Mailbox(address="x@office.internal", keywords=("sales@example.org",))
        assert to(routed("To: sales@example.org\n", SALES, boss, named)) == "x@office.internal [I]"
        assert to(routed("To: sales@example.org\n", SALES, boss)) == "team@office.internal [I]"
        assert to(routed("To: gone@example.org\n", SALES, boss)) == "boss@example.org [I]"

    def test_two_with_the_same_keyword_both_get_it_in_the_order_of_the_file(self) -> None:
        second = Mailbox(address="b@example.org", accounts=("office",), keywords=("sales@",))
        assert to(routed("To: sales@example.org\n", second, SALES)) == "b@example.org, team@office.internal [II]"

    def test_without_own_domains_the_domains_of_keywords_are_own_ones(self) -> None:
        account = replace(ACCOUNT, own_domains=())
        assert to(routed("To: x@shop.example\n", SALES, account=account)) == "team@office.internal [I]"

    def test_who_is_switched_off_gets_nothing(self) -> None:
        assert routed("To: anna@example.org\n", replace(ANNA, enabled=False), SALES).park
        assert routed("To: x@y.example\n", ANNA, replace(REST, enabled=False)).park


class TestOwnAddresses:
    def test_they_alone_can_be_recipients_where_no_domain_is_named(self) -> None:
        account = replace(ACCOUNT, own_domains=(), own_addresses=("anna@example.org", "*-shop@provider.example"))
        assert to(routed("To: anna@example.org\n", account=account)) == "anna@example.org [I]"
        routing = routed("To: sales@example.org, sales@other.example\n", account=account)
        assert why(routing) == ["none of the account's own addresses", "foreign domain"]
        shop = Mailbox(address="s@x.example", keywords=("my-shop@",))
        assert to(routed("To: My-Shop@Provider.example\n", shop, account=account)) == "s@x.example [I]"

    def test_an_excluded_address_is_passed_over(self) -> None:
        account = replace(ACCOUNT, excluded_recipients=("sales*@example.org",))
        routing = routed("X-Original-To: sales@example.org\nTo: anna@example.org\n", account=account)
        assert to(routing) == "anna@example.org [I]"
        assert why(routing)[0] == "excluded by the account"

    def test_an_excluded_header_is_not_looked_at(self) -> None:
        account = replace(ACCOUNT, excluded_headers=("x-original-TO", "Cc"))
        header = "X-Original-To: sales@example.org\nTo: anna@example.org\nCc: sales@example.org\n"
        assert to(routed(header, account=account)) == "anna@example.org [I]"


class TestTheProvidersOwnFields:
    HOSTS = replace(ACCOUNT, provider_hosts=("provider.example", "mx*.hoster.example"))
    OURS = "Received: from a.example by in3.Provider.Example (Postfix) with ESMTP id 1; x\n"
    INNER = "Received: from in3 by localhost (Postfix) with LMTP id 2; x\n"
    THEIRS = "Received: from b.example by mail.sender.example with ESMTP id 3; x\n"

    def test_an_envelope_header_above_the_first_foreign_received_counts(self) -> None:
        header = f"{self.INNER}{self.OURS}X-Original-To: sales@example.org\n{self.THEIRS}To: anna@example.org\n"
        assert to(routed(header, account=self.HOSTS)) == "team@office.internal [D]"

    def test_one_below_it_does_not(self) -> None:
        header = f"{self.OURS}{self.THEIRS}X-Original-To: sales@example.org\nTo: anna@example.org\n"
        routing = routed(header, account=self.HOSTS)
        assert to(routing) == "anna@example.org [I]"
        assert "further down" in why(routing)[0]

    def test_the_position_counts_occurrences_from_the_top(self) -> None:
        account = replace(ACCOUNT, envelope_header="X-Rcpt", envelope_position=2)
        header = "X-Rcpt: anna@example.org\nX-Rcpt: sales@example.org\nX-Rcpt: anna@example.org\n"
        assert to(routed(header, account=account)) == "team@office.internal [E]"
        once = routed("X-Rcpt: sales@example.org\nTo: anna@example.org\n", account=account)
        assert to(once) == "anna@example.org [I]"

    def test_a_strict_account_looks_nowhere_else(self) -> None:
        account = replace(ACCOUNT, envelope_header="X-Rcpt", envelope_strict=True)
        missing = routed("To: anna@example.org\n", account=account)
        assert missing.sentence == "X-Rcpt, the only header that account office looks in, is missing."
        assert missing.reason == Reason(ReasonCode.HEADER_MISSING, account="office", fields=("X-Rcpt",))
        foreign = routed("X-Rcpt: x@y.example\nTo: anna@example.org\n", account=account)
        assert foreign.reason == Reason(ReasonCode.NO_OWN_ADDRESS, account="office")

    def test_a_prefix_of_the_provider_is_taken_off_in_its_headers_alone(self) -> None:
        account = replace(ACCOUNT, envelope_prefix="Mbox-Office-", envelope_header="X-Rcpt")
        assert to(routed("X-Rcpt: mbox-office-anna@example.org\n", account=account)) == "anna@example.org [E]"
        assert to(routed("Envelope-To: mbox-office-sales+x@example.org\n", account=account)) == (
            "team@office.internal [D]"
        )
        assert routed("To: mbox-office-anna@example.org\n", account=account).park


class TestReceivedFor:
    @pytest.mark.parametrize(
        "received",
        [
            "from a.example (a.example [192.0.2.1]) by mx.provider.example (Postfix) with ESMTP id 4X for <anna@example.org>; x",
            "from a.example by mx.provider.example with esmtp (Exim 4.96) (envelope-from <s@a.example>) id 1a-2b for anna@example.org; x",
            "by mx.provider.example with SMTP id x17 for <anna@example.org> (version=TLS1_3); Tue",
        ],
    )
    def test_the_topmost_received_says_for_whom(self, received: str) -> None:
        routing = routed(f"Received: {received}\nTo: list@foreign.example\n")
        assert to(routing) == "anna@example.org [R]"
        assert routing.sentence == "Received names anna@example.org."

    def test_a_comment_says_nothing(self) -> None:
        header = "Received: from x (for <anna@example.org>) by mx.example (for <anna@example.org>) with SMTP id 1; x\n"
        assert routed(header).park

    def test_only_the_topmost_is_asked_after_those_that_are_passed_over(self) -> None:
        top = "Received: from x by store.example with LMTP id 1 for <box17@store.example>; x\n"
        second = "Received: from y by mx.example with SMTP id 2 for <anna@example.org>; x\n"
        assert routed(top + second).park
        assert to(routed(top + second, account=replace(ACCOUNT, received_skip=1))) == "anna@example.org [R]"

    def test_where_the_servers_are_known_their_hops_are_asked_in_turn_and_no_others(self) -> None:
        account = replace(ACCOUNT, provider_hosts=("store.example", "mx.example"))
        top = "Received: from x by store.example with LMTP id 1 for <box17@store.example>; x\n"
        second = "Received: from y by mx.example with SMTP id 2 for <anna@example.org>; x\n"
        forged = "Received: from z by evil.example with SMTP id 3 for <sales@example.org>; x\n"
        assert to(routed(top + second + forged, account=account)) == "anna@example.org [R]"
        assert routed(top + forged, account=account).park

    def test_the_catch_all_mailbox_is_nobody(self) -> None:
        account = replace(ACCOUNT, user="all@example.org")
        header = "Received: from y by mx.example with SMTP id 2 for <all@example.org>; x\nTo: anna@example.org\n"
        assert to(routed(header, account=account)) == "anna@example.org [I]"


class TestSharedAddress:
    ACCOUNT = replace(
        ACCOUNT,
        own_domains=(),
        own_addresses=("info@isp.example",),
        user="info@isp.example",
        search_display_names=True,
        search_subject=True,
    )
    ANNA = Mailbox(address="anna@office.internal", name="Anna Lindner", keywords=("accounting",))
    BERT = Mailbox(address="bert@office.internal", name="Bert Österreicher")

    def routed(self, header: str) -> Routing:
        return routed(header, self.ANNA, self.BERT, account=self.ACCOUNT)

    @pytest.mark.parametrize(
        "name", ["Anna Lindner", '"LINDNER, Anna Lindner"', "=?utf-8?q?Anna_Lindner?=", "Dept. Accounting"]
    )
    def test_a_display_name_leads_to_who_is_called_so(self, name: str) -> None:
        routing = self.routed(f"To: {name} <info@isp.example>\n")
        assert to(routing) == "anna@office.internal [K]"
        assert routing.sentence == "To leads to anna@office.internal."

    def test_composed_and_decomposed_letters_are_the_same(self) -> None:
        assert to(self.routed("To: Bert O\u0308STERREICHER <info@isp.example>\n")) == "bert@office.internal [K]"

    def test_the_display_name_of_a_foreign_address_is_nobody(self) -> None:
        assert self.routed("To: Anna Lindner <anna@foreign.example>\n").park

    def test_the_shared_address_in_the_provider_s_header_does_not_decide(self) -> None:
        header = "X-Original-To: info@isp.example\nTo: Anna Lindner <info@isp.example>\n"
        assert to(self.routed(header)) == "anna@office.internal [K]"

    def test_the_subject_is_searched_when_no_address_leads_to_anybody(self) -> None:
        header = "To: info@isp.example\nSubject: =?utf-8?q?F=C3=BCr_Bert_=C3=96sterreicher?=\n"
        routing = self.routed(header)
        assert to(routing) == "bert@office.internal [U]"
        assert routing.sentence == (
            "To names info@isp.example, and no recipient has this address. Subject leads to bert@office.internal."
        )
        named = "To: Anna Lindner <info@isp.example>\nSubject: for Bert Österreicher\n"
        assert to(self.routed(named)) == "anna@office.internal [K]"
        assert to(self.routed("Subject: accounting\n")) == "anna@office.internal [U]"

    def test_neither_is_searched_unless_the_account_says_so(self) -> None:
        plain = replace(self.ACCOUNT, search_display_names=False, search_subject=False)
        header = "To: Anna Lindner <info@isp.example>\nSubject: accounting\n"
        assert routed(header, self.ANNA, account=plain).park


class TestLists:
    GARDEN = MailingList(id="garden.lists.example", recipients=("anna@example.org", "team@office.internal"))
    ANY = MailingList(id="*.news.example", recipients=("anna@example.org",), accounts=("office",))

    @pytest.mark.parametrize(
        ("header", "mailing_list"),
        [
            ("List-Id: The <b>garden</b> <Garden.Lists.example>\n", GARDEN),
            ("List-Id: garden.lists.example\n", GARDEN),
            ("List-Post: <mailto:garden@lists.example?subject=x>\n", MailingList(id="garden@lists.example", recipients=("anna@example.org",))),
            ("Return-Path: <garden-bounces+x=y@lists.example>\n", MailingList(id="garden-bounces*@lists.example", recipients=("anna@example.org",))),
        ],
    )  # fmt: skip
    def test_a_list_is_known_by_its_id_its_address_or_its_envelope_sender(
        self, header: str, mailing_list: MailingList
    ) -> None:
        routing = routed(f"{header}To: list@foreign.example\n", lists=(mailing_list,))
        assert routing.codes == "L" * len(mailing_list.recipients)
        assert [str(one.address) for one in routing.recipients] == list(mailing_list.recipients)

    def test_an_address_comes_before_the_list(self) -> None:
        header = "List-Id: <a.news.example>\nTo: sales@example.org\n"
        assert to(routed(header, lists=(self.ANY,))) == "team@office.internal [I]"

    def test_a_list_of_another_account_is_none(self) -> None:
        header = "List-Id: <a.news.example>\nTo: x@foreign.example\n"
        assert to(routed(header, lists=(self.ANY,))) == "anna@example.org [L]"
        assert routed(header, lists=(replace(self.ANY, accounts=("other",)),)).park


class TestAllMail:
    def test_always_is_everything_beside_selective_ones(self) -> None:
        always = replace(REST, route_all=RouteAll.ALWAYS)
        routing = routed("To: anna@example.org\n", ANNA, always)
        assert to(routing) == "anna@example.org, rest@example.org [I*]"
        assert routing.sentence.endswith("All mail of account office goes to rest@example.org.")
        assert to(routed("To: x@y.example\n", ANNA, always, REST)) == "rest@example.org [*]"

    def test_fallback_is_the_rest_as_true_is(self) -> None:
        rest = replace(REST, route_all=RouteAll.FALLBACK)
        assert to(routed("To: anna@example.org\n", ANNA, rest)) == "anna@example.org [I]"
        assert to(routed("To: x@y.example\n", ANNA, rest)) == "rest@example.org [*]"


class TestFallback:
    def test_what_has_nobody_goes_to_a_named_recipient(self) -> None:
        account = replace(ACCOUNT, fallback=Fallback.RECIPIENT, fallback_recipient="Anna@example.org")
        routing = routed("To: gone@example.org\n", account=account)
        assert (to(routing), routing.park, routing.reason) == ("anna@example.org [F]", None, None)
        assert routing.fallback is Fallback.RECIPIENT
        assert routing.sentence == (
            "To names gone@example.org, and no recipient has this address."
            " It goes to anna@example.org, who gets what has nobody to go to."
        )
        assert to(routed("To: sales@example.org\n", account=account)) == "team@office.internal [I]"

    def test_inside_a_notice_is_said_so(self) -> None:
        account = replace(ACCOUNT, fallback=Fallback.NOTICE, fallback_recipient="anna@example.org")
        routing = routed("", account=account)
        assert (to(routing), routing.fallback) == ("anna@example.org [F]", Fallback.NOTICE)
        assert "inside a notice" in routing.sentence

    def test_who_is_switched_off_or_unknown_leaves_it_parked(self) -> None:
        account = replace(ACCOUNT, fallback=Fallback.RECIPIENT, fallback_recipient="gone@example.org")
        assert routed("", account=account).park is ParkReason.UNROUTED

    @pytest.mark.parametrize("fallback", [Fallback.PARK, Fallback.NOTIFY_SENDER])
    def test_else_it_waits(self, fallback: Fallback) -> None:
        routing = routed("", account=replace(ACCOUNT, fallback=fallback))
        assert (routing.park, routing.fallback) == (ParkReason.UNROUTED, fallback)


fields = st.sampled_from(
    [
        "X-Rcpt",
        "X-Original-To",
        "Delivered-To",
        "Received",
        "To",
        "Cc",
        "Subject",
        "List-Id",
        "List-Post",
        "Return-Path",
    ]
)
values = st.lists(
    st.sampled_from(
        [
            "anna@example.org", "sales@example.org", "order-1@example.org", "x@shop.example", "x@foreign.example",
            "Anna <info@example.org>", "from a by mx.example for <anna@example.org>; x", "<a.news.example>", "offer",
            "for", "by", "(", ")", "<", ">", "\\", '"', "\udcff", "*", "=?utf-8?q?offer?=",
        ]
    ),
    max_size=5,
).map(" ".join)  # fmt: skip
headers = st.lists(st.tuples(fields, values), max_size=8).map(
    lambda pairs: "".join(f"{name}: {value}\n" for name, value in pairs).encode("utf-8", "surrogateescape")
)
accounts = st.builds(
    lambda **changes: replace(ACCOUNT, **changes),
    own_domains=st.sampled_from([(), ("example.org",)]),
    own_addresses=st.sampled_from([(), ("info@*",)]),
    envelope_header=st.sampled_from(["", "X-Rcpt"]),
    envelope_position=st.integers(1, 3),
    envelope_strict=st.booleans(),
    envelope_prefix=st.sampled_from(["", "ord"]),
    search_display_names=st.booleans(),
    search_subject=st.booleans(),
    provider_hosts=st.sampled_from([(), ("mx.example",)]),
    received_skip=st.integers(0, 2),
    excluded_headers=st.sampled_from([(), ("To",)]),
    excluded_recipients=st.sampled_from([(), ("sales@*",)]),
    fallback=st.sampled_from(list(Fallback)),
    fallback_recipient=st.sampled_from(["", "anna@example.org", "nobody@example.org"]),
)


@given(
    header=st.one_of(st.binary(max_size=200), headers),
    mailboxes=st.lists(
        st.sampled_from([ANNA, SALES, REST, replace(REST, route_all=RouteAll.ALWAYS), replace(ANNA, enabled=False)]),
        max_size=4,
    ),
    account=accounts,
)
def test_any_header_with_any_settings_is_routed_or_parked_and_each_recipient_is_one_of_the_office(
    header: bytes, mailboxes: list[Mailbox], account: Account
) -> None:
    routing = route(header, RoutingTable(mailboxes, (TestLists.ANY, TestLists.GARDEN)).for_account(account))
    keys = [one.address.key for one in routing.recipients]
    assert set(keys) <= {mailbox.address for mailbox in mailboxes if mailbox.enabled}
    assert len(keys) == len(set(keys)) == len(routing.codes)
    assert set(routing.codes) <= {code.value for code in Code} - {Code.PERSON.value}
    assert (routing.park is ParkReason.UNROUTED) == (not keys)
    assert (routing.reason is None) == bool(keys)
    by_address = [one for one in routing.candidates if one.accepted and one.code in set("EDRNIXK")]
    for one in by_address:
        domain = one.address.rstrip(">").rpartition("@")[2].lower()
        assert domain in {"example.org", "shop.example", "office.internal"}
