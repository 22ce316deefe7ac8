"""Audits: cases, contradictions, seats of jurors, their votes, and money there."""

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from wasmarket.kernel.units import (
    Address,
    AssignmentId,
    BlockNumber,
    Epoch,
    Hash,
    PeerId,
    Stake,
    Timestamp,
)
from wasmarket.store.columns import Appended, Base, Journaled, in_range
from wasmarket.store.enums import Uint


class CaseRow(Journaled, Base):
    """An ask or an accusation; `kind`, `state`, `outcome` as kernel.events.audits numbers them.

    `sequence` of an ask, `receipt` of an accusation; `jury` has seven seats of 32 bits, the first
    lowest; `seized` FLT base units.
    """

    __tablename__ = "audit_case"
    __table_args__ = (
        in_range("kind", 1, 2),
        in_range("state", 1, 4),
        in_range("outcome", 1, 4),
        Index(None, "assignment"),
        Index(None, "by"),
        Index(None, "state"),
    )

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    kind: Mapped[int]
    state: Mapped[int]
    assignment: Mapped[AssignmentId]
    by: Mapped[Address]
    epoch: Mapped[Epoch]
    sequence: Mapped[Uint]
    receipt: Mapped[Hash]
    jury: Mapped[Uint | None]
    outcome: Mapped[int | None]
    seized: Mapped[Stake | None]
    opened_block: Mapped[BlockNumber]
    opened_at: Mapped[Timestamp]
    moved_at: Mapped[Timestamp]
    tx_hash: Mapped[Hash]


class ContradictionRow(Appended, Base):
    """A peer was convicted by its own words; `kind` as in the law of Audits."""

    __tablename__ = "contradiction"
    __table_args__ = (Index(None, "assignment"),)

    block_number: Mapped[BlockNumber] = mapped_column(primary_key=True, autoincrement=False)
    log_index: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    assignment: Mapped[AssignmentId]
    by: Mapped[Address]
    kind: Mapped[int]
    seized: Mapped[Stake]
    timestamp: Mapped[Timestamp]
    tx_hash: Mapped[Hash]


class VoteRow(Journaled, Base):
    """What a juror did: `vote` is null until it is revealed."""

    __tablename__ = "audit_vote"

    case: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    place: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    vote: Mapped[Hash | None]


class SeatRow(Journaled, Base):
    """A place of the jurors; `peer` 0: empty. `since` and `quit` are seconds, 0: not quit."""

    __tablename__ = "seat"
    __table_args__ = (Index(None, "peer"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    peer: Mapped[PeerId]
    since: Mapped[Timestamp]
    quit: Mapped[Timestamp]
    fines: Mapped[int]


class AuditAccountRow(Journaled, Base):
    """FLT that an account can withdraw from Audits."""

    __tablename__ = "audit_account"

    account: Mapped[Address] = mapped_column(primary_key=True)
    free: Mapped[Stake]
