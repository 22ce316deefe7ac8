"""What ran in each epoch, once nothing can change it any more."""

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from wasmarket.kernel.units import Amount, BlockNumber, Epoch
from wasmarket.store.columns import Appended, Base, not_negative


class EpochTotalRow(Appended, Base):
    """Totals of a final epoch; `block_number`: as of which block they were counted."""

    __tablename__ = "epoch_total"
    __table_args__ = (*not_negative("billed"), Index(None, "block_number"))

    epoch: Mapped[Epoch] = mapped_column(primary_key=True, autoincrement=False)
    block_number: Mapped[BlockNumber]
    committed: Mapped[int]
    peers: Mapped[int]
    assignments: Mapped[int]
    units: Mapped[int]
    billed: Mapped[Amount]
