"""Count the changes of offers; wishes for replacements; nonces of requests; targets."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply it."""
    clock = op.create_table(
        "offer_clock",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.CheckConstraint('"id" BETWEEN 1 AND 1', name=op.f("ck_offer_clock_id_range")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_offer_clock")),
    )
    op.bulk_insert(clock, [{"id": 1, "version": 0}])
    op.create_table(
        "replacement",
        sa.Column("assignment", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("deal", sa.BigInteger(), nullable=False),
        sa.Column("requested_at", sa.BigInteger(), nullable=False),
        sa.Column("withdrawn", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("assignment", name=op.f("pk_replacement")),
    )
    op.create_index(op.f("ix_replacement_deal"), "replacement", ["deal"], unique=False)
    op.create_table(
        "request_nonce",
        sa.Column("address", sa.String(length=42), nullable=False),
        sa.Column("nonce", sa.String(length=66), nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("address", "nonce", name=op.f("pk_request_nonce")),
    )
    op.create_index(op.f("ix_request_nonce_expires"), "request_nonce", ["expires"], unique=False)
    for table in ("provider_offer", "developer_offer"):
        with op.batch_alter_table(table) as batch:
            batch.add_column(
                sa.Column("changed", sa.BigInteger(), nullable=False, server_default="0")
            )
            if table == "developer_offer":
                batch.add_column(sa.Column("target", sa.BigInteger(), nullable=True))
                batch.create_check_constraint(
                    op.f("ck_developer_offer_target_not_negative"),
                    "target IS NULL OR target >= 0",
                )
        op.create_index(op.f(f"ix_{table}_changed"), table, ["changed"], unique=False)
