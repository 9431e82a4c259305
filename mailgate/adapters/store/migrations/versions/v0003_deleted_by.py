"""Who deleted a parked message."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add a column and the index that counts by it; all that is there stays as it is."""
    op.add_column("entry", sa.Column("deleted_by", sa.Text))
    op.create_index("ix_entry_deleted", "entry", ["finished_at"], sqlite_where=sa.text("deleted_by IS NOT NULL"))
