"""What a purchase comes to, from what the processor says of it: a pure function of both."""

from dataclasses import dataclass

from payments.processors.protocol import Payment, SessionState
from payments.quoting.quotes import write_money
from wasmarket.store.enums import CheckoutState, DisputeState
from wasmarket.store.payments.views import Checkout

UNPAID = (CheckoutState.OPEN, CheckoutState.EXPIRED)
ENDED = (CheckoutState.REFUNDED, CheckoutState.LOST)
OUT = (CheckoutState.SENDING, CheckoutState.DELIVERED)


@dataclass(frozen=True, slots=True)
class Terms:
    """How long a quote holds, and for how long after it a payment still counts (seconds)."""

    quote_seconds: int
    late_seconds: int


@dataclass(frozen=True, slots=True)
class Judgement:
    """The state that a purchase goes to and why; `returns`: its money goes back to the card."""

    state: CheckoutState
    reason: str | None = None
    returns: bool = False


def judge(
    checkout: Checkout, payment: Payment, terms: Terms, now: int, refusal: str | None
) -> Judgement:
    """Return what a purchase comes to.

    `refusal`: why this buyer may not have it (a limit, a freeze), asked when it is first paid.
    What is on its way or delivered stays so: the chain knows no way back.
    """
    is_over = checkout.state in OUT or checkout.state in ENDED
    if is_over or (payment.state is not SessionState.PAID and checkout.state not in UNPAID):
        return Judgement(checkout.state, checkout.reason, checkout.returns)
    if payment.state is not SessionState.PAID:
        return _judge_unpaid(checkout, payment, now)
    return _judge_paid(checkout, payment, _find_return(checkout, payment, terms, refusal))


def _judge_paid(checkout: Checkout, payment: Payment, cause: str | None) -> Judgement:
    """Judge what was paid and is not on its way; `cause`: why the money is to go back."""
    if payment.refunded >= payment.amount:
        return Judgement(CheckoutState.REFUNDED, checkout.reason or "the money went back", True)
    if payment.dispute is DisputeState.LOST:
        return Judgement(CheckoutState.LOST, "the buyer's bank took the payment back")
    if payment.dispute is DisputeState.OPEN:
        return Judgement(CheckoutState.HELD, cause or "the payment is disputed", cause is not None)
    if cause is not None:
        return Judgement(CheckoutState.REFUNDING, cause, True)
    kept = checkout.reason if checkout.state is CheckoutState.PAID else None
    return Judgement(CheckoutState.PAID, kept)


def _judge_unpaid(checkout: Checkout, payment: Payment, now: int) -> Judgement:
    if payment.state is SessionState.EXPIRED or now > checkout.expires_at:
        failure = f"the card was not charged: {payment.failure}" if payment.failure else None
        return Judgement(CheckoutState.EXPIRED, failure or "the quote ended before it was paid")
    return Judgement(CheckoutState.OPEN)


def _find_return(
    checkout: Checkout, payment: Payment, terms: Terms, refusal: str | None
) -> str | None:
    """Return why money goes back to the card, None if it stays."""
    if checkout.returns:
        return checkout.reason or "the payment goes back"
    if payment.refunded > 0:
        return "a part of the payment went back before anything was delivered"
    if checkout.state is CheckoutState.PAID:
        return None
    if (payment.amount, payment.currency) != (checkout.amount, checkout.currency):
        return (
            f"{write_money(payment.amount, payment.currency)} was paid instead of"
            f" {write_money(checkout.amount, checkout.currency)}"
        )
    if _is_late(checkout, payment, terms):
        return "it was paid after the quote had ended"
    return refusal


def _is_late(checkout: Checkout, payment: Payment, terms: Terms) -> bool:
    """Compare times of one clock, the processor's: ours may be wrong."""
    began = checkout.session_at
    allowed = terms.quote_seconds + terms.late_seconds
    return began is not None and (payment.paid_at or 0) > began + allowed
