"""Copies of one message, by which a provider without an envelope header says for whom it is."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add a table; all that is there stays as it is."""
    op.create_table(
        "copy",
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("entry_id", sa.Integer, sa.ForeignKey("entry.id", ondelete="CASCADE"), nullable=False),
        sa.Column("at", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("key", "address", name="pk_copy"),
    )
    op.create_index("ix_copy_entry_id", "copy", ["entry_id"])
