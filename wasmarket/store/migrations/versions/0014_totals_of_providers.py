"""What is counted of a provider: its peers' epochs added up, the rest by indexes alone."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

NOT_STOPPED = sa.text("NOT stopped")
OPEN = sa.text("state IN ('pending', 'active', 'metered')")


def upgrade() -> None:
    """Apply it, and add up the epochs that are kept."""
    op.create_table(
        "provider_epoch",
        sa.Column("provider", sa.String(length=42), nullable=False),
        sa.Column("epoch", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("block_number", sa.BigInteger(), nullable=False),
        sa.Column("active", sa.BigInteger(), nullable=False),
        sa.Column("proven", sa.BigInteger(), nullable=False),
        sa.Column("assignments", sa.BigInteger(), nullable=False),
        sa.Column("units", sa.BigInteger(), nullable=False),
        sa.Column("billed", sa.BigInteger(), nullable=False),
        sa.Column("proven_pay", sa.BigInteger(), nullable=False),
        sa.CheckConstraint('"billed" >= 0', name=op.f("ck_provider_epoch_billed_not_negative")),
        sa.CheckConstraint(
            '"proven_pay" >= 0', name=op.f("ck_provider_epoch_proven_pay_not_negative")
        ),
        sa.PrimaryKeyConstraint("provider", "epoch", name=op.f("pk_provider_epoch")),
    )
    op.execute(
        "INSERT INTO provider_epoch (provider, epoch, block_number, active, proven, assignments, "
        "units, billed, proven_pay) "
        "SELECT provider, epoch, max(block_number), count(*), "
        "sum(CASE WHEN proven THEN 1 ELSE 0 END), sum(assignments), sum(peer_epoch.units), "
        "sum(billed), sum(CASE WHEN proven THEN billed ELSE 0 END) "
        "FROM peer_epoch JOIN peer ON peer.id = peer_epoch.peer GROUP BY provider, epoch"
    )
    op.create_index(op.f("ix_provider_epoch_block_number"), "provider_epoch", ["block_number"])
    _widen("reputation_event", ["provider", "epoch"], ["kind", "reason", "paid", "refunded"])
    _widen("peer", ["provider", "id"], ["units", "used", "registered_at"])
    op.drop_index("ix_deal_open", "deal", if_exists=True)
    op.create_index(
        "ix_deal_open",
        "deal",
        ["id", "run", "end", "settled", "rate", "balance", "stopped", "created_at"],
        sqlite_where=NOT_STOPPED,
        postgresql_where=NOT_STOPPED,
    )
    op.create_index(
        op.f("ix_redemption_provider_block_number"), "redemption", ["provider", "block_number"]
    )
    op.create_index(
        op.f("ix_assignment_assigned_at_peer_units"), "assignment", ["assigned_at", "peer", "units"]
    )
    op.create_index(
        "ix_assignment_open_of_peer",
        "assignment",
        ["peer", "deal", "run", "units", "state"],
        sqlite_where=OPEN,
        postgresql_where=OPEN,
    )


def _widen(table: str, columns: list[str], more: list[str]) -> None:
    """Have an index hold more columns. A backfill may have left it for later."""
    op.drop_index(op.f(_name(table, columns)), table, if_exists=True)
    op.create_index(op.f(_name(table, columns + more)), table, columns + more)


def _name(table: str, columns: list[str]) -> str:
    return f"ix_{table}_{'_'.join(columns)}"
