"""What a header calls the mailing list that a message came by: RFC 2919, RFC 2369, and its envelope sender."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from mailgate.mime.headers import Field
from mailgate.model.address import Address
from mailgate.policy.recipients import MAX_ADDRESS_CHARS

_IN_ANGLES: Final = re.compile(r"<([^<>]*)>")


def list_names(by_name: Mapping[str, Sequence[Field]], sender: Address | None) -> Iterator[tuple[Field, str]]:
    """Yield each name of the list and the field it stands in: List-Id, List-Post, then the envelope sender.

    Only the topmost field of each name counts.
    """
    for one in by_name.get("list-id", [])[:1]:
        yield one, _in_angles(one) or _text(one)
    for one in by_name.get("list-post", [])[:1]:
        yield one, (_in_angles(one) or _text(one)).removeprefix("mailto:").partition("?")[0]
    if sender:
        for one in by_name.get("return-path", [])[:1]:
            yield one, str(sender)


def _in_angles(one: Field) -> str:
    """Return what stands in the last pair of angle brackets; what comes before it is a phrase for people."""
    found = _IN_ANGLES.findall(_text(one))
    return found[-1].strip() if found else ""


def _text(one: Field) -> str:
    return one.value.decode("utf-8", "replace")[-MAX_ADDRESS_CHARS:].strip()
