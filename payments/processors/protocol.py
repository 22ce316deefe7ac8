"""What every processor of cards can do, and what a payment is to us.

What a webhook says is a reason to look; what the processor's own API says is what is. So an event
that comes twice, late, in another order or from the past changes nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from wasmarket.store.enums import DisputeState

TOLERANCE = 300
"""Seconds by which the time in a webhook's signature may differ from ours."""


class SessionState(StrEnum):
    """OPEN: may be paid. PAID: was. EXPIRED: can be paid no more."""

    OPEN = "open"
    PAID = "paid"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class PaymentOrder:
    """What a buyer is to pay; `amount` in minor units, URLs are where the page returns to.

    `saves_card`: the buyer agrees that the card may be charged later.
    """

    checkout: str
    currency: str
    amount: int
    title: str
    done_url: str
    back_url: str
    saves_card: bool = False


@dataclass(frozen=True, slots=True)
class SavedMethod:
    """What a processor calls whoever pays, and what they pay by."""

    customer: str
    method: str


@dataclass(frozen=True, slots=True)
class PaymentPage:
    """A processor's session: where its page is, and when it began on the processor's clock."""

    session: str
    url: str
    began_at: int


@dataclass(frozen=True, slots=True)
class Payment:
    """All that a processor says of a session; amounts in minor units, times on its clock.

    `refunded`, `fee` and `disputed` are totals so far; `card` is the same text for the same card.
    """

    session: str
    checkout: str
    state: SessionState
    currency: str
    amount: int
    payment: str | None = None
    paid_at: int | None = None
    card: str | None = None
    last_digits: str | None = None
    fee: int = 0
    refunded: int = 0
    dispute: DisputeState = DisputeState.NONE
    disputed: int = 0
    failure: str | None = None
    """Why a charge of a saved card came to nothing."""
    saved: SavedMethod | None = None
    """What may be charged later, if the buyer agreed to that."""


@dataclass(frozen=True, slots=True)
class WebhookEvent:
    """A signed event: which session or payment it is about, if it is about one."""

    id: str
    kind: str
    session: str | None
    payment: str | None


class Processor(Protocol):
    """Takes cards."""

    name: str

    def open_session(self, order: PaymentOrder) -> PaymentPage:
        """Return a page to pay an order on; the same one for the same checkout.

        Raises Unreachable, TimedOut, Refused.
        """

    def fetch_payment(self, session: str) -> Payment:
        """Return what a session has come to. Raises Unreachable, TimedOut, NotFound."""

    def end_session(self, session: str) -> None:
        """Let a session be paid no more; one that was paid or has ended stays as it is."""

    def open_charge(self, order: PaymentOrder, saved: SavedMethod) -> PaymentPage:
        """Return a session of a saved card, in which nothing is charged yet; it has no page.

        The same one for the same checkout. Raises Unreachable, TimedOut, Refused.
        """

    def confirm_charge(self, session: str) -> None:
        """Charge the saved card of a session; again it does nothing. Whether it was declined
        `fetch_payment` says. Raises Unreachable, TimedOut, NotFound."""

    def forget_card(self, saved: SavedMethod) -> None:
        """Let a card be charged no more; one that is forgotten stays so. Raises as others."""

    def refund(self, payment: Payment, amount: int, key: str) -> None:
        """Send money back to the card; again with the same `key` it does nothing.

        Raises Refused when the processor will not (disputed, or sent back already).
        """

    def read_webhook(self, body: bytes, headers: Mapping[str, str], now: int) -> WebhookEvent:
        """Check who sent an event and when; say what it is about.

        Raises InvalidSignature (forged, foreign), Expired (stale), InvalidInput.
        """
