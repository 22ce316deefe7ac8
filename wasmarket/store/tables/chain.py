"""How far the chain is indexed, what undoing needs, and every event as it came."""

from sqlalchemy import CheckConstraint, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from wasmarket.kernel.units import (
    Address,
    AssignmentId,
    BlockNumber,
    DealId,
    Hash,
    PeerId,
    Timestamp,
)
from wasmarket.store.columns import Appended, Base, Serial, in_range, not_negative


class CursorRow(Base):
    """The one row that says which deployment this store is of and which block it is as of."""

    __tablename__ = "cursor"
    __table_args__ = (
        in_range("id", 1, 1),
        CheckConstraint("epoch_seconds > 0", name="epoch_seconds_positive"),
    )

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    chain_id: Mapped[int]
    market: Mapped[Address]
    epoch_seconds: Mapped[int]
    proof_window: Mapped[int]
    block_number: Mapped[BlockNumber | None]
    block_hash: Mapped[Hash | None]
    timestamp: Mapped[Timestamp | None]


class BlockRow(Base):
    """A block that was applied and could still be undone, newest 64."""

    __tablename__ = "block"

    number: Mapped[BlockNumber] = mapped_column(primary_key=True, autoincrement=False)
    hash: Mapped[Hash]
    parent: Mapped[Hash]
    timestamp: Mapped[Timestamp]


class JournalRow(Base):
    """A row as it was before a block changed it; `image` null: it was not there."""

    __tablename__ = "journal"
    __table_args__ = (Index(None, "block_number"),)

    id: Mapped[int] = mapped_column(Serial, primary_key=True)
    block_number: Mapped[BlockNumber]
    entity: Mapped[str] = mapped_column(String(40))
    key: Mapped[str]
    image: Mapped[str | None]


class ReorgRow(Base):
    """Blocks were undone down to `to_block`; readers of events fall back to it."""

    __tablename__ = "reorg"
    __table_args__ = not_negative("to_block")

    id: Mapped[int] = mapped_column(Serial, primary_key=True)
    from_block: Mapped[BlockNumber]
    to_block: Mapped[BlockNumber]
    to_hash: Mapped[Hash]


class OrphanRow(Base):
    """A block that was undone, by its newest `reorg`: a reader may still be on its branch."""

    __tablename__ = "orphan"
    __table_args__ = (Index(None, "number"),)

    hash: Mapped[Hash] = mapped_column(primary_key=True)
    number: Mapped[BlockNumber]
    reorg: Mapped[int]


def _index_of(subject: str) -> Index:
    """Return an index of the events that are about such a thing; many are about none."""
    has_one = text(f"{subject} IS NOT NULL")
    return Index(
        None, subject, "block_number", "log_index", sqlite_where=has_one, postgresql_where=has_one
    )


class EventRow(Appended, Base):
    """One event of the contracts; `data` is its fields as JSON, the rest is for looking it up.

    `branch` begins the block's hash, empty where an older version did not keep it. `deal`, `peer`
    and the accounts are those that the event is about, whether or not it names them.
    """

    __tablename__ = "event"
    __table_args__ = (
        Index(None, "name", "block_number", "log_index"),
        _index_of("deal"),
        _index_of("assignment"),
        _index_of("peer"),
        _index_of("account"),
        _index_of("other_account"),
        Index(None, "tx_hash"),
    )

    block_number: Mapped[BlockNumber] = mapped_column(primary_key=True, autoincrement=False)
    log_index: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(String(40))
    timestamp: Mapped[Timestamp]
    tx_hash: Mapped[Hash]
    branch: Mapped[str] = mapped_column(String(16), server_default="")
    deal: Mapped[DealId | None]
    assignment: Mapped[AssignmentId | None]
    peer: Mapped[PeerId | None]
    account: Mapped[Address | None]
    other_account: Mapped[Address | None]
    data: Mapped[str]


class LeadershipRow(Base):
    """Who may write as what; `token` grows with each new leader and fences the ones before."""

    __tablename__ = "leadership"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    token: Mapped[int]
    holder: Mapped[str]
