"""`wasmarket payments card save | show | forget`: a card that may be charged for top-ups."""

from typing import Any

import click

from wasmarket.client.purchases.payments import PaymentsClient
from wasmarket_cli.errors import Exit
from wasmarket_cli.options import json_option, key_option
from wasmarket_cli.output import print_json, print_table, say, write_time
from wasmarket_cli.paying.buying import (
    CURRENCIES,
    FOLLOW_SECONDS,
    MONEY,
    follow,
    show_quote,
    write_amount,
)
from wasmarket_cli.wiring import wire


@click.group()
def card() -> None:
    """Let a card be charged for your deals' top-ups, within a limit that you set."""


@card.command("save")
@click.argument("amount", type=MONEY)
@click.argument("currency", type=click.Choice(CURRENCIES, case_sensitive=False))
@click.option(
    "--most-per-month", type=MONEY, required=True, help="Most to charge in a calendar month"
)
@click.option("--deal", type=click.IntRange(1), help="Top up this deal [your account gets USDC]")
@click.option("--no-follow", is_flag=True, help="Only open the checkout and print its page")
@key_option
@json_option
@click.pass_context
def save(
    ctx: click.Context,
    amount: int,
    currency: str,
    most_per_month: int,
    deal: int | None,
    no_follow: bool,
    key: str | None,
    as_json: bool,
) -> int:
    """Buy for AMOUNT of CURRENCY once, on a page where you agree that the card is saved.

    From then on `wasmarket keeper run` may have it charged for your own deals, up to the limit of a
    month, until `wasmarket payments card forget`.
    """
    client = PaymentsClient(wire(ctx), key)
    purpose: dict[str, Any] = {"account": client.address} if deal is None else {"top_up": deal}
    checkout = client.save_card(amount, currency.lower(), purpose, most_per_month)
    if not as_json:
        show_quote(checkout)
    elif not no_follow:
        say(checkout["page"], err=True)
    if not no_follow:
        checkout = follow(client, checkout["id"], FOLLOW_SECONDS, is_quiet=as_json)
    if as_json:
        print_json(checkout)
    elif checkout["state"] == "delivered":
        say("the card is saved")
    done = "open" if no_follow else "delivered"
    return Exit.OK if checkout["state"] == done else Exit.REFUSED


@card.command("show")
@key_option
@json_option
@click.pass_context
def show(ctx: click.Context, key: str | None, as_json: bool) -> None:
    """Show your saved card, what you agreed to, and what it was charged this month."""
    found = PaymentsClient(wire(ctx), key).card()
    if as_json:
        print_json(found)
        return
    currency = found["currency"].upper()
    rows = [
        ("state", found["state"]),
        ("card", f"ends with {found['card']}" if found["card"] else "none yet"),
        ("most per month", f"{write_amount(found['most_per_month'])} {currency}"),
        ("charged this month", f"{write_amount(found['charged'])} {currency}"),
        ("agreed", write_time(found["agreed_at"]) if found["agreed_at"] else "not yet"),
        ("to", found["terms"]),
    ]
    print_table("Saved card", ["", "value"], rows)


@card.command("forget")
@key_option
@json_option
@click.pass_context
def forget(ctx: click.Context, key: str | None, as_json: bool) -> None:
    """Let your card be charged no more, from now on."""
    found = PaymentsClient(wire(ctx), key).cancel_card()
    if as_json:
        print_json(found)
    else:
        say("the card is forgotten: nothing more is charged to it")
