"""Shapes of parked messages: what a person sees of one, and what he decides about one or many; re-exported by `v1`."""

from typing import Annotated, Final, Literal

import msgspec

from mailgate.contract.shapes import Shape, Wish

MAX_ACT: Final = 500
"""Messages that one call decides about at most; of a selection that is larger, `next` says where another goes on."""

ReasonWord = Literal["", "unrouted", "refused", "oversize", "error", "quarantine", "loop"]
ActWord = Literal["retry", "redirect", "wrap", "delete"]
"""`retry`: the same recipients once more, or routed anew when it has none. `redirect`: to `addresses`. `wrap`: as an
attachment of a new message, to the same recipients. `delete`: nobody gets it."""


class HeaderLine(Shape):
    """One field of a header, decoded, in one line."""

    name: str
    value: str


class Attachment(Shape):
    """One part that is not shown as text: its file name, its media type, and its size in octets, decoded."""

    name: str
    type: str
    size: int


class Preview(Shape):
    """What a message says, without anything active: text alone, nothing loaded from elsewhere.

    `text_type` tells what `text` was made of: `html` was reduced to its text. `cut` says that there is more of header,
    text or attachments than is shown here; the `.eml` has all of it.
    """

    id: str
    size: int
    headers: tuple[HeaderLine, ...]
    text: str
    text_type: Literal["plain", "html", "none"]
    attachments: tuple[Attachment, ...]
    cut: bool


class ParkedSelection(Wish):
    """Which parked messages are meant; what is left empty does not restrict. `text` is looked for as by the list.

    `before` is a message id: only older ones are meant.
    """

    reason: ReasonWord = ""
    account: str = ""
    text: Annotated[str, msgspec.Meta(max_length=200)] = ""
    before: str = ""


class ParkedAct(Wish):
    """Decide about the messages `ids`, or about all of a selection: one of both. `addresses` go with `redirect`."""

    act: ActWord
    ids: Annotated[tuple[str, ...], msgspec.Meta(max_length=MAX_ACT)] = ()
    selection: ParkedSelection | None = None
    addresses: tuple[str, ...] = ()


class ActRefused(Shape):
    """A message that stays as it was, and why; `code` is that of the problem that a call for it alone would answer."""

    id: str
    code: str
    why: str


class ParkedReport(Shape):
    """What was decided: for which messages it was done, and for which not, newest first.

    `next` is the id to ask `before`, when the selection was larger than one call decides about; else it is empty.
    """

    done: tuple[str, ...]
    refused: tuple[ActRefused, ...]
    next: str = ""
