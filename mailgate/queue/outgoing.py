"""An entry as it is sent: its envelope, and its octets with all that is put on them."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass

from mailgate.config.templates import shipped_templates
from mailgate.mime.compose import Cover, compose_around, fill
from mailgate.mime.headers import edit, split_header
from mailgate.mime.wrap import Wrapping
from mailgate.model.address import Address
from mailgate.model.entry import QueueEntry
from mailgate.model.notices import FALLBACK_LANGUAGE, NoticeKind, Template
from mailgate.policy.inbound_headers import date_time
from mailgate.policy.search import Code
from mailgate.ports.stages import Outgoing
from mailgate.ports.store import Store


@dataclass(frozen=True, slots=True)
class Inside:
    """What is said around a message that goes inside another one, and who says it."""

    template: Template
    values: Mapping[str, str]
    from_: Address


Words = Callable[[QueueEntry, NoticeKind], Inside]
"""Says that of an entry: `unrouted` for who gets what has nobody to go to, `wrapped` for one that was refused."""


def shipped_words(entry: QueueEntry, kind: NoticeKind) -> Inside:
    """Return what comes with MailGate, in English."""
    values = values_of(entry)
    sender = Address("postmaster", entry.recipients[0].address.domain)
    return Inside(shipped_templates()[FALLBACK_LANGUAGE, kind], values, sender)


def values_of(entry: QueueEntry) -> dict[str, str]:
    """Return what stands for the placeholders about a message."""
    reply = next((str(one.reply) for one in entry.recipients if one.reply), "")
    return {
        "recipient": str(entry.recipients[0].address),
        "from": entry.glance.from_,
        "subject": entry.glance.subject,
        "date": entry.glance.date,
        "account": entry.source.account,
        "id": entry.name,
        "reason": reply or entry.text,
    }


def outgoing(store: Store, entry: QueueEntry, beginning: bytes, words: Words = shipped_words) -> Outgoing:
    """Return what is said of `entry` to a peer; `beginning` is its header, or all of its body."""
    if entry.edit.wrap and entry.recipients:
        if any(one.code == Code.FALLBACK.value for one in entry.open_recipients):
            return _in_a_notice(store, entry, words(entry, NoticeKind.UNROUTED))
        return _wrapped(store, entry, words(entry, NoticeKind.WRAPPED))
    head, start, _ = split_header(beginning)
    edited = edit(head, entry.edit)
    whole = len(beginning) == entry.content.size_octets

    async def octets() -> AsyncIterator[bytes]:
        yield edited
        if whole:
            yield beginning[start:]
            return
        async with aclosing(store.read(entry.content, start=start)) as chunks:
            async for chunk in chunks:
                yield chunk

    size = len(edited) + entry.content.size_octets - start
    # RFC 6531 section 3.4: what needs SMTPUTF8 goes on with it. Fetched mail has no envelope: nobody said what it needs.
    utf8 = entry.envelope is not None and entry.envelope.utf8 and not edited.isascii()
    return Outgoing(entry.name, entry.sender, _open(entry), size, octets, entry.envelope, utf8)


def _in_a_notice(store: Store, entry: QueueEntry, inside: Inside) -> Outgoing:
    """The message as message/rfc822, octet for octet: nothing is wrong with it but that it names nobody."""
    cover = Cover(
        from_=inside.from_,
        to=entry.recipients[0].address,
        date=date_time(entry.received_at),
        message_id=f"{entry.name}.{entry.content.sha256[:16]}@{inside.from_.domain}",
    )
    boundary = f"={entry.name}.{entry.content.sha256[16:40]}"
    around = compose_around(inside.template, inside.values, cover, boundary=boundary)
    before = entry.edit.prepend + around.before

    async def octets() -> AsyncIterator[bytes]:
        yield before
        async with aclosing(store.read(entry.content)) as chunks:
            async for chunk in chunks:
                yield chunk
        yield around.after

    size = len(before) + entry.content.size_octets + len(around.after)
    return Outgoing(entry.name, entry.sender, _open(entry), size, octets)


def _wrapped(store: Store, entry: QueueEntry, inside: Inside) -> Outgoing:
    def wrapping() -> Wrapping:
        return Wrapping(
            entry.edit.prepend,
            recipient=entry.recipients[0].address,
            from_=inside.from_,
            subject=fill(inside.template.subject, inside.values),
            text=fill(inside.template.text, inside.values),
            date=date_time(entry.received_at),
            message_id=f"{entry.name}.{entry.content.sha256[:16]}",
            boundary=f"={entry.name}.{entry.content.sha256[16:40]}",
        )

    async def octets() -> AsyncIterator[bytes]:
        around = wrapping()
        yield around.head
        async with aclosing(store.read(entry.content)) as chunks:
            async for chunk in chunks:
                yield around.inner(chunk)
        yield around.inner(b"", last=True)
        yield around.tail

    size = wrapping().size_octets(entry.content.size_octets)
    return Outgoing(entry.name, entry.sender, _open(entry), size, octets)


def _open(entry: QueueEntry) -> list[Address]:
    return [one.address for one in entry.open_recipients]
