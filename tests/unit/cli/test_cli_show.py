"""What a fetch came to, in words."""

import pytest

from mailgate.cli import show
from mailgate.contract import v1

BIG = v1.LeftMessage("office", "u7", "it has 30000000 octets, more than max_message_size allows")
REFUSED = v1.LeftMessage("office", "u8", "the server refuses it: -ERR gone")
OTHER = v1.LeftMessage("sales", "u9", "the server sent nothing for it")


def report(
    *left: v1.LeftMessage, taken: int = 0, errors: tuple[str, ...] = (), recognised: int = 0
) -> v1.SessionReport:
    return v1.SessionReport(
        id=1,
        done=True,
        accounts=("office", "sales"),
        listed=3,
        new=taken,
        taken=taken,
        delivered=taken,
        parked=0,
        deferred=0,
        deleted=0,
        failed=len(left) + len(errors),
        errors=errors,
        left=left,
        recognised=recognised,
    )


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (report(), "No new mail."),
        (report(recognised=3), "No new mail.\n3 known already, under another UID: not fetched again"),
        (report(errors=("office: no answer",)), "FAILED office: no answer"),
        (
            report(BIG),
            f"LEFT office: 1 message was left at the provider: {BIG.why}",
        ),
        (
            report(BIG, REFUSED, OTHER, taken=2, errors=("sales: no answer",)),
            """\
2 fetched: 2 delivered, 0 parked, 0 to be tried again
LEFT office: 2 messages were left at the provider:
  it has 30000000 octets, more than max_message_size allows (UID u7)
  the server refuses it: -ERR gone (UID u8)
LEFT sales: 1 message was left at the provider: the server sent nothing for it
FAILED sales: no answer""",
        ),
    ],
)
def test_what_was_left_at_the_provider_is_told_with_the_reason_and_is_never_no_new_mail(
    said: v1.SessionReport, words: str
) -> None:
    assert show.session(said) == words


def test_of_many_that_were_left_the_first_are_named_and_the_rest_counted() -> None:
    lines = show.session(report(*[BIG] * 12)).splitlines()
    assert lines[0] == "LEFT office: 12 messages were left at the provider:"
    assert len(lines) == 12
    assert lines[-1] == "  and 2 more"
