"""Events by what they are about, their branch; undone blocks; totals kept."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

PLACE = ["block_number", "log_index"]
NOT_STOPPED = sa.text("NOT stopped")
OPEN = sa.text("state IN ('pending', 'active')")


def upgrade() -> None:
    """Apply it, and fill the new columns of events that are there."""
    op.add_column(
        "event", sa.Column("branch", sa.String(length=16), nullable=False, server_default="")
    )
    op.add_column("event", sa.Column("account", sa.String(length=42), nullable=True))
    op.add_column("event", sa.Column("other_account", sa.String(length=42), nullable=True))
    _fill()
    op.create_index(op.f("ix_event_name_block_number_log_index"), "event", ["name", *PLACE])
    for subject in ("deal", "assignment"):
        op.drop_index(op.f(f"ix_event_{subject}_block_number_log_index"), "event")
    for subject in ("deal", "assignment", "peer", "account", "other_account"):
        has_one = sa.text(f"{subject} IS NOT NULL")
        op.create_index(
            op.f(f"ix_event_{subject}_block_number_log_index"),
            "event",
            [subject, *PLACE],
            sqlite_where=has_one,
            postgresql_where=has_one,
        )
    op.create_index(op.f("ix_assignment_end_start"), "assignment", ["end", "start"])
    op.create_index(
        "ix_assignment_open", "assignment", ["id"], sqlite_where=OPEN, postgresql_where=OPEN
    )
    op.create_index(
        "ix_deal_open", "deal", ["id"], sqlite_where=NOT_STOPPED, postgresql_where=NOT_STOPPED
    )
    with op.batch_alter_table("account") as batch:
        batch.add_column(
            sa.Column("earned", sa.BigInteger(), nullable=False, server_default="0")
        )
        batch.create_check_constraint(op.f("ck_account_earned_not_negative"), '"earned" >= 0')
    op.execute(
        "UPDATE account SET earned = coalesce("
        "(SELECT sum(claim.paid) FROM claim WHERE claim.provider = account.address), 0)"
    )
    op.create_table(
        "orphan",
        sa.Column("hash", sa.String(length=66), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("reorg", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_orphan")),
    )
    op.create_index(op.f("ix_orphan_number"), "orphan", ["number"])
    op.create_table(
        "epoch_total",
        sa.Column("epoch", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("block_number", sa.BigInteger(), nullable=False),
        sa.Column("committed", sa.BigInteger(), nullable=False),
        sa.Column("peers", sa.BigInteger(), nullable=False),
        sa.Column("assignments", sa.BigInteger(), nullable=False),
        sa.Column("units", sa.BigInteger(), nullable=False),
        sa.Column("billed", sa.BigInteger(), nullable=False),
        sa.CheckConstraint('"billed" >= 0', name=op.f("ck_epoch_total_billed_not_negative")),
        sa.PrimaryKeyConstraint("epoch", name=op.f("pk_epoch_total")),
    )
    op.create_index(op.f("ix_epoch_total_block_number"), "epoch_total", ["block_number"])


def _fill() -> None:
    is_postgres = op.get_bind().dialect.name == "postgresql"

    def member(name: str) -> str:
        return f"data::json->>'{name}'" if is_postgres else f"json_extract(data, '$.{name}')"

    op.execute(
        "UPDATE event SET branch = "
        "(SELECT substr(block.hash, 3, 16) FROM block WHERE block.number = event.block_number) "
        "WHERE block_number IN (SELECT number FROM block)"
    )
    for column in ("deal", "peer"):
        op.execute(
            f"UPDATE event SET {column} = (SELECT assignment.{column} FROM assignment "
            f"WHERE assignment.id = event.assignment) "
            f"WHERE {column} IS NULL AND assignment IS NOT NULL"
        )
    own = ", ".join(
        member(name) for name in ("account", "provider", "caller", "by", "owner", "next_owner")
    )
    provider = "(SELECT peer.provider FROM peer WHERE peer.id = event.peer)"
    developer = "(SELECT deal.developer FROM deal WHERE deal.id = event.deal)"
    op.execute(f"UPDATE event SET account = coalesce({own}, {provider}, {developer})")
    op.execute(
        f"UPDATE event SET other_account = nullif({developer}, account) WHERE deal IS NOT NULL"
    )
