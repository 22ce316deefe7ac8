"""Books in parts that others share."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply it."""
    op.create_table(
        "book_part",
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_book_part")),
    )
    with op.batch_alter_table("book") as batch:
        batch.add_column(
            sa.Column("in_parts", sa.Boolean(), nullable=False, server_default=sa.false())
        )
