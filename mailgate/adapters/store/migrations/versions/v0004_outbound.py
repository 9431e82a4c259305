"""Mail that the office sends: its envelope, and the way that it goes."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add columns and an index; what is there was fetched, and goes to the internal server."""
    op.add_column("entry", sa.Column("envelope", sa.LargeBinary))
    op.add_column("entry", sa.Column("lane", sa.Text, nullable=False, server_default=""))
    op.create_index("ix_entry_lane_state_next_attempt", "entry", ["lane", "state", "next_attempt"])
