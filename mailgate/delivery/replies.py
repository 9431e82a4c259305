"""What the internal server said, as the model has it: printable, bounded, and never more than was meant."""

from typing import Final

import aiosmtplib

from mailgate.model.status import Reply

MAX_REPLY_CHARS: Final = 1_000
"""Characters kept of one reply: several lines of the longest that RFC 5321 section 4.5.3.1.5 allows."""


def said_by(exc: aiosmtplib.SMTPResponseException) -> Reply:
    """Return the reply in the library's exception."""
    return reply(exc.code, exc.message)


def reply(code: int, text: str) -> Reply:
    """Return a reply with a text that can be shown and stored, whatever octets the server sent."""
    decoded = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    printable = "".join(c if c == "\n" or c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in decoded)
    return Reply(code, printable[:MAX_REPLY_CHARS])


def refuses(code: int) -> bool:
    """Return whether this code says no: for now (4xx) or for good (5xx), RFC 5321 section 4.2.1."""
    return 400 <= code < 600  # noqa: PLR2004 see the docstring
