"""`wasmarket buy`: open a checkout by card and follow it until the tokens are there."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from wasmarket.client.purchases.payments import PaymentsClient
from wasmarket.kernel.errors import InvalidInput, MarketError, Refused, TimedOut, Unfunded
from wasmarket.kernel.units import Address, format_flt
from wasmarket_cli.errors import Exit
from wasmarket_cli.options import ADDRESS, TokenAmount, json_option, key_option
from wasmarket_cli.output import print_json, say, usdc, write_time
from wasmarket_cli.wiring import wire

MONEY = TokenAmount("", 2, 1, 2**53)
"""Minor units, read exactly."""
CURRENCIES = ("usd", "eur")
FOLLOW_SECONDS = 16 * 60

Result = TypeVar("Result")


@click.command()
@click.argument("amount", type=MONEY)
@click.argument("currency", type=click.Choice(CURRENCIES, case_sensitive=False))
@click.option("--deal", type=click.IntRange(1), help="Top up this deal [your account gets USDC]")
@click.option("--to", type=ADDRESS, help="Send the tokens to this account [yours]")
@click.option("--flt", is_flag=True, help="Buy FLT, for bonds, instead of USDC")
@click.option("--open", "opens", is_flag=True, help="Open the page in a browser")
@click.option("--no-follow", is_flag=True, help="Only open the checkout and print its page")
@click.option(
    "--wait",
    type=click.IntRange(1),
    default=FOLLOW_SECONDS,
    show_default=True,
    help="Most seconds to follow it",
)
@key_option
@json_option
@click.pass_context
def buy(
    ctx: click.Context,
    amount: int,
    currency: str,
    deal: int | None,
    to: Address | None,
    flt: bool,
    opens: bool,
    no_follow: bool,
    wait: int,
    key: str | None,
    as_json: bool,
) -> int:
    """Buy for AMOUNT of CURRENCY by card, such as `20 usd`: pay on the page that is printed.

    Rate, fee and tokens are fixed for 15 minutes. The gateway sends the tokens and never has your
    key.
    """
    if deal is not None and (to is not None or flt):
        raise InvalidInput("a deal takes USDC: give --deal or --to and --flt", field="deal")
    client = PaymentsClient(wire(ctx), key)
    purpose: dict[str, Any] = {"top_up": deal}
    if deal is None:
        purpose = {"flt" if flt else "account": to or client.address}
    checkout = client.open(amount, currency.lower(), purpose)
    if not as_json:
        show_quote(checkout)
    elif not no_follow:
        # Whoever reads JSON learns here where to pay, while the answer is still to come.
        say(checkout["page"], err=True)
    if opens:
        click.launch(checkout["page"])
    if not no_follow:
        checkout = follow(client, checkout["id"], wait, is_quiet=as_json)
    if as_json:
        print_json(checkout)
    done = "open" if no_follow else "delivered"
    return Exit.OK if checkout["state"] == done else Exit.REFUSED


def show_quote(checkout: dict[str, Any]) -> None:
    """Say what a checkout costs and gives, and where it is paid."""
    currency = checkout["currency"].upper()
    say(
        f"{write_amount(checkout['amount'])} {currency} by card,"
        f" of which {write_amount(checkout['fee'])} fee,"
        f" give {tokens_of(checkout)} until {write_time(checkout['expires_at'])}"
    )
    say(f"pay here: {checkout['page']}")


def follow(
    client: PaymentsClient, checkout: str, seconds: float, *, is_quiet: bool
) -> dict[str, Any]:
    """Follow a checkout to its end, saying how far it is. Raises TimedOut."""
    found: dict[str, Any] = {}
    for found in client.follow(checkout, seconds):
        if not is_quiet:
            reason = f": {found['reason']}" if found["reason"] else ""
            say(f"  {found['state']}{reason}")
    delivery = found["delivery"]
    if found["state"] == "delivered" and delivery is not None and not is_quiet:
        where = f"deal {delivery['deal']}" if delivery["kind"] == "top_up" else delivery["to"]
        say(f"{tokens_of(found)} went to {where} (transaction {delivery['tx']})")
    return found


def tokens_of(checkout: dict[str, Any]) -> str:
    """Write what a checkout gives, for people."""
    tokens = int(checkout["tokens"])
    return usdc(tokens) if checkout["token"] == "usdc" else f"{format_flt(tokens)} FLT"


def pay_missing(act: Callable[[], Result], client: PaymentsClient | None, cost: int) -> Result:
    """Return what `act` gives; where money is missing for it ask whether to buy it, and act again.

    `cost` in USDC base units; nobody is asked without `client`. Raises as `act`, Refused.
    """
    try:
        return act()
    except Unfunded:
        if client is None or not offer_purchase(client, client.missing_for(cost)):
            raise
    return act()


def offer_purchase(client: PaymentsClient, missing: int, currency: str = "usd") -> bool:
    """Ask whether to buy missing USDC by card; buy it. Return False if the answer is no.

    Raises Refused if it was not delivered.
    """
    try:
        amount = client.amount_for(missing, currency)
    except MarketError:
        # No gateway is there to buy at: what was missing is said by the caller.
        return False
    say(f"{usdc(missing)} are missing")
    if not click.confirm(f"Buy them by card for {write_amount(amount)} {currency.upper()}?"):
        return False
    checkout = client.open(amount, currency, {"account": client.address})
    show_quote(checkout)
    try:
        found = follow(client, checkout["id"], FOLLOW_SECONDS, is_quiet=False)
    except TimedOut as error:
        raise Refused(error.detail, remedy=error.remedy) from error
    if found["state"] != "delivered":
        raise Refused(f"the purchase is {found['state']}", remedy="see its page")
    return True


def write_amount(amount: str | int) -> str:
    """Write minor units for people: `20.00`."""
    whole, part = divmod(int(amount), 100)
    return f"{whole}.{part:02d}"
