"""Whether the endpoints of peers answer with their keys; what developers asked for, signed."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply it."""
    op.create_table(
        "peer_check",
        sa.Column("peer", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("endpoint", sa.String(length=128), nullable=False),
        sa.Column("key", sa.String(length=66), nullable=False),
        sa.Column("answers", sa.Boolean(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("answered_at", sa.BigInteger(), nullable=True),
        sa.Column("failures", sa.BigInteger(), nullable=False),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column("next_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint('"failures" >= 0', name=op.f("ck_peer_check_failures_not_negative")),
        sa.PrimaryKeyConstraint("peer", name=op.f("pk_peer_check")),
    )
    op.create_index(
        op.f("ix_peer_check_answers_next_at"), "peer_check", ["answers", "next_at"], unique=False
    )
    for table, column in (("developer_offer", "target_proof"), ("replacement", "proof")):
        op.add_column(table, sa.Column(column, sa.Text(), nullable=True))
