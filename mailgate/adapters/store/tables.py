"""The schema, as SQLAlchemy Core tables. Migrations make it; a test keeps both alike.

Times are whole milliseconds since 1970 in UTC. Ids grow and are never used again (AUTOINCREMENT).
"""

from typing import Any, Final

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
    TypeDecorator,
    text,
)

METADATA: Final = MetaData(naming_convention={"ix": "ix_%(table_name)s_%(column_0_N_name)s", "pk": "pk_%(table_name)s"})


class Utf8(TypeDecorator[str]):
    """Text from anywhere: what is no Unicode (a reply's octets that were no UTF-8) becomes question marks.

    Without this one odd reply of a server would be an error of the store, and what it said never recorded.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, _dialect: Any) -> str | None:
        """Return what SQLite can take."""
        return value if value is None or value.isascii() else value.encode("utf-8", "replace").decode()


CONTENT: Final = Table(
    "content",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("size_octets", Integer, nullable=False),
    Column("sha256", Utf8, nullable=False),
    Column("file", Utf8),  # name in the spool folder; NULL: the octets are in `body`
    Column("dropped_at", Integer),  # when the octets were let go, after DONE
    Column("volatile", Integer),  # 1: the spool file was never synced; NULL: what the row names is durable
    Index(None, "dropped_at"),
    Index("ix_content_volatile", "volatile", sqlite_where=text("volatile IS NOT NULL")),
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
    Column("direction", Utf8, nullable=False),
    Column("state", Utf8, nullable=False),
    Column("park_reason", Utf8),
    Column("account", Utf8, nullable=False),
    Column("uid", Utf8, nullable=False),
    Column("session", Integer, nullable=False),
    Column("host", Utf8, nullable=False),
    Column("content_id", Integer, ForeignKey("content.id"), nullable=False),
    Column("sender", Utf8),  # NULL: the empty reverse-path <>
    Column("received_at", Integer, nullable=False),
    Column("next_attempt", Integer),
    Column("finished_at", Integer),  # when it became DONE
    Column("attempts", Integer, nullable=False),
    Column("message_id", Utf8, nullable=False),
    Column("subject", Utf8, nullable=False),
    Column("from_", Utf8, nullable=False),
    Column("date", Utf8, nullable=False),
    Column("edit", LargeBinary, nullable=False),  # the header edits, MessagePack
    Column("codes", Utf8, nullable=False),
    Column("text", Utf8, nullable=False),
    Column("error", Utf8, nullable=False),
    Column("deleted_by", Utf8),  # who deleted it while it was parked; NULL: nobody
    Column("envelope", LargeBinary),  # how it was handed over by SMTP, MessagePack; NULL: it was fetched
    Column("lane", Utf8, nullable=False, server_default=""),  # the way it goes; empty: to the internal server
    Column("tells", Integer, nullable=False, server_default="1"),  # 0: nobody is told when a person removes it
    Column("undo", Utf8),  # the last act of a person: its number, then state, next_attempt and lane before it
    Index(None, "state", "next_attempt"),
    Index(None, "lane", "state", "next_attempt"),
    Index(None, "finished_at"),
    Index(None, "account", "id"),
    Index(None, "content_id"),
    # The queue's page, its counts and its filters read this alone, for those messages alone.
    Index(
        "ix_entry_queue",
        *("id", "state", "lane", "sender", "tells"),
        sqlite_where=text("direction = 'outbound' AND state <> 'done'"),
    ),
    Index("ix_entry_deleted", "finished_at", sqlite_where=text("deleted_by IS NOT NULL")),
    sqlite_autoincrement=True,
)

RECIPIENT: Final = Table(
    "recipient",
    METADATA,
    Column("entry_id", Integer, ForeignKey("entry.id", ondelete="CASCADE"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("address", Utf8, nullable=False),
    Column("code", Utf8, nullable=False),
    Column("state", Utf8, nullable=False),
    Column("reply_code", Integer),
    Column("reply_text", Utf8),
    PrimaryKeyConstraint("entry_id", "position"),
)

TRACE: Final = Table(
    "trace",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("entry_id", Integer, ForeignKey("entry.id", ondelete="CASCADE"), nullable=False),
    Column("at", Integer, nullable=False),
    Column("stage", Utf8, nullable=False),
    Column("text", Utf8, nullable=False),
    Column("evidence", Utf8, nullable=False),
    Index(None, "entry_id", "id"),
    sqlite_autoincrement=True,
)

COPY: Final = Table(
    "copy",
    METADATA,
    Column("key", Utf8, nullable=False),  # of account, Message-ID and body
    Column("address", Utf8, nullable=False),
    Column("entry_id", Integer, ForeignKey("entry.id", ondelete="CASCADE"), nullable=False),
    Column("at", Integer, nullable=False),
    PrimaryKeyConstraint("key", "address"),
    Index(None, "entry_id"),
)
"""Who gets a message by which of its copies; only for mail whose provider does not say for whom each copy is."""

LEDGER: Final = Table(
    "ledger",
    METADATA,
    Column("account", Utf8, nullable=False),
    Column("uid", Utf8, nullable=False),
    Column("state", Utf8, nullable=False),
    Column("entry_id", Integer, nullable=False),  # no foreign key: it outlives the entry
    Column("first_seen", Integer, nullable=False),
    Column("last_listed", Integer, nullable=False),  # when it was taken, or was first missing in the list
    Column("size_octets", Integer, nullable=False),
    Column("sha256", Utf8, nullable=False),
    Column("header_hash", Utf8),  # of the header alone, to be compared by TOP; NULL: not known
    PrimaryKeyConstraint("account", "uid"),
    Index(None, "entry_id"),
    # A session reads what the mailbox held last time by this index alone; what is gone costs it nothing.
    Index(
        "ix_ledger_live", "account", "state", "first_seen", "uid", "entry_id", sqlite_where=text("state <> 'deleted'")
    ),
    Index("ix_ledger_gone", "account", "last_listed", sqlite_where=text("state = 'deleted'")),
)

LOG_ROW: Final = Table(
    "log_row",
    METADATA,
    Column("entry_id", Integer, primary_key=True),  # that of its entry; it goes when the entry goes
    Column("at", Integer, nullable=False),
    Column("direction", Utf8, nullable=False),
    Column("account", Utf8, nullable=False),
    Column("host", Utf8, nullable=False),
    Column("uid", Utf8, nullable=False),
    Column("message_id", Utf8, nullable=False),
    Column("from_", Utf8, nullable=False),
    Column("sender", Utf8),  # NULL: the empty reverse-path <>
    Column("to_", Utf8),
    Column("recipients", Utf8, nullable=False),
    Column("codes", Utf8, nullable=False),
    Column("subject", Utf8, nullable=False),
    Column("size_octets", Integer, nullable=False),
    Column("attachments", Integer),
    Column("spam_score", Integer),
    Column("virus", Utf8),
    Column("rule", Utf8),
    Column("action", Utf8),
    Column("status", Utf8, nullable=False),
    Column("reply_code", Integer),
    Column("reply_text", Utf8),
    Column("duration_ms", Integer, nullable=False),
    Column("tries", Integer, nullable=False),
    Index(None, "at"),
)

OVERSIZE: Final = Table(
    "oversize",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("account", Utf8, nullable=False),
    Column("uid", Utf8, nullable=False),
    Column("message", LargeBinary, nullable=False),  # `model.oversize.OversizeMessage` as MessagePack
    sqlite_autoincrement=True,
)

VALUE: Final = Table(
    "value",
    METADATA,
    Column("key", Utf8, primary_key=True),
    Column("value", Utf8, nullable=False),
)
