"""Stored octets, and what a look at their headers told."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ContentRef:
    """Points at a stored body; `sha256` is of all octets as they were fetched, in lower-case hex."""

    id: int
    size_octets: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Glance:
    """A bounded, decoded look at a header for people: never used to decide where a message goes."""

    message_id: str = ""
    subject: str = ""
    from_: str = ""
    date: str = ""


@dataclass(frozen=True, slots=True)
class FieldRename:
    """Gives each field called `name` (any case) whose unfolded value is `value` the name `new_name`.

    `value` is the value's octets as Latin-1 text, white space at both ends taken off: any octets are allowed for.
    """

    name: str
    value: str
    new_name: str


@dataclass(frozen=True, slots=True)
class HeaderEdit:
    """What is done to the header on the way in; the stored octets stay as they were.

    `prepend` goes before the first field, CRLF line ends; `rename` touches a field's name and nothing else of it. Fields
    called as in `drop` (small letters) are left out.
    `wrap`: the whole goes as an attachment of a new message, whose header `prepend` begins.
    """

    prepend: bytes = b""
    rename: tuple[FieldRename, ...] = ()
    wrap: bool = False
    drop: tuple[str, ...] = ()
