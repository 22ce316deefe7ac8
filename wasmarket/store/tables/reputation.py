"""What reputations are counted from: events of peers, and final epochs in which they ran."""

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from wasmarket.kernel.reputation.kinds import ReputationKind
from wasmarket.kernel.units import (
    Address,
    Amount,
    AssignmentId,
    BlockNumber,
    DealId,
    Epoch,
    Hash,
    PeerId,
    Stake,
)
from wasmarket.store.columns import Appended, Base, not_negative, one_of
from wasmarket.store.enums import Uint


class ReputationEventRow(Appended, Base):
    """An event that says how a peer kept what it sold; `epoch` is that of its block.

    `reason`: why it was left, dropped or rejected, or which case or contradiction it was. `paid`
    and `refunded` USDC base units, `seized` FLT base units.
    """

    __tablename__ = "reputation_event"
    __table_args__ = (
        one_of("kind", ReputationKind),
        *not_negative("units", "paid", "refunded"),
        Index(None, "peer", "epoch"),
        # All that is counted of a provider: of a large one these are many rows.
        Index(None, "provider", "epoch", "kind", "reason", "paid", "refunded"),
        Index(None, "epoch", "kind"),
    )

    block_number: Mapped[BlockNumber] = mapped_column(primary_key=True, autoincrement=False)
    log_index: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    kind: Mapped[ReputationKind] = mapped_column(String(20))
    peer: Mapped[PeerId]
    provider: Mapped[Address]
    epoch: Mapped[Epoch]
    tx_hash: Mapped[Hash]
    deal: Mapped[DealId | None]
    assignment: Mapped[AssignmentId | None]
    reason: Mapped[Uint | None]
    units: Mapped[int]
    paid: Mapped[Amount]
    refunded: Mapped[Amount]
    seized: Mapped[Stake]


class PeerEpochRow(Appended, Base):
    """A final epoch in which a peer had something to run, and whether it proved it.

    `block_number`: as of which block it was counted; `billed`: what it cost, USDC base units.
    """

    __tablename__ = "peer_epoch"
    __table_args__ = (
        *not_negative("billed"),
        Index(None, "epoch", "peer"),
        Index(None, "block_number"),
    )

    peer: Mapped[PeerId] = mapped_column(primary_key=True, autoincrement=False)
    epoch: Mapped[Epoch] = mapped_column(primary_key=True, autoincrement=False)
    block_number: Mapped[BlockNumber]
    assignments: Mapped[int]
    units: Mapped[int]
    billed: Mapped[Amount]
    proven: Mapped[bool]


class ProviderEpochRow(Appended, Base):
    """The peers of a provider that had something to run in a final epoch, added up.

    `proven` is how many of `active` proved it, `proven_pay` what was billed for theirs, USDC base
    units; `block_number` as in `PeerEpochRow`.
    """

    __tablename__ = "provider_epoch"
    __table_args__ = (*not_negative("billed", "proven_pay"), Index(None, "block_number"))

    provider: Mapped[Address] = mapped_column(primary_key=True)
    epoch: Mapped[Epoch] = mapped_column(primary_key=True, autoincrement=False)
    block_number: Mapped[BlockNumber]
    active: Mapped[int]
    proven: Mapped[int]
    assignments: Mapped[int]
    units: Mapped[int]
    billed: Mapped[Amount]
    proven_pay: Mapped[Amount]
