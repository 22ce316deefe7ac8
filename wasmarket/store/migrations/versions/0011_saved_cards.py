"""Cards that accounts let be charged for top-ups; claims by deal, for statements."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply it."""
    op.add_column('checkout', sa.Column('saved_card', sa.String(length=32), nullable=True))
    op.add_column('checkout', sa.Column('charge_key', sa.String(length=64), nullable=True))
    op.create_index(op.f('ix_checkout_account_charge_key'), 'checkout', ['account', 'charge_key'], unique=True)
    op.create_index(op.f('ix_checkout_saved_card_created_at'), 'checkout', ['saved_card', 'created_at'], unique=False)
    op.create_table('saved_card',
    sa.Column('checkout', sa.String(length=32), nullable=False),
    sa.Column('account', sa.String(length=42), nullable=False),
    sa.Column('processor', sa.String(length=20), nullable=False),
    sa.Column('currency', sa.String(length=3), nullable=False),
    sa.Column('most_per_month', sa.BigInteger(), nullable=False),
    sa.Column('terms', sa.Text(), nullable=False),
    sa.Column('state', sa.String(length=10), nullable=False),
    sa.Column('customer', sa.Text(), nullable=True),
    sa.Column('method', sa.Text(), nullable=True),
    sa.Column('card', sa.Text(), nullable=True),
    sa.Column('last_digits', sa.String(length=4), nullable=True),
    sa.Column('asked_at', sa.BigInteger(), nullable=False),
    sa.Column('agreed_at', sa.BigInteger(), nullable=True),
    sa.Column('cancelled_at', sa.BigInteger(), nullable=True),
    sa.CheckConstraint('"most_per_month" >= 0', name=op.f('ck_saved_card_most_per_month_not_negative')),
    sa.CheckConstraint('"state" IN (\'asked\', \'active\', \'cancelled\')', name=op.f('ck_saved_card_state_known')),
    sa.ForeignKeyConstraint(['checkout'], ['checkout.id'], name=op.f('fk_saved_card_checkout_checkout')),
    sa.PrimaryKeyConstraint('checkout', name=op.f('pk_saved_card'))
    )
    op.create_index(op.f('ix_claim_deal_block_number'), 'claim', ['deal', 'block_number'], unique=False)
    op.create_index(op.f('ix_saved_card_account_asked_at'), 'saved_card', ['account', 'asked_at'], unique=False)
