"""The matcher's offers, as received: it checked them before they came here."""

from sqlalchemy import CheckConstraint, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from kernel.units import Address, BlockNumber, Hash, Timestamp
from store.columns import Base, Serial, not_negative, one_of
from store.words import BookState, OfferSource, Uint


class ProviderOfferRow(Base):
    """A standing ask: the members of the struct, and `sequence`, the order of arrival.

    `signature` is null for an offer published on chain, `withdrawn` says that its account took it
    back from this matcher (`DELETE`), which the chain does not know.
    """

    __tablename__ = "provider_offer"
    __table_args__ = (
        UniqueConstraint("hash"),
        one_of("source", OfferSource),
        CheckConstraint("source = 'published' OR signature IS NOT NULL", name="posted_is_signed"),
        *not_negative("peer"),
        Index(None, "provider", "sequence"),
        Index(None, "peer"),
    )

    sequence: Mapped[int] = mapped_column(Serial, primary_key=True)
    hash: Mapped[Hash]
    provider: Mapped[Address]
    peer: Mapped[int]
    price: Mapped[Uint]
    developer: Mapped[Address]
    valid_until: Mapped[Uint]
    counter: Mapped[Uint]
    salt: Mapped[Uint]
    signature: Mapped[str | None] = mapped_column(String(130))
    source: Mapped[OfferSource] = mapped_column(String(10))
    received_at: Mapped[Timestamp]
    withdrawn: Mapped[bool]


class DeveloperOfferRow(Base):
    """A bid; `offer` is the signed struct as JSON, the other columns are for looking it up.

    `permit` is the EIP-2612 permit as JSON. `reasons` (JSON list) and `tried_block` tell of the
    matcher's last attempt; `state` is the matcher's own word until there is a deal.
    """

    __tablename__ = "developer_offer"
    __table_args__ = (
        UniqueConstraint("hash"),
        one_of("source", OfferSource),
        one_of("state", BookState),
        CheckConstraint("source = 'published' OR signature IS NOT NULL", name="posted_is_signed"),
        *not_negative("units"),
        Index(None, "developer", "sequence"),
    )

    sequence: Mapped[int] = mapped_column(Serial, primary_key=True)
    hash: Mapped[Hash]
    developer: Mapped[Address]
    app: Mapped[Hash]
    units: Mapped[int]
    max_price: Mapped[Uint]
    matcher: Mapped[Address]
    valid_until: Mapped[Uint]
    counter: Mapped[Uint]
    offer: Mapped[str]
    signature: Mapped[str | None] = mapped_column(String(130))
    permit: Mapped[str | None]
    source: Mapped[OfferSource] = mapped_column(String(10))
    received_at: Mapped[Timestamp]
    withdrawn: Mapped[bool]
    state: Mapped[BookState] = mapped_column(String(10))
    reasons: Mapped[str]
    tried_block: Mapped[BlockNumber | None]
