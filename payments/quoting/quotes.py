"""What an amount of money gives: fee, rate, tokens. Whole numbers; every division says its way."""

from dataclasses import dataclass

from payments.quoting.rates import NANO, Rates
from payments.settings import PaymentsSettings
from wasmarket.kernel.errors import InvalidInput

DECIMALS = {"usdc": 6, "flt": 18}
MINOR_UNITS = 100
"""Of both currencies in one unit."""
BPS = 10_000
REFERENCE = "usd"
"""In which limits count."""


@dataclass(frozen=True, slots=True)
class MoneyQuote:
    """`amount` and `fee` in minor units of `currency`, `tokens` in base units of `token`.

    `worth`: the amount in cents of a dollar.
    """

    currency: str
    amount: int
    fee: int
    token: str
    tokens: int
    rate: int
    worth: int


def build_quote(
    settings: PaymentsSettings, rates: Rates, currency: str, amount: int, token: str
) -> MoneyQuote:
    """Return what an amount gives now.

    The fee is rounded up, the tokens down: never more than was paid for. Raises InvalidInput for
    amounts outside of the limits, and what is not sold.
    """
    if currency not in settings.currencies:
        raise InvalidInput(
            f"cards are not charged in {currency!r:.20}",
            field="currency",
            remedy=f"use one of {', '.join(settings.currencies)}",
        )
    least, most = settings.min_amount, settings.max_amount
    if not least <= amount <= most:
        raise InvalidInput(
            f"{write_money(amount, currency)} is not within {write_money(least, currency)} and"
            f" {write_money(most, currency)}",
            field="amount",
            remedy="the amount is in minor units: 2000 for 20.00",
        )
    rate = rates.find(token, currency)
    fee = settings.fee_fixed + -(-amount * settings.fee_bps // BPS)
    tokens = tokens_for(amount - fee, rate, DECIMALS[token]) if fee < amount else 0
    if tokens == 0:
        raise InvalidInput(
            f"after the fee of {write_money(fee, currency)} nothing is left",
            field="amount",
            remedy="pay more at once",
        )
    return MoneyQuote(
        currency, amount, fee, token, tokens, rate, find_worth(rates, currency, amount)
    )


def tokens_for(money: int, rate: int, decimals: int) -> int:
    """Return the base units that minor units of money buy, rounded down."""
    base: int = 10**decimals
    return money * base * NANO // (MINOR_UNITS * rate)


def cost_of(tokens: int, rate: int, decimals: int) -> int:
    """Return the minor units that base units cost, rounded up."""
    base: int = 10**decimals
    return -(-tokens * MINOR_UNITS * rate // (base * NANO))


def find_worth(rates: Rates, currency: str, amount: int) -> int:
    """Return an amount in cents of a dollar, by the price of USDC, rounded up.

    The amount itself where USDC has no price in both currencies.
    """
    own, reference = rates.prices.get(("usdc", currency)), rates.prices.get(("usdc", REFERENCE))
    if currency == REFERENCE or not own or not reference:
        return amount
    return -(-amount * reference // own)


def write_money(amount: int, currency: str) -> str:
    """Write minor units for people: `20.00 USD`."""
    sign = "-" if amount < 0 else ""
    whole, part = divmod(abs(amount), MINOR_UNITS)
    return f"{sign}{whole}.{part:02d} {currency.upper()}"


def write_rate(rate: int, currency: str, token: str) -> str:
    """Write a rate for people: `1.0004 USD per USDC`."""
    whole, part = divmod(rate, NANO)
    digits = f"{part:09d}".rstrip("0")
    return f"{whole}{'.' + digits if digits else ''} {currency.upper()} per {token.upper()}"
