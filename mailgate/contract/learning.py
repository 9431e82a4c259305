"""Teaching, trying and the capability report in the API's shapes."""

from typing import Annotated, Any, Literal

import msgspec

from mailgate.contract.shapes import Shape, Wish

LessonWord = Literal["alias", "keyword", "list"]
Addresses = Annotated[
    tuple[str, ...], msgspec.Meta(max_length=100, description="recipients of this office; an alias leads to one")
]


class Suggestion(Shape):
    """What a message offers to be led by: `value` stood in `field`; `own`: it is an address of the office's domains."""

    kind: LessonWord
    value: str
    field: str
    own: bool


class Suggestions(Shape):
    """What a message could be led by, the likeliest first."""

    id: str
    suggestions: tuple[Suggestion, ...]


class Teach(Wish):
    """A lesson by a message: `value` leads to `recipients` from now on.

    `others`: the other unrouted messages that it catches are sent on, too; a preview only counts them.
    """

    id: str
    kind: LessonWord
    value: Annotated[str, msgspec.Meta(min_length=1, max_length=400)]
    recipients: Addresses
    others: bool = False
    revision: str = ""


class CaughtMessage(Shape):
    """A message that a lesson would lead elsewhere: where it went, and would go."""

    id: str
    state: str
    park_reason: str
    account: str
    from_: str = msgspec.field(name="from")
    subject: str
    before: tuple[str, ...]
    after: tuple[str, ...]


class TeachPreview(Shape):
    """What a lesson would do: who would get the message, and which of the last ones it would lead elsewhere.

    Headers of `looked_at` messages could be read; of `unreadable` ones the body is not kept any more.
    """

    id: str
    recipients: tuple[str, ...]
    codes: str
    text: str
    caught: tuple[CaughtMessage, ...]
    looked_at: int
    unreadable: int


class NotSent(Shape):
    """A message that could not be sent on, and why."""

    id: str
    why: str


class TeachReport(Shape):
    """A lesson that is in force, and the messages that were sent on by it."""

    changes: tuple[str, ...]
    revision: str
    sent: tuple[str, ...]
    not_sent: tuple[NotSent, ...]


class HeaderUse(Shape):
    """A header that may name the envelope recipient.

    `present` messages have it, in `single` of them its topmost one names one own address, in `unlike_to` one that To and
    Cc do not name. `percent` is `single` of all that were looked at.
    """

    name: str
    present: int
    single: int
    unlike_to: int
    percent: float


class CapabilityPoint(Shape):
    """What makes a header safe: `one_copy_each`, `return_path`, `one_address`. `holds` is null when nothing shows it."""

    code: str
    holds: bool | None
    text: str


class CapabilityReport(Shape):
    """What an account's last messages show of its provider.

    `messages` of the last 500 are kept, the headers of `looked_at` could be read; `unattributed` had nobody to go to.
    `suggestion` is a header to be set as `envelope_header`, empty when there is none to suggest or it is set already.
    """

    account: str
    messages: int
    looked_at: int
    unreadable: int
    unattributed: int
    headers: tuple[HeaderUse, ...]
    points: tuple[CapabilityPoint, ...]
    envelope_header: str
    suggestion: str
    safe: bool
    text: str


class TryMessage(Wish):
    """A message whose routing is asked for: a stored one by its `id`, or a `header`, or a whole message.

    Or one that is still at the provider: by its `uid`, or by its `number` in the mailbox of `account`, counted from 1.
    `account` is the one that it would come from; without it that of the stored message. `settings` are tried in the place
    of those that the account has.
    """

    id: str = ""
    header: str = ""
    uid: Annotated[str, msgspec.Meta(max_length=400)] = ""
    number: Annotated[int, msgspec.Meta(ge=0, le=10_000_000)] = 0
    account: str = ""
    settings: dict[str, Any] = {}  # noqa: RUF012 msgspec copies it
