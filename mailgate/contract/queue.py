"""Shapes of the queue: what has not left yet and why, what a person does about it, and how far a large act is."""

from datetime import datetime
from typing import Annotated, Final, Literal

import msgspec

from mailgate.contract.shapes import Shape, Wish

MAX_ACT_IDS: Final = 500
"""Messages that one call names at most; a selection may be of any size."""
MAX_DELAY_S: Final = 60
MAX_RECIPIENTS: Final = 1000
"""Recipients that a person may give one message."""

QueueStateWord = Literal["received", "ready", "held", "frozen", "active", "parked"]
QueueActWord = Literal["freeze", "thaw", "send", "remove", "relay"]
"""`freeze`: stop it, until a time or for ever. `thaw`: let a frozen one go on. `send`: try it now, out of hold, freeze
or the wait for its next try. `remove`: it goes back to its sender, or with `silent` to nobody, where the office
allows that (`api.silent_removal`). `relay`: send it by
another relay."""
OperationStateWord = Literal["waiting", "running", "done", "failed", "undone"]


class QueueRecipient(Shape):
    """One recipient: how it stands, the peer's last answer, and when its sender wants to be told (NOTIFY).

    `error_class` says what a refusal is, such as `mailbox-full`; empty where there is none.
    """

    address: str
    state: Literal["pending", "delivered", "relayed", "failed", "unknown"]
    reply: str
    notify: tuple[str, ...]
    error_class: str = ""


class QueueEntry(Shape):
    """One message of the office that is in the queue, or was when it was asked for.

    `until` is when a held or frozen one goes on by itself, None: never; `next_attempt` when a ready one is tried.
    `deferred`: it was tried, and waits for its next try. `relay` is empty for the internal server; `relay_missing`: the
    settings have no such relay any more. `last_answer` is the last one that a server gave. `will_tell`: when it is
    removed, its sender is told; `will_tell_why` says in words why not.
    """

    id: str
    state: Literal["received", "ready", "held", "frozen", "active", "parked", "done"]
    queued_at: datetime
    next_attempt: datetime | None
    until: datetime | None
    deferred: bool
    tries: int
    sender: str
    from_: str = msgspec.field(name="from")
    subject: str
    message_id: str
    size: int
    relay: str
    relay_missing: bool
    recipients: tuple[QueueRecipient, ...]
    text: str
    last_answer: str
    host: str
    will_tell: bool
    will_tell_why: str
    park_reason: str = ""


class QueuePage(Shape):
    """Some messages of the queue, newest first. `next` is the id to ask `before`, empty at the end.

    `total` is how many match in all; None where a text was looked for: only as much is looked through as gives an answer
    at once, and `next` may be set although fewer than asked for were found.
    """

    entries: tuple[QueueEntry, ...]
    next: str
    total: int | None


class QueueCount(Shape):
    """How many messages go one way, by state. `relay` is empty for the internal server; see `QueueEntry`."""

    relay: str
    relay_missing: bool
    total: int
    states: dict[str, int]


class QueueCounts(Shape):
    """The queue in numbers: all of it, and by relay."""

    total: int
    states: dict[str, int]
    relays: tuple[QueueCount, ...]


class QueueSelection(Wish):
    """Which messages of the queue are meant; what is left empty does not restrict.

    `relay` None means any, the empty one the internal server. `sender` and `recipient` are parts of addresses, `text` is
    looked for in subject, addresses and Message-ID. `queued_before`: only those that were taken before then. `ids`: none
    but these.
    """

    states: tuple[QueueStateWord, ...] = ()
    relay: str | None = None
    sender: Annotated[str, msgspec.Meta(max_length=200)] = ""
    recipient: Annotated[str, msgspec.Meta(max_length=200)] = ""
    text: Annotated[str, msgspec.Meta(max_length=200)] = ""
    queued_before: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    ids: Annotated[tuple[str, ...], msgspec.Meta(max_length=MAX_ACT_IDS)] = ()


class QueueAct(Wish):
    """Do something with one message. `until` goes with `freeze`, `silent` with `remove`, `to_relay` with `relay`."""

    act: QueueActWord
    until: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    silent: bool = False
    to_relay: str | None = None


class QueueBulkAct(Wish):
    """Do something with the messages `ids`, or with all of a selection: one of both; see `QueueAct`.

    An empty selection means the whole queue. `delay_s`: wait so long before, so that it can be called off by `undo`;
    what is to be removed is frozen meanwhile.
    """

    act: QueueActWord
    ids: Annotated[tuple[str, ...], msgspec.Meta(max_length=MAX_ACT_IDS)] = ()
    selection: QueueSelection | None = None
    until: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    silent: bool = False
    to_relay: str | None = None
    delay_s: Annotated[int, msgspec.Meta(ge=0, le=MAX_DELAY_S)] = 0


class QueueRecipients(Wish):
    """Whom a message goes to from now on, in place of those who do not have it yet; at least one."""

    addresses: Annotated[tuple[str, ...], msgspec.Meta(min_length=1, max_length=MAX_RECIPIENTS)]


class QueueBefore(Shape):
    """How a message stood before an act: its state, until when (held, frozen) or when it was due, and its relay."""

    state: str
    until: datetime | None
    relay: str


class QueueActed(Shape):
    """What an act made of a message. `undo` is the operation to undo; 0: this act cannot be undone."""

    entry: QueueEntry
    before: QueueBefore
    undo: int = 0


class QueueForecast(Shape):
    """What a selection holds, before something is done with it.

    `total` messages in the queue. A removal tells the senders of `told` of them, and nobody of `untold`: `no_sender` have
    none, being reports or notices themselves, and the senders of `not_wanted` asked not to be told (NOTIFY).
    """

    total: int
    untold: int
    told: int = 0
    no_sender: int = 0
    not_wanted: int = 0


class Operation(Shape):
    """How far an act about many messages is.

    `done` of `total` so far; `refused` could not be done, such as what is being sent just now. `undoable`: `undo` takes back what it did, as far as that has not been sent meanwhile.
    """

    id: int
    act: QueueActWord
    state: OperationStateWord
    by: str
    began: datetime
    ended: datetime | None
    total: int
    done: int
    refused: int
    undoable: bool
    error: str = ""
