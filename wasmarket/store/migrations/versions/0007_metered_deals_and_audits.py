"""Kinds of offers; metered deals and what vouchers paid; cases, votes and seats."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

NOBODY = "0x" + "0" * 40
ZERO = "0" * 78
WAS_OPEN = sa.text("state IN ('pending', 'active')")
OPEN = sa.text("state IN ('pending', 'active', 'metered')")
STATES = "'pending', 'active', 'ended', 'cleared', 'metered', 'closed'"


def upgrade() -> None:
    """Apply it; what is there is of reserved deals."""
    with op.batch_alter_table("provider_offer") as batch:
        batch.add_column(sa.Column("kind", sa.BigInteger(), nullable=False, server_default="0"))
        batch.create_check_constraint(
            op.f("ck_provider_offer_kind_range"), '"kind" BETWEEN 0 AND 1'
        )
    op.add_column(
        "deal",
        sa.Column("meter", sa.String(length=42), nullable=False, server_default=NOBODY),
    )
    op.drop_index("ix_assignment_open", "assignment")
    is_copied = op.get_bind().dialect.name == "sqlite"
    if is_copied:
        # SQLite copies the table and drops it: nothing may point to its rows meanwhile.
        op.execute("CREATE TEMPORARY TABLE kept_claim AS SELECT * FROM claim")
        op.execute("DELETE FROM claim")
    with op.batch_alter_table("assignment") as batch:
        batch.add_column(
            sa.Column("work", sa.String(length=78), nullable=False, server_default=ZERO)
        )
        batch.add_column(
            sa.Column("convicted", sa.Boolean(), nullable=False, server_default=sa.false())
        )
        batch.drop_constraint(op.f("ck_assignment_state_known"), type_="check")
        batch.create_check_constraint(
            op.f("ck_assignment_state_known"), f'"state" IN ({STATES})'
        )
        batch.drop_constraint(op.f("ck_assignment_ended_kind_range"), type_="check")
        batch.create_check_constraint(
            op.f("ck_assignment_ended_kind_range"), '"ended_kind" BETWEEN 1 AND 5'
        )
    if is_copied:
        op.execute("INSERT INTO claim SELECT * FROM kept_claim")
        op.execute("DROP TABLE kept_claim")
    op.create_index(
        "ix_assignment_open", "assignment", ["id"], sqlite_where=OPEN, postgresql_where=OPEN
    )
    _create_redemptions()
    _create_audits()


def _create_redemptions() -> None:
    op.create_table(
        "redemption",
        sa.Column("block_number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("log_index", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("assignment", sa.BigInteger(), nullable=False),
        sa.Column("deal", sa.BigInteger(), nullable=False),
        sa.Column("provider", sa.String(length=42), nullable=False),
        sa.Column("work", sa.String(length=78), nullable=False),
        sa.Column("paid", sa.BigInteger(), nullable=False),
        sa.Column("owed", sa.BigInteger(), nullable=False),
        sa.Column("balance", sa.BigInteger(), nullable=False),
        sa.Column("timestamp", sa.BigInteger(), nullable=False),
        sa.Column("tx_hash", sa.String(length=66), nullable=False),
        sa.ForeignKeyConstraint(
            ["assignment"],
            ["assignment.id"],
            name=op.f("fk_redemption_assignment"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.PrimaryKeyConstraint("block_number", "log_index", name=op.f("pk_redemption")),
    )
    op.create_index(op.f("ix_redemption_assignment"), "redemption", ["assignment"])
    op.create_index(op.f("ix_redemption_deal_block_number"), "redemption", ["deal", "block_number"])


def _create_audits() -> None:
    op.create_table(
        "audit_case",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.BigInteger(), nullable=False),
        sa.Column("assignment", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.String(length=42), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("sequence", sa.String(length=78), nullable=False),
        sa.Column("receipt", sa.String(length=66), nullable=False),
        sa.Column("jury", sa.String(length=78), nullable=True),
        sa.Column("outcome", sa.BigInteger(), nullable=True),
        sa.Column("seized", sa.String(length=78), nullable=True),
        sa.Column("opened_block", sa.BigInteger(), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("moved_at", sa.BigInteger(), nullable=False),
        sa.Column("tx_hash", sa.String(length=66), nullable=False),
        sa.CheckConstraint('"kind" BETWEEN 1 AND 2', name=op.f("ck_audit_case_kind_range")),
        sa.CheckConstraint('"state" BETWEEN 1 AND 4', name=op.f("ck_audit_case_state_range")),
        sa.CheckConstraint('"outcome" BETWEEN 1 AND 4', name=op.f("ck_audit_case_outcome_range")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_case")),
    )
    for column in ("assignment", "by", "state"):
        op.create_index(op.f(f"ix_audit_case_{column}"), "audit_case", [column])
    op.create_table(
        "contradiction",
        sa.Column("block_number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("log_index", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("assignment", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.String(length=42), nullable=False),
        sa.Column("kind", sa.BigInteger(), nullable=False),
        sa.Column("seized", sa.String(length=78), nullable=False),
        sa.Column("timestamp", sa.BigInteger(), nullable=False),
        sa.Column("tx_hash", sa.String(length=66), nullable=False),
        sa.PrimaryKeyConstraint("block_number", "log_index", name=op.f("pk_contradiction")),
    )
    op.create_index(op.f("ix_contradiction_assignment"), "contradiction", ["assignment"])
    op.create_table(
        "audit_vote",
        sa.Column("case", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("place", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("vote", sa.String(length=66), nullable=True),
        sa.PrimaryKeyConstraint("case", "place", name=op.f("pk_audit_vote")),
    )
    op.create_table(
        "seat",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("peer", sa.BigInteger(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("quit", sa.BigInteger(), nullable=False),
        sa.Column("fines", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_seat")),
    )
    op.create_index(op.f("ix_seat_peer"), "seat", ["peer"])
    op.create_table(
        "audit_account",
        sa.Column("account", sa.String(length=42), nullable=False),
        sa.Column("free", sa.String(length=78), nullable=False),
        sa.PrimaryKeyConstraint("account", name=op.f("pk_audit_account")),
    )
