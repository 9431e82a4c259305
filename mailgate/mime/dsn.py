"""Delivery reports as multipart/report: words for a person, fields for programs, and what was sent (RFC 3464, RFC 6522).

What comes back with it, whole or its header alone, keeps its octets. All else is ASCII in short lines, but for
addresses that ASCII cannot say: then the parts are those of RFC 6533. Nothing that a peer or a sender has said can
begin a field or a part of its own.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from mailgate.mime.compose import Around, Cover, fill, header_of
from mailgate.mime.decode import printable
from mailgate.mime.encode import quoted_printable
from mailgate.model.notices import Template
from mailgate.model.reports import Action, Report, ReportRecipient
from mailgate.model.status import Reply

MAX_DIAGNOSTIC_CHARS: Final = 900
MAX_NAMED: Final = 100
"""Recipients that the words name one by one; the fields name all."""
EACH: Final = ("%{address}", "%{reason}")
"""A line of a template that has one of these stands there once for each recipient."""

_LINE_CHARS: Final = 78
_MAX_ID_CHARS: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the machine-readable fields say beside the report itself.

    `reporting_mta` is this machine's name, `remote_mta` that of the next hop, empty when it has said nothing; dates are
    as RFC 5322 section 3.3 writes them. `returned` tells of what comes back: a `utf8` header or message is one that ASCII
    cannot carry (RFC 6532).
    """

    reporting_mta: str
    remote_mta: str
    arrived: str
    last_attempt: str
    retry_until: str = ""
    utf8: bool = False


def compose_report(
    template: Template, values: Mapping[str, str], cover: Cover, report: Report, facts: Facts, *, boundary: str
) -> Around:
    """Return what stands before and after the octets that come back: the message when `report.full`, else its header.

    `boundary` is in no message that was ever written, as for `compose_around`.
    """
    mark = boundary.encode("ascii")
    wide = facts.utf8 or any(not one.address.is_ascii for one in report.recipients)
    status = "message/global-delivery-status" if wide else "message/delivery-status"
    if report.full:
        back = "message/global" if facts.utf8 else "message/rfc822"
    else:
        back = "message/global-headers" if facts.utf8 else "text/rfc822-headers"
    bits = b"Content-Transfer-Encoding: 8bit\r\n"
    before = (
        header_of(template, values, cover)
        + b"Content-Type: multipart/report; report-type=" + (b"global-delivery-status" if wide else b"delivery-status")
        + b';\r\n boundary="' + mark + b'"\r\n' + bits + b"\r\n"
        + b"--" + mark + b"\r\nContent-Type: text/plain; charset=utf-8\r\n"
        + b"Content-Transfer-Encoding: quoted-printable\r\n\r\n"
        + quoted_printable(_words(template.text, values, report.recipients))
        + b"--" + mark + b"\r\nContent-Type: " + status.encode("ascii") + b"\r\n" + (bits if wide else b"") + b"\r\n"
        + _fields(report, facts, wide=wide)
        + b"--" + mark + b"\r\nContent-Type: " + back.encode("ascii") + b"\r\n" + bits + b"\r\n"
    )  # fmt: skip
    return Around(before, b"\r\n--" + mark + b"--\r\n")


def _words(text: str, values: Mapping[str, str], recipients: Sequence[ReportRecipient]) -> str:
    """Return the text for people: filled in, with a line for each recipient where the template has one."""
    lines: list[str] = []
    for line in text.split("\n"):
        if not any(one in line for one in EACH):
            lines.append(fill(line, values))
            continue
        lines += (
            fill(line, {**values, "address": one.address.display, "reason": _reason(one)})
            for one in recipients[:MAX_NAMED]
        )
        if len(recipients) > MAX_NAMED:
            lines.append(f"... (+ {len(recipients) - MAX_NAMED})")
    return "\n".join(lines)


def _reason(one: ReportRecipient) -> str:
    said = f"{one.reply.code} {one.reply.text}" if one.reply.code else one.reply.text
    return said if one.status in said else f"{said} [{one.status}]"


def _fields(report: Report, facts: Facts, *, wide: bool) -> bytes:
    """Return the fields about the message (RFC 3464 section 2.2), then those about each recipient (2.3)."""
    groups: list[list[tuple[str, str]]] = [
        [
            ("Original-Envelope-Id", printable(_ascii(report.envid), _MAX_ID_CHARS)),
            ("Reporting-MTA", f"dns; {facts.reporting_mta}"),
            ("Arrival-Date", facts.arrived),
        ]
    ]
    groups += (list(_about(one, facts, wide=wide)) for one in report.recipients)
    lines = [[_field(name, value) for name, value in group if value] for group in groups]
    return ("\r\n\r\n".join("\r\n".join(group) for group in lines) + "\r\n\r\n").encode("utf-8" if wide else "ascii")


def _about(one: ReportRecipient, facts: Facts, *, wide: bool) -> Iterable[tuple[str, str]]:
    said = _diagnostic(one.reply, wide=wide)
    kind, _, original = one.original.partition(";")
    if kind and original:
        yield "Original-Recipient", f"{_tidy(kind, wide=False)}; {_tidy(original, wide=wide)}"
    address = str(one.address)
    yield "Final-Recipient", f"rfc822; {address}" if one.address.is_ascii else f"utf-8; {_tidy(address, wide=True)}"
    yield "Action", one.action.value
    yield "Status", one.status
    yield "Remote-MTA", f"dns; {facts.remote_mta}" if facts.remote_mta and said else ""
    yield "Diagnostic-Code", f"smtp; {said}" if said else ""
    yield "Last-Attempt-Date", facts.last_attempt
    yield "Will-Retry-Until", facts.retry_until if one.action is Action.DELAYED else ""


def _diagnostic(reply: Reply, *, wide: bool) -> str:
    """Return a reply on one line; nothing when the peer said nothing (code 0), whatever we have noted of it."""
    if not reply.code:
        return ""
    return printable(_tidy(f"{reply.code} {reply.text}", wide=wide), MAX_DIAGNOSTIC_CHARS).replace("…", "...")


def _tidy(text: str, *, wide: bool) -> str:
    text = printable(text)
    return (text.encode("utf-8", "replace").decode() if wide else _ascii(text)).replace("…", "...")


def _ascii(text: str) -> str:
    return "".join(c if " " <= c <= "~" else "?" if c.isprintable() else " " for c in text)


def _field(name: str, value: str) -> str:
    """Return one field, folded where it can be; a value has no line end of its own."""
    line, done = f"{name}:", list[str]()
    for word in value.split(" "):
        if len(line) + 1 + len(word) > _LINE_CHARS and line.strip() not in ("", f"{name}:"):
            done.append(line)
            line = ""
        line = f"{line} {word}"
    return "\r\n".join([*done, line])
