"""What queries about purchases answer, as values."""

from collections.abc import Mapping
from dataclasses import dataclass

from wasmarket.kernel.units import Address, BlockNumber, DealId, Hash
from wasmarket.store.enums import (
    CheckoutState,
    DeliveryKind,
    DeliveryState,
    DisputeState,
    Purpose,
    SavedCardState,
)


@dataclass(frozen=True, slots=True)
class Checkout:
    """A purchase: what was quoted, and what the processor said last.

    `amount`, `fee`, `received`, `processor_fee`, `refunded`, `disputed`: minor units of
    `currency`; `tokens`: base units of `token`; `rate`: billionths of the currency per whole
    token; `worth`: cents of a dollar. `session_at` and `paid_at` are on the processor's clock.
    `returns`: whether the money is to go back to the card. `saved_card`: the purchase at which the
    card was saved that is charged for this one, once for each `charge_key` of the account.
    """

    id: str
    processor: str
    currency: str
    amount: int
    fee: int
    token: str
    tokens: int
    rate: int
    worth: int
    purpose: Purpose
    deal: DealId | None
    account: Address
    client: str
    created_at: int
    expires_at: int
    look_at: int | None
    session: str | None = None
    url: str | None = None
    payment: str | None = None
    card: str | None = None
    last_digits: str | None = None
    state: CheckoutState = CheckoutState.OPEN
    reason: str | None = None
    returns: bool = False
    session_at: int | None = None
    paid_at: int | None = None
    received: int = 0
    processor_fee: int = 0
    refunded: int = 0
    dispute: DisputeState = DisputeState.NONE
    disputed: int = 0
    silent_looks: int = 0
    saved_card: str | None = None
    charge_key: str | None = None


@dataclass(frozen=True, slots=True)
class SavedCard:
    """A card that an account lets be charged, by the purchase at which it agreed to `terms`.

    `most_per_month`: minor units of `currency`. `customer` and `method`: the processor's names.
    """

    checkout: str
    account: Address
    processor: str
    currency: str
    most_per_month: int
    terms: str
    asked_at: int
    state: SavedCardState = SavedCardState.ASKED
    customer: str | None = None
    method: str | None = None
    card: str | None = None
    last_digits: str | None = None
    agreed_at: int | None = None
    cancelled_at: int | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """What the treasury owes or has sent; `amount` in base units (wei of coins)."""

    id: int
    checkout: str | None
    kind: DeliveryKind
    deal: DealId | None
    to: Address
    amount: int
    state: DeliveryState
    reason: str | None
    created_at: int
    tx_hash: Hash | None = None
    block_number: BlockNumber | None = None
    gas_cost: int | None = None


@dataclass(frozen=True, slots=True)
class DeliveryAttempt:
    """A signed transaction of a delivery."""

    tx_hash: Hash
    delivery: int
    nonce: int
    raw: bytes


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """Something that happened to money: by (account, currency) what it adds.

    `reference` is of this happening alone: posted again it changes nothing.
    """

    reference: str
    kind: str
    checkout: str | None
    lines: Mapping[tuple[str, str], int]


@dataclass(frozen=True, slots=True)
class FrozenParty:
    """A card or an account that buys no more."""

    kind: str
    key: str
    reason: str
    since: int
