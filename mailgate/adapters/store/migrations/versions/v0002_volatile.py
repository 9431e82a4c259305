"""Bodies that were not synced yet, header hashes in the ledger, and one log row for each message."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add columns, indexes and the log's table; all that is there stays as it is."""
    op.add_column("content", sa.Column("volatile", sa.Integer))
    op.create_index("ix_content_volatile", "content", ["volatile"], sqlite_where=sa.text("volatile IS NOT NULL"))
    op.add_column("ledger", sa.Column("header_hash", sa.Text))
    live = sa.text("state <> 'deleted'")
    op.create_index(
        "ix_ledger_live", "ledger", ["account", "state", "first_seen", "uid", "entry_id"], sqlite_where=live
    )
    gone = sa.text("state = 'deleted'")
    op.create_index("ix_ledger_gone", "ledger", ["account", "last_listed"], sqlite_where=gone)
    op.create_table(
        "log_row",
        sa.Column("entry_id", sa.Integer, primary_key=True),
        sa.Column("at", sa.Integer, nullable=False),
        sa.Column("direction", sa.Text, nullable=False),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("uid", sa.Text, nullable=False),
        sa.Column("message_id", sa.Text, nullable=False),
        sa.Column("from_", sa.Text, nullable=False),
        sa.Column("sender", sa.Text),
        sa.Column("to_", sa.Text),
        sa.Column("recipients", sa.Text, nullable=False),
        sa.Column("codes", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("size_octets", sa.Integer, nullable=False),
        sa.Column("attachments", sa.Integer),
        sa.Column("spam_score", sa.Integer),
        sa.Column("virus", sa.Text),
        sa.Column("rule", sa.Text),
        sa.Column("action", sa.Text),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("reply_code", sa.Integer),
        sa.Column("reply_text", sa.Text),
        sa.Column("duration_ms", sa.Integer, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
    )
    op.create_index("ix_log_row_at", "log_row", ["at"])
