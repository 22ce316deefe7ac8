"""What the service takes and answers; amounts are decimal strings."""

from typing import Annotated, Literal

from fastapi import Path
from pydantic import BaseModel, ConfigDict, Field, model_validator

from payments.checkouts.opening import PurchaseRequest
from payments.checkouts.saved_cards import ChargeRequest
from wasmarket.kernel.addresses import parse_address
from wasmarket.kernel.errors import InvalidInput
from wasmarket.kernel.units import DealId
from wasmarket.serving.amounts import Uint
from wasmarket.store.enums import CheckoutState, DisputeState, Purpose, SavedCardState
from wasmarket.store.payments.views import Checkout, Delivery, SavedCard

MAX_DEAL = 2**63 - 1
KEY = "^[0-9a-zA-Z_-]{8,64}$"
CheckoutId = Annotated[str, Path(pattern="^[0-9a-f]{32}$", description="the checkout's id")]
AccountInPath = Annotated[str, Path(pattern="^0x[0-9a-fA-F]{40}$", description="an address")]
ChargeKey = Annotated[str, Path(pattern=KEY, description="the charge's key")]
ProcessorName = Annotated[str, Path(pattern="^[a-z]{1,20}$", description="the processor")]


class PurposeIn(BaseModel):
    """Exactly one of: a deal to top up, an account to send USDC to, an account to send FLT to."""

    model_config = ConfigDict(extra="forbid")

    top_up: int | None = Field(default=None, ge=1, le=MAX_DEAL, strict=True)
    account: str | None = Field(default=None, max_length=64)
    flt: str | None = Field(default=None, max_length=64)

    @model_validator(mode="after")
    def check_one(self) -> "PurposeIn":
        """Refuse none and several."""
        if sum(one is not None for one in (self.top_up, self.account, self.flt)) != 1:
            raise ValueError("name exactly one of top_up, account, flt")
        return self


class CheckoutIn(BaseModel):
    """`amount` is in minor units: 2000 for 20.00."""

    model_config = ConfigDict(extra="forbid")

    amount: Uint
    currency: str = Field(max_length=10)
    purpose: PurposeIn

    def to_request(self) -> PurchaseRequest:
        """Return it as a value. Raises InvalidInput."""
        purpose = self.purpose
        if purpose.top_up is not None:
            return PurchaseRequest(
                self.currency, self.amount, Purpose.TOP_UP, DealId(purpose.top_up)
            )
        kind = Purpose.ACCOUNT if purpose.account is not None else Purpose.FLT
        field = f"purpose.{kind}"
        address = parse_address(purpose.account or purpose.flt or "", field=field)
        if int(address, 16) == 0:
            raise InvalidInput("the zero address is nobody's", field=field)
        return PurchaseRequest(self.currency, self.amount, kind, account=address)


class CardIn(CheckoutIn):
    """A purchase whose card is saved: `most_per_month` in minor units of its currency."""

    most_per_month: Uint


class ChargeIn(BaseModel):
    """A top-up by the saved card, once for each `key`; `amount` in minor units."""

    model_config = ConfigDict(extra="forbid")

    deal: int = Field(ge=1, le=MAX_DEAL, strict=True)
    amount: Uint
    currency: str = Field(max_length=10)
    key: str = Field(pattern=KEY)

    def to_request(self) -> ChargeRequest:
        """Return it as a value."""
        return ChargeRequest(DealId(self.deal), self.amount, self.currency, self.key)


class CardOut(BaseModel):
    """A saved card: `asked` until its purchase is paid, then `active`, in the end `cancelled`.

    `charged` in this calendar month, in minor units as `most_per_month`; `terms` is what was agreed
    to; times are wall-clock seconds.
    """

    account: str
    checkout: str
    state: SavedCardState
    card: str | None
    currency: str
    most_per_month: Uint
    charged: Uint
    terms: str
    asked_at: int
    agreed_at: int | None
    cancelled_at: int | None


class DeliveryOut(BaseModel):
    """Where the tokens of a purchase are."""

    kind: str
    to: str
    deal: int | None
    amount: Uint
    state: str
    tx: str | None
    block: int | None


class CheckoutOut(BaseModel):
    """A purchase. `amount` and `fee` in minor units of `currency`, `tokens` in base units of
    `token`, `rate` in billionths of the currency per whole token; times are wall-clock seconds."""

    id: str
    page: str
    pay: str | None
    state: CheckoutState
    reason: str | None
    currency: str
    amount: Uint
    fee: Uint
    token: Literal["usdc", "flt"]
    tokens: Uint
    rate: Uint
    purpose: Purpose
    deal: int | None
    account: str
    card: str | None
    refunded: Uint
    dispute: DisputeState
    created_at: int
    expires_at: int
    delivery: DeliveryOut | None


class CheckoutPage(BaseModel):
    """Some of an account's purchases; `next` is null on the last page."""

    items: list[CheckoutOut]
    next: str | None


class TermsOut(BaseModel):
    """What is sold, for what, and within which limits."""

    currencies: list[str]
    rates: dict[str, Uint]
    rates_at: int
    fee_bps: int
    fee_fixed: Uint
    min_amount: Uint
    max_amount: Uint
    quote_seconds: int
    processor: str
    grant_wei: Uint


class WebhookOut(BaseModel):
    """Whether an event is about a checkout of ours."""

    known: bool


class GrantOut(BaseModel):
    """Coins for gas: how many wei, and the state of their delivery."""

    account: str
    amount: Uint
    state: str
    tx: str | None


def show_card(card: SavedCard, charged: int) -> CardOut:
    """Return a saved card as its account sees it; the last digits only."""
    return CardOut(
        account=card.account,
        checkout=card.checkout,
        state=card.state,
        card=card.last_digits,
        currency=card.currency,
        most_per_month=card.most_per_month,
        charged=charged,
        terms=card.terms,
        asked_at=card.asked_at,
        agreed_at=card.agreed_at,
        cancelled_at=card.cancelled_at,
    )


def show_checkout(checkout: Checkout, delivery: Delivery | None, page: str) -> CheckoutOut:
    """Return a purchase as clients see it; the card's last digits only."""
    return CheckoutOut(
        id=checkout.id,
        page=page,
        pay=checkout.url if checkout.state is CheckoutState.OPEN else None,
        state=checkout.state,
        reason=checkout.reason or (None if delivery is None else delivery.reason),
        currency=checkout.currency,
        amount=checkout.amount,
        fee=checkout.fee,
        token="flt" if checkout.token == "flt" else "usdc",
        tokens=checkout.tokens,
        rate=checkout.rate,
        purpose=checkout.purpose,
        deal=checkout.deal,
        account=checkout.account,
        card=checkout.last_digits,
        refunded=checkout.refunded,
        dispute=checkout.dispute,
        created_at=checkout.created_at,
        expires_at=checkout.expires_at,
        delivery=None if delivery is None else show_delivery(delivery),
    )


def show_delivery(delivery: Delivery) -> DeliveryOut:
    """Return a delivery as clients see it."""
    return DeliveryOut(
        kind=delivery.kind,
        to=delivery.to,
        deal=delivery.deal,
        amount=delivery.amount,
        state=delivery.state,
        tx=delivery.tx_hash,
        block=delivery.block_number,
    )
