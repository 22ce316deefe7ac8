"""Deals as last settled on chain, and what happened to each."""

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from wasmarket.kernel.units import Address, Amount, BlockNumber, DealId, Epoch, Hash, Timestamp
from wasmarket.store.columns import (
    FOR_READERS,
    Appended,
    Base,
    Journaled,
    in_range,
    not_negative,
    one_of,
)
from wasmarket.store.enums import DealChangeKind

DEAL = ForeignKey("deal.id", deferrable=True, initially="DEFERRED")


NOT_STOPPED = text("NOT stopped")


class DealRow(Journaled, Base):
    """A deal as the last event that touched it left it; readers settle it (kernel.billing).

    `settled` is the epoch up to which `balance` is billed, `end` 2^32 − 1 until it is stopped.
    `meter` signs the usage of a metered deal; zero: reserved.
    """

    __tablename__ = "deal"
    __table_args__ = (
        *not_negative("balance", "rate", "settled", "deposit"),
        in_range("end", 0, 2**32 - 1),
        in_range("units", 0, 2**16 - 1),
        in_range("run", 0, 255),
        UniqueConstraint("developer", "offer"),
        Index(None, "developer", "id"),
        Index(None, "offer"),
        Index(None, "app"),
        # All that says whether a deal is alive: of many deals it is read from here alone.
        Index(
            "ix_deal_open",
            "id",
            "run",
            "end",
            "settled",
            "rate",
            "balance",
            "stopped",
            "created_at",
            sqlite_where=NOT_STOPPED,
            postgresql_where=NOT_STOPPED,
            info=FOR_READERS,
        ),
    )

    id: Mapped[DealId] = mapped_column(primary_key=True, autoincrement=False)
    developer: Mapped[Address]
    offer: Mapped[Hash]
    app: Mapped[Hash]
    version: Mapped[int]
    deposit: Mapped[Amount]
    balance: Mapped[Amount]
    rate: Mapped[Amount]
    settled: Mapped[Epoch]
    end: Mapped[Epoch]
    units: Mapped[int]
    run: Mapped[int]
    stopped: Mapped[bool]
    created_block: Mapped[BlockNumber]
    created_at: Mapped[Timestamp]
    tx_hash: Mapped[Hash]
    meter: Mapped[Address]


class RunEndRow(Appended, Base):
    """The last funded epoch of a run that lapsed."""

    __tablename__ = "run_end"
    __table_args__ = (Index(None, "block_number"),)

    deal: Mapped[DealId] = mapped_column(DEAL, primary_key=True, autoincrement=False)
    run: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    last: Mapped[Epoch]
    block_number: Mapped[BlockNumber]


class DealChangeRow(Appended, Base):
    """One line of a deal's history.

    `amount` is what moved (deposit, top-up, taken, returned, tip; USDC base units), `balance` what
    the deal had after it, `by` who did it, `app` the new version's.
    """

    __tablename__ = "deal_change"
    __table_args__ = (one_of("kind", DealChangeKind), Index(None, "deal", "block_number"))

    block_number: Mapped[BlockNumber] = mapped_column(primary_key=True, autoincrement=False)
    log_index: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    deal: Mapped[DealId] = mapped_column(
        ForeignKey("deal.id", deferrable=True, initially="DEFERRED")
    )
    kind: Mapped[DealChangeKind] = mapped_column(String(10))
    timestamp: Mapped[Timestamp]
    tx_hash: Mapped[Hash]
    by: Mapped[Address | None]
    amount: Mapped[Amount]
    balance: Mapped[Amount]
    units: Mapped[int | None]
    app: Mapped[Hash | None]
