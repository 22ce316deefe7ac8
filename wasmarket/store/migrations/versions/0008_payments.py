"""Purchases by card: checkouts, deliveries, the double-entry ledger."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply it."""
    op.create_table('checkout',
    sa.Column('id', sa.String(length=32), nullable=False),
    sa.Column('processor', sa.String(length=20), nullable=False),
    sa.Column('session', sa.Text(), nullable=True),
    sa.Column('url', sa.Text(), nullable=True),
    sa.Column('payment', sa.Text(), nullable=True),
    sa.Column('currency', sa.String(length=3), nullable=False),
    sa.Column('amount', sa.BigInteger(), nullable=False),
    sa.Column('fee', sa.BigInteger(), nullable=False),
    sa.Column('token', sa.String(length=8), nullable=False),
    sa.Column('tokens', sa.String(length=78), nullable=False),
    sa.Column('rate', sa.String(length=78), nullable=False),
    sa.Column('worth', sa.BigInteger(), nullable=False),
    sa.Column('purpose', sa.String(length=10), nullable=False),
    sa.Column('deal', sa.BigInteger(), nullable=True),
    sa.Column('account', sa.String(length=42), nullable=False),
    sa.Column('client', sa.Text(), nullable=False),
    sa.Column('card', sa.Text(), nullable=True),
    sa.Column('last_digits', sa.String(length=4), nullable=True),
    sa.Column('state', sa.String(length=10), nullable=False),
    sa.Column('reason', sa.Text(), nullable=True),
    sa.Column('returns', sa.Boolean(), nullable=False),
    sa.Column('created_at', sa.BigInteger(), nullable=False),
    sa.Column('expires_at', sa.BigInteger(), nullable=False),
    sa.Column('session_at', sa.BigInteger(), nullable=True),
    sa.Column('paid_at', sa.BigInteger(), nullable=True),
    sa.Column('received', sa.BigInteger(), nullable=False),
    sa.Column('processor_fee', sa.BigInteger(), nullable=False),
    sa.Column('refunded', sa.BigInteger(), nullable=False),
    sa.Column('dispute', sa.String(length=10), nullable=False),
    sa.Column('disputed', sa.BigInteger(), nullable=False),
    sa.Column('look_at', sa.BigInteger(), nullable=True),
    sa.Column('silent_looks', sa.BigInteger(), nullable=False),
    sa.CheckConstraint('"amount" >= 0', name=op.f('ck_checkout_amount_not_negative')),
    sa.CheckConstraint('"dispute" IN (\'none\', \'open\', \'won\', \'lost\')', name=op.f('ck_checkout_dispute_known')),
    sa.CheckConstraint('"disputed" >= 0', name=op.f('ck_checkout_disputed_not_negative')),
    sa.CheckConstraint('"fee" >= 0', name=op.f('ck_checkout_fee_not_negative')),
    sa.CheckConstraint('"processor_fee" >= 0', name=op.f('ck_checkout_processor_fee_not_negative')),
    sa.CheckConstraint('"purpose" IN (\'top_up\', \'account\', \'flt\')', name=op.f('ck_checkout_purpose_known')),
    sa.CheckConstraint('"received" >= 0', name=op.f('ck_checkout_received_not_negative')),
    sa.CheckConstraint('"refunded" >= 0', name=op.f('ck_checkout_refunded_not_negative')),
    sa.CheckConstraint('"state" IN (\'open\', \'expired\', \'paid\', \'sending\', \'delivered\', \'held\', \'refunding\', \'refunded\', \'lost\')', name=op.f('ck_checkout_state_known')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_checkout')),
    sa.UniqueConstraint('processor', 'session', name=op.f('uq_checkout_processor_session'))
    )
    op.create_index(op.f('ix_checkout_account_created_at'), 'checkout', ['account', 'created_at'], unique=False)
    op.create_index(op.f('ix_checkout_card_created_at'), 'checkout', ['card', 'created_at'], unique=False)
    op.create_index(op.f('ix_checkout_client_created_at'), 'checkout', ['client', 'created_at'], unique=False)
    op.create_index(op.f('ix_checkout_look_at'), 'checkout', ['look_at'], unique=False)
    op.create_index(op.f('ix_checkout_payment'), 'checkout', ['payment'], unique=False)
    op.create_index(op.f('ix_checkout_state'), 'checkout', ['state'], unique=False)
    op.create_table('payment_freeze',
    sa.Column('kind', sa.String(length=10), nullable=False),
    sa.Column('key', sa.String(length=128), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('since', sa.BigInteger(), nullable=False),
    sa.CheckConstraint('"kind" IN (\'card\', \'account\')', name=op.f('ck_payment_freeze_kind_known')),
    sa.PrimaryKeyConstraint('kind', 'key', name=op.f('pk_payment_freeze'))
    )
    op.create_table('payment_webhook',
    sa.Column('processor', sa.String(length=20), nullable=False),
    sa.Column('event', sa.String(length=128), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('received_at', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('processor', 'event', name=op.f('pk_payment_webhook'))
    )
    op.create_index(op.f('ix_payment_webhook_received_at'), 'payment_webhook', ['received_at'], unique=False)
    op.create_table('ledger_entry',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('reference', sa.String(length=160), nullable=False),
    sa.Column('kind', sa.String(length=40), nullable=False),
    sa.Column('checkout', sa.String(length=32), nullable=True),
    sa.Column('posted_at', sa.BigInteger(), nullable=False),
    sa.ForeignKeyConstraint(['checkout'], ['checkout.id'], name=op.f('fk_ledger_entry_checkout')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_ledger_entry')),
    sa.UniqueConstraint('reference', name=op.f('uq_ledger_entry_reference'))
    )
    op.create_index(op.f('ix_ledger_entry_checkout'), 'ledger_entry', ['checkout'], unique=False)
    op.create_table('payment_delivery',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('checkout', sa.String(length=32), nullable=True),
    sa.Column('kind', sa.String(length=10), nullable=False),
    sa.Column('deal', sa.BigInteger(), nullable=True),
    sa.Column('to', sa.String(length=42), nullable=False),
    sa.Column('amount', sa.String(length=78), nullable=False),
    sa.Column('state', sa.String(length=10), nullable=False),
    sa.Column('reason', sa.Text(), nullable=True),
    sa.Column('created_at', sa.BigInteger(), nullable=False),
    sa.Column('tx_hash', sa.String(length=66), nullable=True),
    sa.Column('block_number', sa.BigInteger(), nullable=True),
    sa.Column('gas_cost', sa.String(length=78), nullable=True),
    sa.CheckConstraint('"kind" IN (\'top_up\', \'usdc\', \'flt\', \'coins\')', name=op.f('ck_payment_delivery_kind_known')),
    sa.CheckConstraint('"state" IN (\'waiting\', \'held\', \'signed\', \'mined\', \'final\', \'cancelled\')', name=op.f('ck_payment_delivery_state_known')),
    sa.ForeignKeyConstraint(['checkout'], ['checkout.id'], name=op.f('fk_payment_delivery_checkout')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_payment_delivery')),
    sa.UniqueConstraint('checkout', name=op.f('uq_payment_delivery_checkout'))
    )
    op.create_index(op.f('ix_payment_delivery_state_id'), 'payment_delivery', ['state', 'id'], unique=False)
    op.create_table('delivery_attempt',
    sa.Column('tx_hash', sa.String(length=66), nullable=False),
    sa.Column('delivery', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('nonce', sa.BigInteger(), nullable=False),
    sa.Column('raw', sa.Text(), nullable=False),
    sa.Column('signed_at', sa.BigInteger(), nullable=False),
    sa.Column('is_dead', sa.Boolean(), nullable=False),
    sa.CheckConstraint('"nonce" >= 0', name=op.f('ck_delivery_attempt_nonce_not_negative')),
    sa.ForeignKeyConstraint(['delivery'], ['payment_delivery.id'], name=op.f('fk_delivery_attempt_delivery')),
    sa.PrimaryKeyConstraint('tx_hash', name=op.f('pk_delivery_attempt'))
    )
    op.create_index(op.f('ix_delivery_attempt_delivery_is_dead'), 'delivery_attempt', ['delivery', 'is_dead'], unique=False)
    op.create_table('gas_grant',
    sa.Column('account', sa.String(length=42), nullable=False),
    sa.Column('client', sa.Text(), nullable=False),
    sa.Column('delivery', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('granted_at', sa.BigInteger(), nullable=False),
    sa.ForeignKeyConstraint(['delivery'], ['payment_delivery.id'], name=op.f('fk_gas_grant_delivery')),
    sa.PrimaryKeyConstraint('account', name=op.f('pk_gas_grant'))
    )
    op.create_index(op.f('ix_gas_grant_client_granted_at'), 'gas_grant', ['client', 'granted_at'], unique=False)
    op.create_index(op.f('ix_gas_grant_granted_at'), 'gas_grant', ['granted_at'], unique=False)
    op.create_table('ledger_line',
    sa.Column('entry', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('account', sa.String(length=40), nullable=False),
    sa.Column('currency', sa.String(length=8), nullable=False),
    sa.Column('amount', sa.String(length=80), nullable=False),
    sa.ForeignKeyConstraint(['entry'], ['ledger_entry.id'], name=op.f('fk_ledger_line_entry')),
    sa.PrimaryKeyConstraint('entry', 'account', 'currency', name=op.f('pk_ledger_line'))
    )
    op.create_index(op.f('ix_ledger_line_account_currency'), 'ledger_line', ['account', 'currency'], unique=False)
