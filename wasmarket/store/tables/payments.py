"""Purchases by card: checkouts, what is delivered for them, and the double-entry ledger.

Money of cards is in minor units of its currency (cents), tokens are in their base units. Times are
wall-clock seconds: of the gateway, or of the processor where a column says so.
"""

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from wasmarket.kernel.units import Address, BlockNumber, DealId, Hash
from wasmarket.store.columns import Base, Serial, not_negative, one_of
from wasmarket.store.enums import (
    CheckoutState,
    DeliveryKind,
    DeliveryState,
    DisputeState,
    FrozenKind,
    Purpose,
    SavedCardState,
    Uint,
    Whole,
)


class CheckoutRow(Base):
    """A purchase: what was quoted, and what the processor said last.

    `rate`: billionths of the currency per whole token; `worth`: the amount in cents of a dollar,
    which limits count. `session_at` and `paid_at` are on the processor's clock. `received`,
    `processor_fee`, `refunded`, `disputed` are totals so far. `look_at`: when to ask again.
    `saved_card` is charged for it, once for each `charge_key` of an account.
    """

    __tablename__ = "checkout"
    __table_args__ = (
        one_of("state", CheckoutState),
        one_of("purpose", Purpose),
        one_of("dispute", DisputeState),
        *not_negative("amount", "fee", "received", "processor_fee", "refunded", "disputed"),
        UniqueConstraint("processor", "session"),
        Index(None, "look_at"),
        Index(None, "payment"),
        Index(None, "account", "created_at"),
        Index(None, "card", "created_at"),
        Index(None, "client", "created_at"),
        Index(None, "state"),
        Index(None, "account", "charge_key", unique=True),
        Index(None, "saved_card", "created_at"),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    processor: Mapped[str] = mapped_column(String(20))
    session: Mapped[str | None]
    url: Mapped[str | None]
    payment: Mapped[str | None]
    currency: Mapped[str] = mapped_column(String(3))
    amount: Mapped[int]
    fee: Mapped[int]
    token: Mapped[str] = mapped_column(String(8))
    tokens: Mapped[Uint]
    rate: Mapped[Uint]
    worth: Mapped[int]
    purpose: Mapped[str] = mapped_column(String(10))
    deal: Mapped[DealId | None]
    account: Mapped[Address]
    client: Mapped[str]
    card: Mapped[str | None]
    last_digits: Mapped[str | None] = mapped_column(String(4))
    state: Mapped[str] = mapped_column(String(10))
    reason: Mapped[str | None]
    returns: Mapped[bool]
    created_at: Mapped[int]
    expires_at: Mapped[int]
    session_at: Mapped[int | None]
    paid_at: Mapped[int | None]
    received: Mapped[int]
    processor_fee: Mapped[int]
    refunded: Mapped[int]
    dispute: Mapped[str] = mapped_column(String(10))
    disputed: Mapped[int]
    look_at: Mapped[int | None]
    silent_looks: Mapped[int]
    saved_card: Mapped[str | None] = mapped_column(String(32))
    charge_key: Mapped[str | None] = mapped_column(String(64))


class SavedCardRow(Base):
    """A card that an account lets be charged for top-ups, by the purchase at which it agreed.

    `terms` is what it agreed to, `most_per_month` in minor units of `currency`. `customer` and
    `method` are the processor's names for who pays by what.
    """

    __tablename__ = "saved_card"
    __table_args__ = (
        one_of("state", SavedCardState),
        *not_negative("most_per_month"),
        Index(None, "account", "asked_at"),
    )

    checkout: Mapped[str] = mapped_column(ForeignKey("checkout.id"), primary_key=True)
    account: Mapped[Address]
    processor: Mapped[str] = mapped_column(String(20))
    currency: Mapped[str] = mapped_column(String(3))
    most_per_month: Mapped[int]
    terms: Mapped[str]
    state: Mapped[str] = mapped_column(String(10))
    customer: Mapped[str | None]
    method: Mapped[str | None]
    card: Mapped[str | None]
    last_digits: Mapped[str | None] = mapped_column(String(4))
    asked_at: Mapped[int]
    agreed_at: Mapped[int | None]
    cancelled_at: Mapped[int | None]


class DeliveryRow(Base):
    """What the treasury owes or has sent, of one checkout or as a gift of coins.

    `to` gets the tokens, or is the developer of `deal`. `tx_hash` and `block_number` are where it
    was seen last; `gas_cost` in wei.
    """

    __tablename__ = "payment_delivery"
    __table_args__ = (
        one_of("state", DeliveryState),
        one_of("kind", DeliveryKind),
        UniqueConstraint("checkout"),
        Index(None, "state", "id"),
    )

    id: Mapped[int] = mapped_column(Serial, primary_key=True)
    checkout: Mapped[str | None] = mapped_column(ForeignKey("checkout.id"))
    kind: Mapped[str] = mapped_column(String(10))
    deal: Mapped[DealId | None]
    to: Mapped[Address]
    amount: Mapped[Uint]
    state: Mapped[str] = mapped_column(String(10))
    reason: Mapped[str | None]
    created_at: Mapped[int]
    tx_hash: Mapped[Hash | None]
    block_number: Mapped[BlockNumber | None]
    gas_cost: Mapped[Uint | None]


class DeliveryAttemptRow(Base):
    """A signed transaction of a delivery, kept before it is broadcast.

    `is_dead` once its nonce has gone, for good, to a transaction that delivered nothing.
    """

    __tablename__ = "delivery_attempt"
    __table_args__ = (*not_negative("nonce"), Index(None, "delivery", "is_dead"))

    tx_hash: Mapped[Hash] = mapped_column(primary_key=True)
    delivery: Mapped[int] = mapped_column(ForeignKey("payment_delivery.id"))
    nonce: Mapped[int]
    raw: Mapped[str]
    signed_at: Mapped[int]
    is_dead: Mapped[bool]


class WebhookRow(Base):
    """An event that a processor told of, so that it counts once."""

    __tablename__ = "payment_webhook"
    __table_args__ = (Index(None, "received_at"),)

    processor: Mapped[str] = mapped_column(String(20), primary_key=True)
    event: Mapped[str] = mapped_column(String(128), primary_key=True)
    kind: Mapped[str]
    received_at: Mapped[int]


class GasGrantRow(Base):
    """Coins for gas that were given to a new account, once each."""

    __tablename__ = "gas_grant"
    __table_args__ = (Index(None, "client", "granted_at"), Index(None, "granted_at"))

    account: Mapped[Address] = mapped_column(primary_key=True)
    client: Mapped[str]
    delivery: Mapped[int] = mapped_column(ForeignKey("payment_delivery.id"))
    granted_at: Mapped[int]


class FrozenRow(Base):
    """A card or an account that buys no more, and why."""

    __tablename__ = "payment_freeze"
    __table_args__ = (one_of("kind", FrozenKind),)

    kind: Mapped[str] = mapped_column(String(10), primary_key=True)
    key: Mapped[str] = mapped_column(String(128), primary_key=True)
    reason: Mapped[str]
    since: Mapped[int]


class LedgerEntryRow(Base):
    """Something that happened to money; its lines add up to nothing in each currency."""

    __tablename__ = "ledger_entry"
    __table_args__ = (UniqueConstraint("reference"), Index(None, "checkout"))

    id: Mapped[int] = mapped_column(Serial, primary_key=True)
    reference: Mapped[str] = mapped_column(String(160))
    kind: Mapped[str] = mapped_column(String(40))
    checkout: Mapped[str | None] = mapped_column(ForeignKey("checkout.id"))
    posted_at: Mapped[int]


class LedgerLineRow(Base):
    """What an entry adds to one account in one currency."""

    __tablename__ = "ledger_line"
    __table_args__ = (Index(None, "account", "currency"),)

    entry: Mapped[int] = mapped_column(ForeignKey("ledger_entry.id"), primary_key=True)
    account: Mapped[str] = mapped_column(String(40), primary_key=True)
    currency: Mapped[str] = mapped_column(String(8), primary_key=True)
    amount: Mapped[Whole]
