"""Messages that are too large to be fetched."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add a table; all that is there stays as it is."""
    op.create_table(
        "oversize",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("uid", sa.Text, nullable=False),
        sa.Column("message", sa.LargeBinary, nullable=False),
        sqlite_autoincrement=True,
    )
