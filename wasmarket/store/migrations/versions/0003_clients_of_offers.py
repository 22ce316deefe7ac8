"""Which address posted an offer; matches that were lost to others."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply it."""
    op.create_table(
        "lost_match",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("offer", sa.String(length=66), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("block", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_lost_match")),
    )
    for table in ("provider_offer", "developer_offer"):
        op.add_column(table, sa.Column("client", sa.String(length=64), nullable=True))
        op.create_index(op.f(f"ix_{table}_client"), table, ["client"], unique=False)
