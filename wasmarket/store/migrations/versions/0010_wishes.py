"""Signed documents of peers, and wishes beside developer offers."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply it."""
    op.create_table(
        "peer_document",
        sa.Column("peer", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("signature", sa.String(length=130), nullable=False),
        sa.Column("key", sa.String(length=66), nullable=False),
        sa.Column("issued", sa.BigInteger(), nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=False),
        sa.Column("site", sa.String(length=66), nullable=False),
        sa.Column("memory_mib", sa.BigInteger(), nullable=False),
        sa.Column("speed", sa.BigInteger(), nullable=False),
        sa.Column("claims", sa.Text(), nullable=False),
        sa.Column("changed", sa.BigInteger(), nullable=False),
        sa.CheckConstraint('"speed" >= 0', name=op.f("ck_peer_document_speed_not_negative")),
        sa.PrimaryKeyConstraint("peer", name=op.f("pk_peer_document")),
    )
    for columns in (["site", "peer"], ["changed"]):
        name = op.f(f"ix_peer_document_{'_'.join(columns)}")
        op.create_index(name, "peer_document", columns, unique=False)
    op.add_column("developer_offer", sa.Column("wish", sa.Text(), nullable=True))
