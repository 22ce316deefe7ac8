"""The matcher's offers, as received: it checked them before they came here."""

from sqlalchemy import CheckConstraint, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from wasmarket.kernel.units import Address, BlockNumber, Hash, Timestamp
from wasmarket.store.columns import Base, Serial, in_range, not_negative, one_of
from wasmarket.store.enums import BookState, OfferSource, Uint

CLIENT_CHARS = 64


class OfferClockRow(Base):
    """The one row that counts the changes of all offers, in the order in which they commit."""

    __tablename__ = "offer_clock"
    __table_args__ = (in_range("id", 1, 1),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    version: Mapped[int]


class ProviderOfferRow(Base):
    """A standing ask: the members of the struct, and `sequence`, the order of arrival.

    `kind` is a PriceKind.

    `signature` is null for an offer published on chain, `withdrawn` says that its account took it
    back from this matcher (`DELETE`), which the chain does not know. `changed` is the offer
    clock's version of the row's latest change. `client` is the address that posted it, null for
    what came from the chain: for limits alone, no answer tells it.
    """

    __tablename__ = "provider_offer"
    __table_args__ = (
        UniqueConstraint("hash"),
        one_of("source", OfferSource),
        CheckConstraint("source = 'published' OR signature IS NOT NULL", name="posted_is_signed"),
        *not_negative("peer"),
        in_range("kind", 0, 1),
        Index(None, "provider", "sequence"),
        Index(None, "peer"),
        Index(None, "changed"),
        Index(None, "client"),
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
    changed: Mapped[int]
    client: Mapped[str | None] = mapped_column(String(CLIENT_CHARS))
    kind: Mapped[int]


class DeveloperOfferRow(Base):
    """A bid; `offer` is the signed struct as JSON, the other columns are for looking it up.

    `permit` is the EIP-2612 permit as JSON. `reasons` (JSON list) and `tried_block` tell of the
    matcher's last attempt; `state` is the matcher's own word until there is a deal. `target` is how
    many units the developer wants of this matcher for now, null: all that the offer allows;
    `target_proof` the signed request that said so, as JSON. `wish` is the signed wish, as JSON.
    `changed` and `client` as for asks; the matcher's own words are no change.
    """

    __tablename__ = "developer_offer"
    __table_args__ = (
        UniqueConstraint("hash"),
        one_of("source", OfferSource),
        one_of("state", BookState),
        CheckConstraint("source = 'published' OR signature IS NOT NULL", name="posted_is_signed"),
        *not_negative("units"),
        Index(None, "developer", "sequence"),
        Index(None, "changed"),
        Index(None, "client"),
        CheckConstraint("target IS NULL OR target >= 0", name="target_not_negative"),
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
    changed: Mapped[int]
    target: Mapped[int | None]
    target_proof: Mapped[str | None]
    wish: Mapped[str | None]
    client: Mapped[str | None] = mapped_column(String(CLIENT_CHARS))
