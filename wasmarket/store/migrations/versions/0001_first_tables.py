"""First tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply it."""
    op.create_table(
        "account",
        sa.Column("address", sa.String(length=42), nullable=False),
        sa.Column("free", sa.BigInteger(), nullable=False),
        sa.Column("counter", sa.String(length=78), nullable=False),
        sa.CheckConstraint('"free" >= 0', name=op.f("ck_account_free_not_negative")),
        sa.PrimaryKeyConstraint("address", name=op.f("pk_account")),
    )
    op.create_table(
        "batch_skip",
        sa.Column("block_number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("log_index", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("tx_hash", sa.String(length=66), nullable=False),
        sa.Column("assignment", sa.String(length=78), nullable=False),
        sa.Column("reason", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("block_number", "log_index", name=op.f("pk_batch_skip")),
    )
    op.create_index(
        op.f("ix_batch_skip_assignment_block_number"),
        "batch_skip",
        ["assignment", "block_number"],
        unique=False,
    )
    op.create_table(
        "block",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hash", sa.String(length=66), nullable=False),
        sa.Column("parent", sa.String(length=66), nullable=False),
        sa.Column("timestamp", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_block")),
    )
    op.create_table(
        "book",
        sa.Column("digest", sa.String(length=66), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_book")),
    )
    op.create_table(
        "commitment",
        sa.Column("peer", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("epoch", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("root", sa.String(length=66), nullable=False),
        sa.Column("block_number", sa.BigInteger(), nullable=False),
        sa.Column("tx_hash", sa.String(length=66), nullable=False),
        sa.PrimaryKeyConstraint("peer", "epoch", name=op.f("pk_commitment")),
    )
    op.create_index(
        op.f("ix_commitment_block_number"), "commitment", ["block_number"], unique=False
    )
    op.create_index(op.f("ix_commitment_epoch_peer"), "commitment", ["epoch", "peer"], unique=False)
    op.create_table(
        "cursor",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("chain_id", sa.BigInteger(), nullable=False),
        sa.Column("market", sa.String(length=42), nullable=False),
        sa.Column("epoch_seconds", sa.BigInteger(), nullable=False),
        sa.Column("proof_window", sa.BigInteger(), nullable=False),
        sa.Column("block_number", sa.BigInteger(), nullable=True),
        sa.Column("block_hash", sa.String(length=66), nullable=True),
        sa.Column("timestamp", sa.BigInteger(), nullable=True),
        sa.CheckConstraint('"id" BETWEEN 1 AND 1', name=op.f("ck_cursor_id_range")),
        sa.CheckConstraint("epoch_seconds > 0", name=op.f("ck_cursor_epoch_seconds_positive")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cursor")),
    )
    op.create_table(
        "deal",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("developer", sa.String(length=42), nullable=False),
        sa.Column("offer", sa.String(length=66), nullable=False),
        sa.Column("app", sa.String(length=66), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("deposit", sa.BigInteger(), nullable=False),
        sa.Column("balance", sa.BigInteger(), nullable=False),
        sa.Column("rate", sa.BigInteger(), nullable=False),
        sa.Column("settled", sa.BigInteger(), nullable=False),
        sa.Column("end", sa.BigInteger(), nullable=False),
        sa.Column("units", sa.BigInteger(), nullable=False),
        sa.Column("run", sa.BigInteger(), nullable=False),
        sa.Column("stopped", sa.Boolean(), nullable=False),
        sa.Column("created_block", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("tx_hash", sa.String(length=66), nullable=False),
        sa.CheckConstraint('"balance" >= 0', name=op.f("ck_deal_balance_not_negative")),
        sa.CheckConstraint('"deposit" >= 0', name=op.f("ck_deal_deposit_not_negative")),
        sa.CheckConstraint('"end" BETWEEN 0 AND 4294967295', name=op.f("ck_deal_end_range")),
        sa.CheckConstraint('"rate" >= 0', name=op.f("ck_deal_rate_not_negative")),
        sa.CheckConstraint('"run" BETWEEN 0 AND 255', name=op.f("ck_deal_run_range")),
        sa.CheckConstraint('"settled" >= 0', name=op.f("ck_deal_settled_not_negative")),
        sa.CheckConstraint('"units" BETWEEN 0 AND 65535', name=op.f("ck_deal_units_range")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deal")),
        sa.UniqueConstraint("developer", "offer", name=op.f("uq_deal_developer_offer")),
    )
    op.create_index(op.f("ix_deal_app"), "deal", ["app"], unique=False)
    op.create_index(op.f("ix_deal_developer_id"), "deal", ["developer", "id"], unique=False)
    op.create_index(op.f("ix_deal_offer"), "deal", ["offer"], unique=False)
    op.create_table(
        "developer_offer",
        sa.Column("sequence", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("hash", sa.String(length=66), nullable=False),
        sa.Column("developer", sa.String(length=42), nullable=False),
        sa.Column("app", sa.String(length=66), nullable=False),
        sa.Column("units", sa.BigInteger(), nullable=False),
        sa.Column("max_price", sa.String(length=78), nullable=False),
        sa.Column("matcher", sa.String(length=42), nullable=False),
        sa.Column("valid_until", sa.String(length=78), nullable=False),
        sa.Column("counter", sa.String(length=78), nullable=False),
        sa.Column("offer", sa.Text(), nullable=False),
        sa.Column("signature", sa.String(length=130), nullable=True),
        sa.Column("permit", sa.Text(), nullable=True),
        sa.Column("source", sa.String(length=10), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("withdrawn", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("reasons", sa.Text(), nullable=False),
        sa.Column("tried_block", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "source = 'published' OR signature IS NOT NULL",
            name=op.f("ck_developer_offer_posted_is_signed"),
        ),
        sa.CheckConstraint(
            "\"source\" IN ('posted', 'published')", name=op.f("ck_developer_offer_source_known")
        ),
        sa.CheckConstraint(
            "\"state\" IN ('posted', 'unfunded', 'unmatched', 'submitting')",
            name=op.f("ck_developer_offer_state_known"),
        ),
        sa.CheckConstraint('"units" >= 0', name=op.f("ck_developer_offer_units_not_negative")),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_developer_offer")),
        sa.UniqueConstraint("hash", name=op.f("uq_developer_offer_hash")),
    )
    op.create_index(
        op.f("ix_developer_offer_developer_sequence"),
        "developer_offer",
        ["developer", "sequence"],
        unique=False,
    )
    op.create_table(
        "event",
        sa.Column("block_number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("log_index", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("timestamp", sa.BigInteger(), nullable=False),
        sa.Column("tx_hash", sa.String(length=66), nullable=False),
        sa.Column("deal", sa.BigInteger(), nullable=True),
        sa.Column("assignment", sa.BigInteger(), nullable=True),
        sa.Column("peer", sa.BigInteger(), nullable=True),
        sa.Column("data", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("block_number", "log_index", name=op.f("pk_event")),
    )
    op.create_index(
        op.f("ix_event_assignment_block_number_log_index"),
        "event",
        ["assignment", "block_number", "log_index"],
        unique=False,
    )
    op.create_index(
        op.f("ix_event_deal_block_number_log_index"),
        "event",
        ["deal", "block_number", "log_index"],
        unique=False,
    )
    op.create_index(op.f("ix_event_tx_hash"), "event", ["tx_hash"], unique=False)
    op.create_table(
        "fill_skip",
        sa.Column("block_number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("log_index", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("tx_hash", sa.String(length=66), nullable=False),
        sa.Column("deal", sa.BigInteger(), nullable=False),
        sa.Column("peer", sa.String(length=78), nullable=False),
        sa.Column("reason", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("block_number", "log_index", name=op.f("pk_fill_skip")),
    )
    op.create_index(
        op.f("ix_fill_skip_deal_block_number"), "fill_skip", ["deal", "block_number"], unique=False
    )
    op.create_index(
        op.f("ix_fill_skip_peer_block_number"), "fill_skip", ["peer", "block_number"], unique=False
    )
    op.create_table(
        "journal",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("block_number", sa.BigInteger(), nullable=False),
        sa.Column("entity", sa.String(length=40), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("image", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_journal")),
    )
    op.create_index(op.f("ix_journal_block_number"), "journal", ["block_number"], unique=False)
    op.create_table(
        "leadership",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("token", sa.BigInteger(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_leadership")),
    )
    op.create_table(
        "market_state",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("paused", sa.Boolean(), nullable=False),
        sa.Column("owner", sa.String(length=42), nullable=True),
        sa.Column("next_owner", sa.String(length=42), nullable=True),
        sa.CheckConstraint('"id" BETWEEN 1 AND 1', name=op.f("ck_market_state_id_range")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_market_state")),
    )
    op.create_table(
        "notice",
        sa.Column("assignment", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("tx", sa.String(length=66), nullable=False),
        sa.Column("deal", sa.BigInteger(), nullable=False),
        sa.Column("block_number", sa.BigInteger(), nullable=False),
        sa.Column("sources", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.CheckConstraint('"attempts" >= 0', name=op.f("ck_notice_attempts_not_negative")),
        sa.CheckConstraint(
            "\"state\" IN ('waiting', 'sent', 'given_up')", name=op.f("ck_notice_state_known")
        ),
        sa.PrimaryKeyConstraint("assignment", "tx", name=op.f("pk_notice")),
    )
    op.create_index(op.f("ix_notice_state_next_at"), "notice", ["state", "next_at"], unique=False)
    op.create_table(
        "offer_cancellation",
        sa.Column("account", sa.String(length=42), nullable=False),
        sa.Column("hash", sa.String(length=66), nullable=False),
        sa.Column("block_number", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account", "hash", name=op.f("pk_offer_cancellation")),
    )
    op.create_table(
        "peer",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("provider", sa.String(length=42), nullable=False),
        sa.Column("key", sa.String(length=66), nullable=False),
        sa.Column("units", sa.BigInteger(), nullable=False),
        sa.Column("used", sa.BigInteger(), nullable=False),
        sa.Column("memory_mib", sa.BigInteger(), nullable=False),
        sa.Column("region", sa.BigInteger(), nullable=False),
        sa.Column("traits", sa.String(length=78), nullable=False),
        sa.Column("wallet", sa.String(length=42), nullable=False),
        sa.Column("endpoint", sa.String(length=128), nullable=False),
        sa.Column("registered_block", sa.BigInteger(), nullable=False),
        sa.Column("registered_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            '"memory_mib" BETWEEN 0 AND 4294967295', name=op.f("ck_peer_memory_mib_range")
        ),
        sa.CheckConstraint('"region" BETWEEN 0 AND 255', name=op.f("ck_peer_region_range")),
        sa.CheckConstraint('"units" BETWEEN 0 AND 65535', name=op.f("ck_peer_units_range")),
        sa.CheckConstraint("used BETWEEN 0 AND 65535", name=op.f("ck_peer_used_range")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_peer")),
    )
    op.create_index(op.f("ix_peer_provider_id"), "peer", ["provider", "id"], unique=False)
    op.create_index(op.f("ix_peer_wallet"), "peer", ["wallet"], unique=False)
    op.create_table(
        "provider_offer",
        sa.Column("sequence", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("hash", sa.String(length=66), nullable=False),
        sa.Column("provider", sa.String(length=42), nullable=False),
        sa.Column("peer", sa.BigInteger(), nullable=False),
        sa.Column("price", sa.String(length=78), nullable=False),
        sa.Column("developer", sa.String(length=42), nullable=False),
        sa.Column("valid_until", sa.String(length=78), nullable=False),
        sa.Column("counter", sa.String(length=78), nullable=False),
        sa.Column("salt", sa.String(length=78), nullable=False),
        sa.Column("signature", sa.String(length=130), nullable=True),
        sa.Column("source", sa.String(length=10), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("withdrawn", sa.Boolean(), nullable=False),
        sa.CheckConstraint(
            "source = 'published' OR signature IS NOT NULL",
            name=op.f("ck_provider_offer_posted_is_signed"),
        ),
        sa.CheckConstraint('"peer" >= 0', name=op.f("ck_provider_offer_peer_not_negative")),
        sa.CheckConstraint(
            "\"source\" IN ('posted', 'published')", name=op.f("ck_provider_offer_source_known")
        ),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_provider_offer")),
        sa.UniqueConstraint("hash", name=op.f("uq_provider_offer_hash")),
    )
    op.create_index(op.f("ix_provider_offer_peer"), "provider_offer", ["peer"], unique=False)
    op.create_index(
        op.f("ix_provider_offer_provider_sequence"),
        "provider_offer",
        ["provider", "sequence"],
        unique=False,
    )
    op.create_table(
        "published_offer",
        sa.Column("account", sa.String(length=42), nullable=False),
        sa.Column("hash", sa.String(length=66), nullable=False),
        sa.Column("block_number", sa.BigInteger(), nullable=False),
        sa.Column("log_index", sa.BigInteger(), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=True),
        sa.Column("offer", sa.Text(), nullable=True),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "\"kind\" IN ('provider', 'developer')", name=op.f("ck_published_offer_kind_known")
        ),
        sa.CheckConstraint(
            "(offer IS NULL) <> (problem IS NULL)", name=op.f("ck_published_offer_offer_or_problem")
        ),
        sa.CheckConstraint(
            "(offer IS NULL) = (kind IS NULL)", name=op.f("ck_published_offer_offer_has_kind")
        ),
        sa.PrimaryKeyConstraint("account", "hash", name=op.f("pk_published_offer")),
    )
    op.create_index(
        op.f("ix_published_offer_block_number_log_index"),
        "published_offer",
        ["block_number", "log_index"],
        unique=False,
    )
    op.create_table(
        "reorg",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("from_block", sa.BigInteger(), nullable=False),
        sa.Column("to_block", sa.BigInteger(), nullable=False),
        sa.Column("to_hash", sa.String(length=66), nullable=False),
        sa.CheckConstraint('"to_block" >= 0', name=op.f("ck_reorg_to_block_not_negative")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reorg")),
    )
    op.create_table(
        "stake",
        sa.Column("provider", sa.String(length=42), nullable=False),
        sa.Column("free", sa.String(length=78), nullable=False),
        sa.Column("locked", sa.String(length=78), nullable=False),
        sa.Column("leaving", sa.String(length=78), nullable=False),
        sa.Column("ready", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("provider", name=op.f("pk_stake")),
    )
    op.create_table(
        "assignment",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("deal", sa.BigInteger(), nullable=False),
        sa.Column("peer", sa.BigInteger(), nullable=False),
        sa.Column("units", sa.BigInteger(), nullable=False),
        sa.Column("price", sa.BigInteger(), nullable=False),
        sa.Column("offer", sa.String(length=66), nullable=False),
        sa.Column("run", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("assigned_block", sa.BigInteger(), nullable=False),
        sa.Column("assigned_at", sa.BigInteger(), nullable=False),
        sa.Column("tx_hash", sa.String(length=66), nullable=False),
        sa.Column("start", sa.BigInteger(), nullable=True),
        sa.Column("next", sa.BigInteger(), nullable=True),
        sa.Column("end", sa.BigInteger(), nullable=True),
        sa.Column("skipped", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_kind", sa.BigInteger(), nullable=True),
        sa.Column("why", sa.String(length=78), nullable=True),
        sa.Column("paid", sa.BigInteger(), nullable=False),
        sa.Column("refunded", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            '"ended_kind" BETWEEN 1 AND 4', name=op.f("ck_assignment_ended_kind_range")
        ),
        sa.CheckConstraint('"paid" >= 0', name=op.f("ck_assignment_paid_not_negative")),
        sa.CheckConstraint('"price" >= 0', name=op.f("ck_assignment_price_not_negative")),
        sa.CheckConstraint('"refunded" >= 0', name=op.f("ck_assignment_refunded_not_negative")),
        sa.CheckConstraint('"run" BETWEEN 0 AND 255', name=op.f("ck_assignment_run_range")),
        sa.CheckConstraint(
            '"skipped" BETWEEN 0 AND 65535', name=op.f("ck_assignment_skipped_range")
        ),
        sa.CheckConstraint(
            "\"state\" IN ('pending', 'active', 'ended', 'cleared')",
            name=op.f("ck_assignment_state_known"),
        ),
        sa.CheckConstraint('"units" BETWEEN 1 AND 65535', name=op.f("ck_assignment_units_range")),
        sa.ForeignKeyConstraint(
            ["deal"],
            ["deal.id"],
            name=op.f("fk_assignment_deal"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.ForeignKeyConstraint(
            ["peer"],
            ["peer.id"],
            name=op.f("fk_assignment_peer"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_assignment")),
    )
    op.create_index(op.f("ix_assignment_deal_id"), "assignment", ["deal", "id"], unique=False)
    op.create_index(op.f("ix_assignment_peer_id"), "assignment", ["peer", "id"], unique=False)
    op.create_index(op.f("ix_assignment_start"), "assignment", ["start"], unique=False)
    op.create_table(
        "deal_change",
        sa.Column("block_number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("log_index", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("deal", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("timestamp", sa.BigInteger(), nullable=False),
        sa.Column("tx_hash", sa.String(length=66), nullable=False),
        sa.Column("by", sa.String(length=42), nullable=True),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("balance", sa.BigInteger(), nullable=False),
        sa.Column("units", sa.BigInteger(), nullable=True),
        sa.Column("app", sa.String(length=66), nullable=True),
        sa.CheckConstraint(
            "\"kind\" IN ('created', 'matched', 'topped_up', 'taken', 'lapsed', 'stopped', 'app')",
            name=op.f("ck_deal_change_kind_known"),
        ),
        sa.ForeignKeyConstraint(
            ["deal"],
            ["deal.id"],
            name=op.f("fk_deal_change_deal"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.PrimaryKeyConstraint("block_number", "log_index", name=op.f("pk_deal_change")),
    )
    op.create_index(
        op.f("ix_deal_change_deal_block_number"),
        "deal_change",
        ["deal", "block_number"],
        unique=False,
    )
    op.create_table(
        "match_record",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("engine", sa.String(length=40), nullable=False),
        sa.Column("block", sa.BigInteger(), nullable=False),
        sa.Column("block_hash", sa.String(length=66), nullable=False),
        sa.Column("book", sa.String(length=66), nullable=False),
        sa.Column("offer", sa.String(length=66), nullable=False),
        sa.Column("deal", sa.BigInteger(), nullable=True),
        sa.Column("offers", sa.Text(), nullable=False),
        sa.Column("fills", sa.Text(), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("saving", sa.String(length=78), nullable=False),
        sa.Column("bound", sa.String(length=78), nullable=False),
        sa.Column("gap_ppm", sa.BigInteger(), nullable=False),
        sa.Column("tx", sa.String(length=66), nullable=True),
        sa.CheckConstraint('"gap_ppm" >= 0', name=op.f("ck_match_record_gap_ppm_not_negative")),
        sa.CheckConstraint('"total" >= 0', name=op.f("ck_match_record_total_not_negative")),
        sa.ForeignKeyConstraint(["book"], ["book.digest"], name=op.f("fk_match_record_book")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_match_record")),
    )
    op.create_index(op.f("ix_match_record_deal_id"), "match_record", ["deal", "id"], unique=False)
    op.create_index(op.f("ix_match_record_offer_id"), "match_record", ["offer", "id"], unique=False)
    op.create_index(op.f("ix_match_record_tx"), "match_record", ["tx"], unique=False)
    op.create_table(
        "run_end",
        sa.Column("deal", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("run", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.Column("block_number", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["deal"],
            ["deal.id"],
            name=op.f("fk_run_end_deal"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.PrimaryKeyConstraint("deal", "run", name=op.f("pk_run_end")),
    )
    op.create_index(op.f("ix_run_end_block_number"), "run_end", ["block_number"], unique=False)
    op.create_table(
        "claim",
        sa.Column("block_number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("log_index", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("assignment", sa.BigInteger(), nullable=False),
        sa.Column("deal", sa.BigInteger(), nullable=False),
        sa.Column("provider", sa.String(length=42), nullable=False),
        sa.Column("first", sa.BigInteger(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.Column("paid", sa.BigInteger(), nullable=False),
        sa.Column("refunded", sa.BigInteger(), nullable=False),
        sa.Column("timestamp", sa.BigInteger(), nullable=False),
        sa.Column("tx_hash", sa.String(length=66), nullable=False),
        sa.ForeignKeyConstraint(
            ["assignment"],
            ["assignment.id"],
            name=op.f("fk_claim_assignment"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.PrimaryKeyConstraint("block_number", "log_index", name=op.f("pk_claim")),
    )
    op.create_index(op.f("ix_claim_assignment"), "claim", ["assignment"], unique=False)
    op.create_index(
        op.f("ix_claim_provider_block_number"), "claim", ["provider", "block_number"], unique=False
    )
    op.create_table(
        "submission",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("tx_hash", sa.String(length=66), nullable=False),
        sa.Column("raw", sa.Text(), nullable=False),
        sa.Column("nonce", sa.BigInteger(), nullable=False),
        sa.Column("purpose", sa.String(length=40), nullable=False),
        sa.Column("offer", sa.String(length=66), nullable=True),
        sa.Column("match", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("block_number", sa.BigInteger(), nullable=True),
        sa.CheckConstraint('"nonce" >= 0', name=op.f("ck_submission_nonce_not_negative")),
        sa.CheckConstraint(
            "\"state\" IN ('signed', 'sent', 'mined', 'failed', 'dropped')",
            name=op.f("ck_submission_state_known"),
        ),
        sa.ForeignKeyConstraint(["match"], ["match_record.id"], name=op.f("fk_submission_match")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_submission")),
        sa.UniqueConstraint("tx_hash", name=op.f("uq_submission_tx_hash")),
    )
    op.create_index(op.f("ix_submission_offer_id"), "submission", ["offer", "id"], unique=False)
    op.create_index(op.f("ix_submission_state_id"), "submission", ["state", "id"], unique=False)
