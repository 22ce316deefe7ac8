"""What the chain knows of accounts: free money, counters, stake, offers on chain; and the admin."""

from sqlalchemy import CheckConstraint, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from wasmarket.kernel.units import Address, Amount, BlockNumber, Hash, Stake, Timestamp
from wasmarket.store.columns import Base, Journaled, in_range, not_negative, one_of
from wasmarket.store.enums import OfferKind, Uint


class AccountRow(Journaled, Base):
    """Free balance (USDC base units) and offer counter of an account.

    `earned` is what claims have ever paid to it.
    """

    __tablename__ = "account"
    __table_args__ = not_negative("free", "earned")

    address: Mapped[Address] = mapped_column(primary_key=True)
    free: Mapped[Amount]
    counter: Mapped[Uint]
    earned: Mapped[Amount] = mapped_column(server_default="0")


class StakeRow(Journaled, Base):
    """FLT of a provider: free, locked by peers, leaving and withdrawable from `ready` on."""

    __tablename__ = "stake"

    provider: Mapped[Address] = mapped_column(primary_key=True)
    free: Mapped[Stake]
    locked: Mapped[Stake]
    leaving: Mapped[Stake]
    ready: Mapped[Timestamp]


class OfferCancellationRow(Journaled, Base):
    """An account took one offer back for good."""

    __tablename__ = "offer_cancellation"

    account: Mapped[Address] = mapped_column(primary_key=True)
    hash: Mapped[Hash] = mapped_column(primary_key=True)
    block_number: Mapped[BlockNumber]


class PublishedOfferRow(Journaled, Base):
    """An offer hash approved on chain; `offer` is its JSON if the bytes are an offer of the hash.

    `problem` says why they are not. The approval stands either way. `block_number` and
    `log_index` are of the latest publication that could be read.
    """

    __tablename__ = "published_offer"
    __table_args__ = (
        one_of("kind", OfferKind),
        CheckConstraint("(offer IS NULL) = (kind IS NULL)", name="offer_has_kind"),
        CheckConstraint("(offer IS NULL) <> (problem IS NULL)", name="offer_or_problem"),
        Index(None, "block_number", "log_index"),
    )

    account: Mapped[Address] = mapped_column(primary_key=True)
    hash: Mapped[Hash] = mapped_column(primary_key=True)
    block_number: Mapped[BlockNumber]
    log_index: Mapped[int]
    data: Mapped[str]
    kind: Mapped[OfferKind | None] = mapped_column(String(10))
    offer: Mapped[str | None]
    problem: Mapped[str | None]


class MarketStateRow(Journaled, Base):
    """The one row of what the admin has said."""

    __tablename__ = "market_state"
    __table_args__ = (in_range("id", 1, 1),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    paused: Mapped[bool]
    owner: Mapped[Address | None]
    next_owner: Mapped[Address | None]
