"""The first schema: entries, recipients, bodies, the ledger and the trace."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make all tables."""
    op.create_table(
        "content",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("size_octets", sa.Integer, nullable=False),
        sa.Column("sha256", sa.Text, nullable=False),
        sa.Column("file", sa.Text),
        sa.Column("dropped_at", sa.Integer),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_content_dropped_at", "content", ["dropped_at"])
    op.create_table(
        "body",
        sa.Column("content_id", sa.Integer, sa.ForeignKey("content.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("octets", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "entry",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("direction", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("park_reason", sa.Text),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("uid", sa.Text, nullable=False),
        sa.Column("session", sa.Integer, nullable=False),
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("content_id", sa.Integer, sa.ForeignKey("content.id"), nullable=False),
        sa.Column("sender", sa.Text),
        sa.Column("received_at", sa.Integer, nullable=False),
        sa.Column("next_attempt", sa.Integer),
        sa.Column("finished_at", sa.Integer),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("message_id", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("from_", sa.Text, nullable=False),
        sa.Column("date", sa.Text, nullable=False),
        sa.Column("edit", sa.LargeBinary, nullable=False),
        sa.Column("codes", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("error", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_entry_state_next_attempt", "entry", ["state", "next_attempt"])
    op.create_index("ix_entry_finished_at", "entry", ["finished_at"])
    op.create_index("ix_entry_account_id", "entry", ["account", "id"])
    op.create_index("ix_entry_content_id", "entry", ["content_id"])
    op.create_table(
        "recipient",
        sa.Column("entry_id", sa.Integer, sa.ForeignKey("entry.id", ondelete="CASCADE"), nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("reply_code", sa.Integer),
        sa.Column("reply_text", sa.Text),
        sa.PrimaryKeyConstraint("entry_id", "position", name="pk_recipient"),
    )
    op.create_table(
        "trace",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("entry_id", sa.Integer, sa.ForeignKey("entry.id", ondelete="CASCADE"), nullable=False),
        sa.Column("at", sa.Integer, nullable=False),
        sa.Column("stage", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("evidence", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_trace_entry_id_id", "trace", ["entry_id", "id"])
    op.create_table(
        "ledger",
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("uid", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("entry_id", sa.Integer, nullable=False),
        sa.Column("first_seen", sa.Integer, nullable=False),
        sa.Column("last_listed", sa.Integer, nullable=False),
        sa.Column("size_octets", sa.Integer, nullable=False),
        sa.Column("sha256", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("account", "uid", name="pk_ledger"),
    )
    op.create_index("ix_ledger_entry_id", "ledger", ["entry_id"])
    op.create_table(
        "value",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )
