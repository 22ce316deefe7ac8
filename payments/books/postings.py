"""What each thing that happens to money posts in the double-entry ledger.

Accounts: `processor` (what it holds for us), `owed` (to buyers, below zero), `fees` and `rate
difference` (income, below zero), `processor fees`, `refunds` and `losses` (costs), `disputed`,
`exchange` (where one currency becomes another), `treasury`, `capital`.
"""

from collections import Counter
from collections.abc import Mapping

from payments.processors.protocol import Payment, SessionState
from payments.quoting.quotes import DECIMALS, cost_of
from payments.quoting.rates import Rates
from wasmarket.store.enums import CheckoutState, DisputeState
from wasmarket.store.payments.views import Checkout, LedgerEntry

PROCESSOR, OWED, FEES, DIFFERENCE = "processor", "owed", "fees", "rate difference"
PROCESSOR_FEES, REFUNDS, LOSSES, DISPUTED = "processor fees", "refunds", "losses", "disputed"
EXCHANGE, TREASURY, CAPITAL = "exchange", "treasury", "capital"
OUT = (CheckoutState.SENDING, CheckoutState.DELIVERED)
"""Tokens are on their way or there: what goes back to the card now is our loss."""


def post_payment(checkout: Checkout, payment: Payment, number: int) -> list[LedgerEntry]:
    """Return what a look at the processor adds to what was known of a purchase.

    `number`: how many entries the purchase has, so that references are of one happening each.
    """
    # Charged in another currency by nobody's will: it goes back and is booked as it was.
    currency = payment.currency[:8]
    is_paid = payment.state is SessionState.PAID
    come = payment.amount - checkout.received if is_paid else 0
    fee = payment.fee - checkout.processor_fee
    back = payment.refunded - checkout.refunded
    payer = REFUNDS if checkout.state in OUT else OWED
    dispute: Counter[str] = Counter(_position(payment.dispute, payment.disputed, checkout))
    dispute.subtract(_position(checkout.dispute, checkout.disputed, checkout))
    happened: dict[str, dict[str, int]] = {
        "received": {PROCESSOR: come, OWED: -come},
        "processor fee": {PROCESSOR_FEES: fee, PROCESSOR: -fee},
        "refund": {payer: back, PROCESSOR: -back},
        "dispute": dict(dispute),
    }
    entries: list[LedgerEntry] = []
    for kind, lines in happened.items():
        booked = {(account, currency): amount for account, amount in lines.items() if amount}
        if booked:
            reference = f"{checkout.id}:{kind}:{number + len(entries)}"
            entries.append(LedgerEntry(reference, kind, checkout.id, booked))
    return entries


def _position(dispute: DisputeState, amount: int, checkout: Checkout) -> dict[str, int]:
    """Return where the money of a dispute is: with the bank, lost, or with us again."""
    if dispute is DisputeState.OPEN:
        return {DISPUTED: amount, PROCESSOR: -amount}
    if dispute is DisputeState.LOST:
        return {LOSSES if checkout.state in OUT else OWED: amount, PROCESSOR: -amount}
    return {}


def post_delivery(checkout: Checkout, tokens: int, rates: Rates | None) -> LedgerEntry:
    """Return the entry of tokens that are there for good.

    What they cost at the rates of now beside the quote's is the rate difference, at the quote's
    without rates.
    """
    net = checkout.amount - checkout.fee
    prices = {} if rates is None else rates.prices
    rate = prices.get((checkout.token, checkout.currency), checkout.rate)
    cost = cost_of(tokens, rate, DECIMALS[checkout.token])
    money = {
        OWED: checkout.amount,
        FEES: -checkout.fee,
        EXCHANGE: -cost,
        DIFFERENCE: cost - net,
    }
    lines = {(account, checkout.currency): amount for account, amount in money.items()}
    lines[EXCHANGE, checkout.token] = tokens
    lines[TREASURY, checkout.token] = -tokens
    return LedgerEntry(f"{checkout.id}:delivered", "delivered", checkout.id, lines)


def post_closing(checkout: Checkout, owed: Mapping[str, int]) -> LedgerEntry | None:
    """Return the entry that ends what is owed for a purchase whose money is back at the card.

    `owed`: by currency what the ledger still says, below zero; None if nothing.
    """
    lines: dict[tuple[str, str], int] = {}
    for currency, amount in owed.items():
        lines |= {(OWED, currency): -amount, (REFUNDS, currency): amount}
    if not any(lines.values()):
        return None
    return LedgerEntry(f"{checkout.id}:closed", "closed", checkout.id, lines)


def post_capital(reference: str, token: str, amount: int) -> LedgerEntry:
    """Return the entry of tokens that the operator put into the treasury, or took out."""
    lines = {(TREASURY, token): amount, (CAPITAL, token): -amount}
    return LedgerEntry(reference, "capital", None, lines)
