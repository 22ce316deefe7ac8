"""`wasmarket signup`: a key of one's own, and some coins for what does need gas."""

import sys

import click

from wasmarket.chain.sending.wallet import Account, list_accounts, save_account
from wasmarket.client.purchases.payments import PaymentsClient
from wasmarket.client.wiring import PASSWORD
from wasmarket.kernel.errors import Conflict, LimitReached, TimedOut, Unreachable, Unsupported
from wasmarket_cli.options import json_option
from wasmarket_cli.output import format_coins, print_json, say
from wasmarket_cli.wallets import DEFAULT_NAME, ask_secret
from wasmarket_cli.wiring import wire

NO_GRANT = (Unsupported, LimitReached, Unreachable, TimedOut)


@click.command()
@click.argument("name", default=DEFAULT_NAME)
@click.option("--no-password", is_flag=True, help="Keep the key unprotected (test networks)")
@click.option("--no-grant", is_flag=True, help="Ask for no coins")
@json_option
@click.pass_context
def signup(ctx: click.Context, name: str, no_password: bool, no_grant: bool, as_json: bool) -> None:
    """Make a key NAME that stays on this machine, and ask the payment gateway for coins for gas.

    Deploying and calling need no coins: offers and permits are signed. Topping up, stopping and
    claiming do. Said again it asks for the coins of the key that is there.
    """
    wiring = wire(ctx)
    known = list_accounts(wiring.home.keys)
    if name not in known:
        if known and not as_json and name == DEFAULT_NAME:
            raise Conflict(
                f"there are keys already: {', '.join(sorted(known))}",
                field="name",
                remedy="name the one that is to get coins, or a new one",
            )
        password = "" if no_password else wiring.configuration.environ.get(PASSWORD)
        if password is None:
            password = ask_secret("Password", confirm=sys.stdin.isatty())
        account = Account.create()
        path = save_account(wiring.home.keys, name, account, password)
        known[name] = account.address
        if not as_json:
            say(f"{name}: {account.address}\nkept in {path}: who has it and its password has all")
    granted, why = "0", "not asked for"
    if not no_grant:
        try:
            granted, why = str(PaymentsClient(wiring, name).grant()["amount"]), ""
        except NO_GRANT as error:
            why = error.detail
    if as_json:
        print_json({"name": name, "address": known[name], "grant_wei": granted, "why": why or None})
        return
    say(why or f"{format_coins(int(granted))} coins for gas are on their way")
    say(f"next: `wasmarket buy 20 usd --key {name}`, then `wasmarket deploy`")
