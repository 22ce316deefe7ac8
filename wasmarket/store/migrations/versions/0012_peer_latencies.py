"""Latencies of peers, as gateways measured them."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply it."""
    op.create_table(
        "peer_latency",
        sa.Column("gateway", sa.String(length=120), nullable=False),
        sa.Column("peer", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("region", sa.String(length=120), nullable=False),
        sa.Column("ms", sa.BigInteger(), nullable=False),
        sa.Column("answers", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("changed", sa.BigInteger(), nullable=False),
        sa.CheckConstraint('"ms" >= 0', name=op.f("ck_peer_latency_ms_not_negative")),
        sa.PrimaryKeyConstraint("gateway", "peer", name=op.f("pk_peer_latency")),
    )
    for column in ("peer", "changed"):
        op.create_index(op.f(f"ix_peer_latency_{column}"), "peer_latency", [column], unique=False)
