"""Whether what arrived is what was generated: each message once, its body octet for octet, its header fields unchanged.

Every program puts fields of its own on top, and so does the server that took the message: fields may be added. What was
there has to be there still, in its order and as it was written; only the Return-Path may go, since it is envelope, not
header (RFC 5321 section 4.4: whoever delivers finally writes it anew). Line ends are LF on both sides.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

SHOWN: Final = 3
_FIELD_END: Final = re.compile(rb"\n(?![ \t])")
_ENVELOPE: Final = b"return-path"
_MESSAGE_ID: Final = b"message-id"


@dataclass(frozen=True, slots=True)
class Letter:
    """The fields of the header, each with its folds, and the hash of the body."""

    fields: tuple[bytes, ...]
    body: bytes

    @property
    def message_id(self) -> str:
        """What tells one message from another here: the generator gives each its own."""
        return next((_value(field) for field in self.fields if _name(field) == _MESSAGE_ID), "")


def read(octets: bytes) -> Letter:
    """Take a message apart; its line ends are LF."""
    header, _, body = octets.partition(b"\n\n")
    return Letter(tuple(_FIELD_END.split(header)), hashlib.blake2b(body).digest())


def letters(files: Iterable[Path]) -> Mapping[str, Letter]:
    """Return the messages in these files by their Message-ID."""
    return {letter.message_id: letter for letter in (read(file.read_bytes()) for file in files)}


def faults(sent: Mapping[str, Letter], arrived: Iterable[bytes]) -> Sequence[str]:
    """Return what is wrong with what arrived, in a few sentences; nothing when all is well."""
    count: Counter[str] = Counter()
    changed: dict[str, str] = {}
    for octets in arrived:
        letter = read(octets)
        count[letter.message_id] += 1
        if letter.message_id in sent:
            difference = _difference(sent[letter.message_id], letter)
            if difference:
                changed[letter.message_id] = difference
    found = {
        "did not arrive": [one for one in sent if not count[one]],
        "arrived more than once": [one for one, times in count.items() if times > 1],
        "arrived and were never sent": [one for one in count if one not in sent],
    }
    said = [f"{len(ids)} messages {what}: {_some(ids)}" for what, ids in found.items() if ids]
    for difference, times in Counter(changed.values()).items():
        ids = [one for one, why in changed.items() if why == difference]
        said.append(f"{times} messages: {difference}: {_some(ids)}")
    return said


def _difference(sent: Letter, arrived: Letter) -> str:
    if sent.body != arrived.body:
        return "the body is another"
    rest = iter(arrived.fields)
    for field in sent.fields:
        if _name(field) != _ENVELOPE and field not in rest:  # `in` goes on from where the last one was found
            return f"the field {_name(field).decode('latin-1')} is gone or changed"
    return ""


def _some(ids: Sequence[str]) -> str:
    return ", ".join(ids[:SHOWN]) + (" ..." if len(ids) > SHOWN else "")


def _name(field: bytes) -> bytes:
    return field.partition(b":")[0].strip().lower()


def _value(field: bytes) -> str:
    return field.partition(b":")[2].strip().decode("latin-1")
