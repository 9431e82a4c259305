"""The rows of messages that stay at the provider since they are too large."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Final

import msgspec
from sqlalchemy import Connection, delete, insert, select, update

from mailgate.adapters.store.tables import OVERSIZE
from mailgate.model.oversize import OversizeMessage

_ENCODE: Final = msgspec.msgpack.Encoder()
_DECODE: Final = msgspec.msgpack.Decoder(OversizeMessage)


def rows(connection: Connection) -> Sequence[OversizeMessage]:
    """Return all of them, in the order in which they were found."""
    query = select(OVERSIZE.c.id, OVERSIZE.c.message).order_by(OVERSIZE.c.id)
    return [replace(_DECODE.decode(row.message), id=row.id) for row in connection.execute(query)]


def put(connection: Connection, message: OversizeMessage) -> int:
    """Write one, new or changed; return its id."""
    values = {"account": message.account, "uid": message.uid, "message": _ENCODE.encode(message)}
    if message.id:
        connection.execute(update(OVERSIZE).where(OVERSIZE.c.id == message.id).values(values))
        return message.id
    new_id: int = connection.execute(insert(OVERSIZE).values(values).returning(OVERSIZE.c.id)).scalar_one()
    return new_id


def drop(connection: Connection, ids: Collection[int]) -> None:
    """Forget some."""
    for one in ids:
        connection.execute(delete(OVERSIZE).where(OVERSIZE.c.id == one))
