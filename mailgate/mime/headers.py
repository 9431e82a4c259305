"""Header fields: found, read, renamed and prepended; every octet that is not meant stays as it was.

Nothing here parses and writes a message anew, since no parser gives back all the octets that real mail is made of.
Nothing here raises, whatever it is fed; all of it is linear in octets. RFC 5322 section 2.2.

A line ends in CRLF, in a bare LF or in a bare CR (and CR CR LF ends one line): over SMTP bare ones become CRLF (RFC
5321 section 2.3.8), so this is how the next server sees the header. A line that is no field, such as the `From ` line
of an mbox file, is passed over together with its continuation lines; the fields after it count as ever.
"""

import re
from functools import lru_cache
from typing import Final, NamedTuple

from mailgate.model.message import HeaderEdit

MAX_HEADER_OCTETS: Final = 262_144  # octets looked at; the largest headers of real mail have about 64 KB
MAX_FIELDS: Final = 5_000  # fields and passed-over lines looked at

_EOL: Final = rb"(?>\r?\r?\n|\r)"
_NAME: Final = rb"[!-9;-~]++"  # ftext, RFC 5322 section 3.6.8
_FIELD: Final = re.compile(
    rb"(" + _NAME + rb")[ \t]*+:"  # white space before the colon: RFC 5322 section 4.5
    rb"([^\r\n]*+(?:" + _EOL + rb"|\Z)(?:[ \t][^\r\n]*+(?:" + _EOL + rb"|\Z))*+)"
)
_LINE: Final = re.compile(rb"[^\r\n]*+(?:" + _EOL + rb"|\Z)")
_LINE_END: Final = re.compile(_EOL)
_FOLD: Final = re.compile(_EOL + rb"(?=[ \t])")
_TWO_CRS: Final = re.compile(rb"\r\r(?!\n)")
_MBOX_LINE: Final = re.compile(rb">?From (?![ \t]*:)[^\r\n]*+" + _EOL)


class Field(NamedTuple):
    """One field of a header: `header[start:end]` is all of it, the last line end included.

    `name` is in lower case, `raw_name` as written. A tuple, since a message has twenty of them.
    """

    name: str
    raw_name: bytes
    start: int
    end: int
    raw_value: bytes

    @property
    def value(self) -> bytes:
        """What follows the colon, unfolded (RFC 5322 section 2.2.3), white space at both ends taken off."""
        value = self.raw_value.strip(b" \t\r\n")
        if b"\n" not in value and b"\r" not in value:  # most fields are one line, which needs no pattern
            return value
        return _FOLD.sub(b"", self.raw_value).strip(b" \t\r\n")


def split_header(data: bytes) -> tuple[bytes, int, bool]:
    """Return the header with its blank line, where in `data` the body starts, and whether the blank line was found.

    Without a blank line in the first `MAX_HEADER_OCTETS` the header is what is there, at most so many octets, cut
    after a line where there is one.
    """
    end = _header_end(data)
    if end:
        return data[:end], end, True
    if len(data) <= MAX_HEADER_OCTETS:
        return data, len(data), False
    cut = data.rfind(b"\n", 0, MAX_HEADER_OCTETS) + 1 or MAX_HEADER_OCTETS
    return data[:cut], cut, False


def _header_end(data: bytes) -> int:
    """Return where the first blank line ends, or 0. A few searches for two octets are much faster than one pattern."""
    if first := _LINE_END.match(data):
        return first.end()
    stop = min(len(data), MAX_HEADER_OCTETS)
    ends = []
    for two in (b"\n\r", b"\n\n"):  # whatever ends one line with LF, with the beginning of a blank one
        at = data.find(two, 0, stop)
        if at >= 0:
            ends.append(at + 1)
            stop = at + 2
    if data.find(b"\r\r", 0, stop) >= 0 and (crs := _TWO_CRS.search(data, 0, stop)):
        ends.append(crs.start() + 1)
    blank = _LINE_END.match(data, min(ends)) if ends else None
    return blank.end() if blank else 0


def fields(header: bytes) -> list[Field]:
    """Return the fields of `header`, topmost first, up to its blank line or its end.

    What lies beyond `MAX_HEADER_OCTETS` or after `MAX_FIELDS` lines is not looked at.
    """
    return list(_fields(header))


@lru_cache(maxsize=64)
def _fields(header: bytes) -> tuple[Field, ...]:
    """Several decisions read the header of one message, and some messages are worked on at a time."""
    found: list[Field] = []
    pos, stop = 0, min(len(header), MAX_HEADER_OCTETS)
    for _ in range(MAX_FIELDS):
        match = _FIELD.match(header, pos, stop)
        if match:
            raw_name = match[1]
            found.append(Field(raw_name.decode("ascii").lower(), raw_name, pos, match.end(), match[2]))
            pos = match.end()
        elif pos >= stop or _LINE_END.match(header, pos, stop):
            break
        else:
            line = _LINE.match(header, pos, stop)
            pos = line.end() if line else stop
    return tuple(found)


def edit(header: bytes, edit: HeaderEdit) -> bytes:
    """Return `header` with the prepended fields on top, the chosen fields renamed or left out; all else as it was.

    A leading `From ` line of an mbox file stays first: there the servers that know such lines look for them, and
    further down it would end the header.
    """
    mbox_line = _MBOX_LINE.match(header) if edit.prepend else None
    top = mbox_line.end() if mbox_line else 0
    parts, last = [header[:top], edit.prepend], top
    if edit.rename or edit.drop:
        new_names = {
            (rename.name.lower(), rename.value.encode("latin-1", "replace")): rename.new_name.encode("ascii", "replace")
            for rename in edit.rename
        }
        names = {name for name, _ in new_names}
        for found in fields(header):
            if found.name in edit.drop:
                parts.append(header[last : found.start])
                last = found.end
            elif found.name in names and (new_name := new_names.get((found.name, found.value))):
                parts += (header[last : found.start], new_name)
                last = found.start + len(found.raw_name)
    parts.append(header[last:])
    return b"".join(parts)
