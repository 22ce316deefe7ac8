"""What queries about Audits and usage answer: values that outlive the session."""

from dataclasses import dataclass

from wasmarket.kernel.units import (
    Address,
    AssignmentId,
    BlockNumber,
    DealId,
    Hash,
    PeerId,
    Timestamp,
)


@dataclass(frozen=True, slots=True)
class CaseView:
    """An ask or an accusation; numbers as in kernel.events.audits, `jury` seven seats by place."""

    id: int
    kind: int
    state: int
    assignment: AssignmentId
    by: Address
    epoch: int
    sequence: int
    receipt: Hash
    jury: tuple[int, ...] | None
    outcome: int | None
    seized: int | None
    opened_block: BlockNumber
    opened_at: Timestamp
    moved_at: Timestamp
    tx_hash: Hash


@dataclass(frozen=True, slots=True)
class ContradictionView:
    """A conviction by the peer's own words."""

    block: BlockNumber
    log_index: int
    assignment: AssignmentId
    by: Address
    kind: int
    seized: int
    timestamp: Timestamp
    tx_hash: Hash


@dataclass(frozen=True, slots=True)
class SeatView:
    """A juror's place; seconds of the chain, `quit` 0 while it is kept."""

    id: int
    peer: PeerId
    since: Timestamp
    quit: Timestamp
    fines: int


@dataclass(frozen=True, slots=True)
class RedemptionView:
    """One redeemed voucher: USDC base units paid now, owed still, and the deal's rest."""

    block: BlockNumber
    log_index: int
    assignment: AssignmentId
    deal: DealId
    provider: Address
    work: int
    paid: int
    owed: int
    balance: int
    timestamp: Timestamp
    tx_hash: Hash
