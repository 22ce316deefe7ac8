"""Changes of the units for sale, by epoch; those of events that are there."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply it, and fill the table from the events."""
    op.create_table(
        "unit_change",
        sa.Column("block_number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("log_index", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("peer", sa.BigInteger(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("delta", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("block_number", "log_index", name=op.f("pk_unit_change")),
    )
    is_postgres = op.get_bind().dialect.name == "postgresql"
    units = "data::json->>'units'" if is_postgres else "json_extract(data, '$.units')"
    # An event says how many units there are since; what they were says the peer's one before.
    op.execute(
        "INSERT INTO unit_change (block_number, log_index, peer, epoch, delta) "
        "SELECT block_number, log_index, peer, timestamp / (SELECT epoch_seconds FROM cursor), "
        "units - coalesce(lag(units) OVER (PARTITION BY peer ORDER BY block_number, log_index), 0) "
        f"FROM (SELECT block_number, log_index, peer, timestamp, CAST({units} AS BIGINT) AS units "
        "FROM event WHERE name IN ('PeerRegistered', 'PeerUnits') AND peer IS NOT NULL) AS told "
        "WHERE units IS NOT NULL"
    )
    name = op.f("ix_unit_change_epoch_delta")
    op.create_index(name, "unit_change", ["epoch", "delta"], unique=False)
