"""The queue of outgoing mail: an index for its pages, whether a removal is told, and how to take an act back."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add columns and an index; what is queued already counts as told of until its own envelope is read."""
    op.add_column("entry", sa.Column("tells", sa.Integer, nullable=False, server_default="1"))
    op.add_column("entry", sa.Column("undo", sa.Text))
    op.create_index(
        "ix_entry_queue",
        "entry",
        ["id", "state", "lane", "sender", "tells"],
        sqlite_where=sa.text("direction = 'outbound' AND state <> 'done'"),
    )
