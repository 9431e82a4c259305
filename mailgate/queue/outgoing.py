"""An entry as it is sent: its envelope, and its octets with all that is put on them."""

from collections.abc import AsyncIterator
from contextlib import aclosing

from mailgate.mime.headers import edit, split_header
from mailgate.mime.wrap import Wrapping
from mailgate.model.address import Address
from mailgate.model.entry import QueueEntry
from mailgate.policy.inbound_headers import date_time
from mailgate.policy.search import Code
from mailgate.ports.stages import Outgoing
from mailgate.ports.store import Store


def outgoing(store: Store, entry: QueueEntry, beginning: bytes) -> Outgoing:
    """Return what is said of `entry` to a peer; `beginning` is its header, or all of its body."""
    if entry.edit.wrap and entry.recipients:
        return _wrapped(store, entry)
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
    return Outgoing(entry.name, entry.sender, _open(entry), size, octets, entry.envelope)


def _wrapped(store: Store, entry: QueueEntry) -> Outgoing:
    def wrapping() -> Wrapping:
        return Wrapping(
            entry.edit.prepend,
            recipient=entry.recipients[0].address,
            from_=entry.glance.from_,
            subject=entry.glance.subject,
            date=date_time(entry.received_at),
            message_id=f"{entry.name}.{entry.content.sha256[:16]}",
            for_nobody=any(one.code == Code.FALLBACK.value for one in entry.open_recipients),
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
