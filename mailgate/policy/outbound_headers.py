"""What is put on top of a message that the office sends: the trace field, the loop mark, what a program forgot."""

from collections.abc import Iterable
from datetime import datetime

from mailgate.mime.headers import fields
from mailgate.model.address import Address
from mailgate.model.envelope import Envelope
from mailgate.model.message import HeaderEdit
from mailgate.model.source import Direction
from mailgate.policy.inbound_headers import date_time, domain_word, folded, plain_word
from mailgate.policy.loops import FIELD, loop_mark


def outgoing_edit(
    header: bytes,
    *,
    entry_name: str,
    envelope: Envelope,
    host: str,
    hostname: str,
    received_at: datetime,
    loop_key: bytes,
    complete: bool,
) -> HeaderEdit:
    """Return the edit of a message from the client at `host`, by this machine called `hostname`.

    `complete` adds Date and Message-ID where they are missing (RFC 6409 sections 8.2 and 8.3): for programs, never for
    mail servers, which may send what was signed.
    """
    prepend = _received(envelope, host=host, hostname=hostname, entry_name=entry_name, at=received_at)
    addresses: Iterable[Address] = (one.address for one in envelope.recipients)
    prepend += folded(f"{FIELD}:", loop_mark(loop_key, Direction.OUTBOUND, addresses))
    if complete:
        present = {field.name for field in fields(header)}
        if "date" not in present:
            prepend += folded("Date:", [date_time(received_at)])
        if "message-id" not in present:
            prepend += folded("Message-ID:", [f"<{entry_name}.{int(received_at.timestamp())}@{domain_word(hostname)}>"])
    return HeaderEdit(prepend)


def _received(envelope: Envelope, *, host: str, hostname: str, entry_name: str, at: datetime) -> bytes:
    """Return the trace field of RFC 5321 section 4.4; the address in it only where there is one recipient."""
    words = ["from", plain_word(envelope.hello or "unknown"), f"({domain_word(host)})", "by", domain_word(hostname)]
    words += ["with", envelope.protocol, "(MailGate)", "id", plain_word(entry_name)]
    if len(envelope.recipients) == 1 and envelope.recipients[0].address.is_ascii:
        words += ["for", f"<{envelope.recipients[0].address}>"]
    words[-1] += ";"
    return folded("Received:", [*words, date_time(at)])
