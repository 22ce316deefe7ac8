"""Assignments, what they were paid, and what matches and batches left out."""

from sqlalchemy import ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from wasmarket.kernel.units import (
    Address,
    Amount,
    AssignmentId,
    BlockNumber,
    DealId,
    Epoch,
    Hash,
    PeerId,
    Timestamp,
)
from wasmarket.store.columns import (
    FOR_READERS,
    Appended,
    Base,
    Journaled,
    in_range,
    not_negative,
    one_of,
)
from wasmarket.store.enums import AssignmentState, Uint

OPEN = text("state IN ('pending', 'active', 'metered')")
"""Assignments that have not ended; written out, so that databases see that an index is of them."""


class AssignmentRow(Journaled, Base):
    """Units of a peer given to a deal at an ask (USDC base units per unit and epoch or 10^12 work).

    `start` and `next` as on chain once active, `skipped` that of the epoch `start` (kept, where the
    chain clears it with the first claim); `end` its last epoch, once ended and only if that is not
    before `start`; `ended_kind` an EndKind, `why` a reason of kernel.reasons; `paid`, `refunded` so
    far. Dead but not released ones are still pending, active or metered here, as on chain.
    In a metered deal `next` stays null and `work` is the most that was redeemed. `convicted` says
    that the peer's bond of it was seized.
    """

    __tablename__ = "assignment"
    __table_args__ = (
        one_of("state", AssignmentState),
        *not_negative("price", "paid", "refunded"),
        in_range("units", 1, 2**16 - 1),
        in_range("skipped", 0, 2**16 - 1),
        in_range("run", 0, 255),
        in_range("ended_kind", 1, 5),
        Index(None, "deal", "id"),
        Index(None, "peer", "id"),
        Index(None, "start"),
        Index(None, "end", "start"),
        Index("ix_assignment_open", "id", sqlite_where=OPEN, postgresql_where=OPEN),
        # What was matched since a time, by peer.
        Index(None, "assigned_at", "peer", "units", info=FOR_READERS),
        # What a provider's peers hold now is added up from it alone.
        Index(
            "ix_assignment_open_of_peer",
            "peer",
            "deal",
            "run",
            "units",
            "state",
            sqlite_where=OPEN,
            postgresql_where=OPEN,
            info=FOR_READERS,
        ),
    )

    id: Mapped[AssignmentId] = mapped_column(primary_key=True, autoincrement=False)
    deal: Mapped[DealId] = mapped_column(
        ForeignKey("deal.id", deferrable=True, initially="DEFERRED")
    )
    peer: Mapped[PeerId] = mapped_column(
        ForeignKey("peer.id", deferrable=True, initially="DEFERRED")
    )
    units: Mapped[int]
    price: Mapped[Amount]
    offer: Mapped[Hash]
    run: Mapped[int]
    state: Mapped[AssignmentState] = mapped_column(String(10))
    assigned_block: Mapped[BlockNumber]
    assigned_at: Mapped[Timestamp]
    tx_hash: Mapped[Hash]
    start: Mapped[Epoch | None]
    next: Mapped[Epoch | None]
    end: Mapped[Epoch | None]
    skipped: Mapped[int]
    ended_at: Mapped[Timestamp | None]
    ended_kind: Mapped[int | None]
    why: Mapped[Uint | None]
    paid: Mapped[Amount]
    refunded: Mapped[Amount]
    work: Mapped[Uint]
    convicted: Mapped[bool]


class ClaimRow(Appended, Base):
    """One claim: epochs `first` … `last` of an assignment, paid and refunded USDC base units."""

    __tablename__ = "claim"
    __table_args__ = (
        Index(None, "assignment"),
        Index(None, "deal", "block_number"),
        Index(None, "provider", "block_number"),
    )

    block_number: Mapped[BlockNumber] = mapped_column(primary_key=True, autoincrement=False)
    log_index: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    assignment: Mapped[AssignmentId] = mapped_column(
        ForeignKey("assignment.id", deferrable=True, initially="DEFERRED")
    )
    deal: Mapped[DealId]
    provider: Mapped[Address]
    first: Mapped[Epoch]
    last: Mapped[Epoch]
    paid: Mapped[Amount]
    refunded: Mapped[Amount]
    timestamp: Mapped[Timestamp]
    tx_hash: Mapped[Hash]


class RedemptionRow(Appended, Base):
    """One redeemed voucher: `paid` now for all `work` so far, `owed` still (USDC base units)."""

    __tablename__ = "redemption"
    __table_args__ = (
        Index(None, "assignment"),
        Index(None, "deal", "block_number"),
        Index(None, "provider", "block_number"),
    )

    block_number: Mapped[BlockNumber] = mapped_column(primary_key=True, autoincrement=False)
    log_index: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    assignment: Mapped[AssignmentId] = mapped_column(
        ForeignKey("assignment.id", deferrable=True, initially="DEFERRED")
    )
    deal: Mapped[DealId]
    provider: Mapped[Address]
    work: Mapped[Uint]
    paid: Mapped[Amount]
    owed: Mapped[Amount]
    balance: Mapped[Amount]
    timestamp: Mapped[Timestamp]
    tx_hash: Mapped[Hash]


class FillSkipRow(Appended, Base):
    """A fill that a match refused; `reason` is a FillReason, `peer` whatever the fill named."""

    __tablename__ = "fill_skip"
    __table_args__ = (Index(None, "deal", "block_number"), Index(None, "peer", "block_number"))

    block_number: Mapped[BlockNumber] = mapped_column(primary_key=True, autoincrement=False)
    log_index: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    tx_hash: Mapped[Hash]
    deal: Mapped[DealId]
    peer: Mapped[Uint]
    reason: Mapped[int]


class BatchSkipRow(Appended, Base):
    """An id that a batch call left out; `reason` is a BatchReason, the id whatever was given."""

    __tablename__ = "batch_skip"
    __table_args__ = (Index(None, "assignment", "block_number"),)

    block_number: Mapped[BlockNumber] = mapped_column(primary_key=True, autoincrement=False)
    log_index: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    tx_hash: Mapped[Hash]
    assignment: Mapped[Uint]
    reason: Mapped[int]
