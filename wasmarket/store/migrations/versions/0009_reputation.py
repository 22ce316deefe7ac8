"""Events of peers and the final epochs in which they ran, for reputations.

What is there is not filled in: an indexer that finds events and none of these reads the chain
again, beside what is served.
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

KINDS = (
    "registered",
    "assigned",
    "activated",
    "activated_late",
    "rejected",
    "unfunded",
    "vetoed",
    "unused",
    "left",
    "dropped",
    "finished",
    "evicted_unanswered",
    "evicted_unproven",
    "evicted_short",
    "claimed",
    "redeemed",
    "asked",
    "answered",
    "accused",
    "acquitted",
    "convicted",
    "contradicted",
    "void",
)


def upgrade() -> None:
    """Apply it."""
    known = ", ".join(f"'{kind}'" for kind in KINDS)
    op.create_table(
        "reputation_event",
        sa.Column("block_number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("log_index", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("peer", sa.BigInteger(), nullable=False),
        sa.Column("provider", sa.String(length=42), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("tx_hash", sa.String(length=66), nullable=False),
        sa.Column("deal", sa.BigInteger(), nullable=True),
        sa.Column("assignment", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.String(length=78), nullable=True),
        sa.Column("units", sa.BigInteger(), nullable=False),
        sa.Column("paid", sa.BigInteger(), nullable=False),
        sa.Column("refunded", sa.BigInteger(), nullable=False),
        sa.Column("seized", sa.String(length=78), nullable=False),
        sa.CheckConstraint(
            f'"kind" IN ({known})', name=op.f("ck_reputation_event_kind_known")
        ),
        *(
            sa.CheckConstraint(
                f'"{column}" >= 0', name=op.f(f"ck_reputation_event_{column}_not_negative")
            )
            for column in ("units", "paid", "refunded")
        ),
        sa.PrimaryKeyConstraint("block_number", "log_index", name=op.f("pk_reputation_event")),
    )
    for columns in (["peer", "epoch"], ["provider", "epoch"], ["epoch", "kind"]):
        name = op.f(f"ix_reputation_event_{'_'.join(columns)}")
        op.create_index(name, "reputation_event", columns)
    op.create_table(
        "peer_epoch",
        sa.Column("peer", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("epoch", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("block_number", sa.BigInteger(), nullable=False),
        sa.Column("assignments", sa.BigInteger(), nullable=False),
        sa.Column("units", sa.BigInteger(), nullable=False),
        sa.Column("billed", sa.BigInteger(), nullable=False),
        sa.Column("proven", sa.Boolean(), nullable=False),
        sa.CheckConstraint('"billed" >= 0', name=op.f("ck_peer_epoch_billed_not_negative")),
        sa.PrimaryKeyConstraint("peer", "epoch", name=op.f("pk_peer_epoch")),
    )
    op.create_index(op.f("ix_peer_epoch_epoch_peer"), "peer_epoch", ["epoch", "peer"])
    op.create_index(op.f("ix_peer_epoch_block_number"), "peer_epoch", ["block_number"])
