"""What a message offers to be led by, and the settings that a lesson becomes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.config.editing import Add, Change
from mailgate.model.errors import ConflictError, UnknownError
from mailgate.model.routing_options import MailingList
from mailgate.model.settings import Account, Config, InternalServer, Mailbox
from mailgate.policy.recipients import AccountTable, RoutingTable
from mailgate.policy.teaching import Lesson, LessonKind, suggestions, taught

ACCOUNT = Account(name="office", host="h", user="u", password="env:X", own_domains=("example.org",))
ANNA = Mailbox(address="anna@example.org", aliases=("sales@example.org",))
BEN = Mailbox(address="ben@example.org", keywords=("ben@",))


def config(**more: object) -> Config:
    given = {"accounts": (ACCOUNT,), "recipients": (ANNA, BEN), **more}
    return Config(internal=InternalServer(host="h"), **given)  # type: ignore[arg-type]


def table(account: Account = ACCOUNT) -> AccountTable:
    return RoutingTable(config().recipients).for_account(account)


def offered(header: bytes, account: Account = ACCOUNT) -> list[tuple[str, str, bool]]:
    return [(one.lesson.kind, one.lesson.value, one.own) for one in suggestions(header, table(account), None)]


def test_an_own_address_that_nobody_has_comes_before_the_list_and_before_foreign_ones() -> None:
    header = b"To: x@foreign.example, new@example.org, anna@example.org\r\nList-Id: Garden <garden.example.net>\r\n\r\n"
    assert offered(header) == [
        ("alias", "new@example.org", True),
        ("list", "garden.example.net", False),
        ("alias", "x@foreign.example", False),
    ]


def test_the_name_before_an_address_is_offered_where_names_are_searched() -> None:
    header = b"To: =?utf-8?q?K=C3=BCche?= <info@provider.example>\r\n\r\n"
    searching = Account(name="office", host="h", user="u", password="env:X", search_display_names=True)
    assert ("keyword", "Küche", False) in offered(header, searching)
    assert [kind for kind, _, _ in offered(header)] == ["alias"]


def test_an_alias_is_added_to_those_that_the_recipient_has() -> None:
    lesson = Lesson(LessonKind.ALIAS, "shop@example.org", ("Anna@Example.org",))
    assert taught(config(), lesson, ACCOUNT) == (
        Change("recipients", "anna@example.org", {"aliases": ["sales@example.org", "shop@example.org"]}),
    )


def test_an_alias_that_the_account_would_not_look_at_is_let_through() -> None:
    lesson = Lesson(LessonKind.ALIAS, "shop@example.com", ("anna@example.org",))
    [_, lets] = taught(config(), lesson, ACCOUNT)
    assert lets == Change("accounts", "office", {"own_addresses": ["shop@example.com"]})


def test_a_keyword_goes_to_each_of_the_recipients() -> None:
    lesson = Lesson(LessonKind.KEYWORD, "kitchen", ("anna@example.org", "ben@example.org"))
    assert taught(config(), lesson, ACCOUNT) == (
        Change("recipients", "anna@example.org", {"keywords": ["kitchen"]}),
        Change("recipients", "ben@example.org", {"keywords": ["ben@", "kitchen"]}),
    )


def test_what_is_taught_twice_stands_once() -> None:
    lesson = Lesson(LessonKind.KEYWORD, "ben@", ("ben@example.org",))
    assert taught(config(), lesson, ACCOUNT) == (Change("recipients", "ben@example.org", {}),)


def test_a_list_is_added_and_a_known_one_gets_more_recipients() -> None:
    lesson = Lesson(LessonKind.LIST, "garden.example.net", ("anna@example.org", "ben@example.org"))
    values = {"id": "garden.example.net", "recipients": ["anna@example.org", "ben@example.org"]}
    assert taught(config(), lesson, ACCOUNT) == (Add("lists", values),)
    known = MailingList(id="Garden.example.net", recipients=("ben@example.org",))
    assert taught(config(lists=(known,)), lesson, ACCOUNT) == (
        Change("lists", "Garden.example.net", {"recipients": ["ben@example.org", "anna@example.org"]}),
    )


@pytest.mark.parametrize(
    ("lesson", "error"),
    [
        (Lesson(LessonKind.ALIAS, "x@example.org", ("anna@example.org", "ben@example.org")), ConflictError),
        (Lesson(LessonKind.ALIAS, "x@example.org"), ConflictError),
        (Lesson(LessonKind.KEYWORD, "  ", ("anna@example.org",)), ConflictError),
        (Lesson(LessonKind.LIST, "l", ("nobody@example.org",)), UnknownError),
    ],
)
def test_a_lesson_that_leads_nowhere_is_refused(lesson: Lesson, error: type[Exception]) -> None:
    with pytest.raises(error):
        taught(config(), lesson, ACCOUNT)


@given(header=st.binary(max_size=300))
def test_no_header_breaks_the_suggestions(header: bytes) -> None:
    suggestions(b"To: " + header + b"\r\nList-Id: " + header + b"\r\n\r\n", table(), None)
