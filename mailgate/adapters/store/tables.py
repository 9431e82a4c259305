"""The schema, as SQLAlchemy Core tables. Migrations make it; a test keeps both alike.

Times are whole milliseconds since 1970 in UTC. Ids grow and are never used again (AUTOINCREMENT).
"""

from typing import Final

from sqlalchemy import (
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
)

METADATA: Final = MetaData(naming_convention={"ix": "ix_%(table_name)s_%(column_0_N_name)s", "pk": "pk_%(table_name)s"})

CONTENT: Final = Table(
    "content",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("size_octets", Integer, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("file", Text),  # name in the spool folder; NULL: the octets are in `body`
    Column("dropped_at", Integer),  # when the octets were let go, after DONE
    Index(None, "dropped_at"),
    sqlite_autoincrement=True,
)

BODY: Final = Table(
    "body",
    METADATA,
    Column("content_id", Integer, ForeignKey("content.id", ondelete="CASCADE"), primary_key=True),
    Column("octets", LargeBinary, nullable=False),
)

ENTRY: Final = Table(
    "entry",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("direction", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("park_reason", Text),
    Column("account", Text, nullable=False),
    Column("uid", Text, nullable=False),
    Column("session", Integer, nullable=False),
    Column("host", Text, nullable=False),
    Column("content_id", Integer, ForeignKey("content.id"), nullable=False),
    Column("sender", Text),  # NULL: the empty reverse-path <>
    Column("received_at", Integer, nullable=False),
    Column("next_attempt", Integer),
    Column("finished_at", Integer),  # when it became DONE
    Column("attempts", Integer, nullable=False),
    Column("message_id", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("from_", Text, nullable=False),
    Column("date", Text, nullable=False),
    Column("edit", LargeBinary, nullable=False),  # the header edits, MessagePack
    Column("codes", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("error", Text, nullable=False),
    Index(None, "state", "next_attempt"),
    Index(None, "finished_at"),
    Index(None, "account", "id"),
    Index(None, "content_id"),
    sqlite_autoincrement=True,
)

RECIPIENT: Final = Table(
    "recipient",
    METADATA,
    Column("entry_id", Integer, ForeignKey("entry.id", ondelete="CASCADE"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("address", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("reply_code", Integer),
    Column("reply_text", Text),
    PrimaryKeyConstraint("entry_id", "position"),
)

TRACE: Final = Table(
    "trace",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("entry_id", Integer, ForeignKey("entry.id", ondelete="CASCADE"), nullable=False),
    Column("at", Integer, nullable=False),
    Column("stage", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("evidence", Text, nullable=False),
    Index(None, "entry_id", "id"),
    sqlite_autoincrement=True,
)

LEDGER: Final = Table(
    "ledger",
    METADATA,
    Column("account", Text, nullable=False),
    Column("uid", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("entry_id", Integer, nullable=False),  # no foreign key: it outlives the entry
    Column("first_seen", Integer, nullable=False),
    Column("last_listed", Integer, nullable=False),
    Column("size_octets", Integer, nullable=False),
    Column("sha256", Text, nullable=False),
    PrimaryKeyConstraint("account", "uid"),
    Index(None, "entry_id"),
)

VALUE: Final = Table(
    "value",
    METADATA,
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
)
