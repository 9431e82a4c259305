"""The settings of an account that hang on its protocol, most of them for IMAP: types and descriptions, for `[[accounts]]` in `settings.py`."""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Final

from msgspec import Meta

_ONE_LINE = r"^[^\x00-\x1f\x7f]*\Z"  # a folder's name becomes part of a protocol line


class MailProtocol(StrEnum):
    """How an account's mail is fetched."""

    POP3 = "pop3"  # RFC 1939
    IMAP = "imap"  # RFC 3501, RFC 9051


class ProviderCopy(StrEnum):
    """What becomes of the provider's copy once `delete` lets it go. POP3 knows `delete` alone."""

    DELETE = "delete"
    MOVE = "move"  # into another folder: RFC 6851, or COPY and delete
    SEEN = "seen"  # it stays and is marked as read
    LEAVE = "leave"  # it stays as it is


DELETE: Final = Meta(
    description="when a message is deleted at the provider: once the internal server took it, once it is safe here, or never"
)
Protocol = Annotated[MailProtocol, Meta(description="how mail is fetched: by `pop3`, or by `imap`")]
Port = (
    Annotated[
        int,
        Meta(
            ge=1,
            le=65535,
            examples=[110],
            description="port; by default 995 for tls, 110 for starttls and none; with IMAP 993 and 143",
        ),
    ]
    | None
)
DeleteAfter = Annotated[
    timedelta,
    Meta(extra={"zero": True}, examples=["3d"], description="keep the provider's copy for this long first; 0: do not"),
]
Folders = Annotated[
    tuple[str, ...],
    Meta(
        min_length=1,
        max_length=50,
        examples=["INBOX", "Junk"],
        description="IMAP: folders to fetch from, as the provider shows them; the first is the one that tells of new mail at once",
    ),
]
After = Annotated[
    ProviderCopy,
    Meta(
        description="IMAP: what becomes of the provider's copy when `delete` says that it may go: `delete`, `move`, mark as `seen` or `leave`"
    ),
]
MoveTo = Annotated[
    str,
    Meta(
        pattern=_ONE_LINE,
        max_length=250,
        extra={"form": "the name of a folder, one line of text"},
        examples=["Fetched"],
        description='IMAP: folder for `after = "move"`; made where there is none',
    ),
]
Push = Annotated[
    bool,
    Meta(description="IMAP: keep the connection and fetch as soon as the provider tells of new mail (IDLE)"),
]
