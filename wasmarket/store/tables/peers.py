"""Peers and the epochs that they proved."""

from sqlalchemy import CheckConstraint, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from wasmarket.kernel.units import Address, BlockNumber, Epoch, Hash, PeerId, Timestamp
from wasmarket.store.columns import FOR_READERS, Appended, Base, Journaled, in_range
from wasmarket.store.enums import Uint


class PeerRow(Journaled, Base):
    """One machine of a provider; `units` for sale, of which `used`."""

    __tablename__ = "peer"
    __table_args__ = (
        in_range("units", 0, 2**16 - 1),
        CheckConstraint("used BETWEEN 0 AND 65535", name="used_range"),
        in_range("region", 0, 255),
        in_range("memory_mib", 0, 2**32 - 1),
        # All that is added up of a provider's peers, which may be many.
        Index(None, "provider", "id", "units", "used", "registered_at", info=FOR_READERS),
        Index(None, "wallet"),
    )

    id: Mapped[PeerId] = mapped_column(primary_key=True, autoincrement=False)
    provider: Mapped[Address]
    key: Mapped[Hash]
    units: Mapped[int]
    used: Mapped[int]
    memory_mib: Mapped[int]
    region: Mapped[int]
    traits: Mapped[Uint]
    wallet: Mapped[Address]
    endpoint: Mapped[str] = mapped_column(String(128))
    registered_block: Mapped[BlockNumber]
    registered_at: Mapped[Timestamp]


class UnitChangeRow(Appended, Base):
    """A peer came, or has more or fewer units since: by how many, in which epoch.

    Units that an eviction or a conviction took are among these.
    """

    __tablename__ = "unit_change"
    __table_args__ = (Index(None, "epoch", "delta"),)

    block_number: Mapped[BlockNumber] = mapped_column(primary_key=True, autoincrement=False)
    log_index: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    peer: Mapped[PeerId]
    epoch: Mapped[Epoch]
    delta: Mapped[int]


class CommitmentRow(Appended, Base):
    """A peer proved an epoch; the first root stands."""

    __tablename__ = "commitment"
    __table_args__ = (Index(None, "epoch", "peer"), Index(None, "block_number"))

    peer: Mapped[PeerId] = mapped_column(primary_key=True, autoincrement=False)
    epoch: Mapped[Epoch] = mapped_column(primary_key=True, autoincrement=False)
    root: Mapped[Hash]
    block_number: Mapped[BlockNumber]
    tx_hash: Mapped[Hash]
