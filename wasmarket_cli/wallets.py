"""`wasmarket wallet`: keys, balances, money in and out of Market."""

import sys

import click

from wasmarket.chain.sending.wallet import (
    Account,
    find_odd_files,
    key_path,
    list_accounts,
    save_account,
)
from wasmarket.client.developer import DeveloperClient
from wasmarket.client.tokens import approve
from wasmarket.client.wiring import PASSWORD
from wasmarket.kernel.events import Deposited
from wasmarket.kernel.units import format_flt
from wasmarket_cli.options import (
    ADDRESS,
    SUM,
    json_option,
    key_option,
    signing_options,
)
from wasmarket_cli.output import (
    format_coins,
    print_facts,
    print_json,
    print_table,
    say,
    show_done,
    usdc,
)
from wasmarket_cli.wiring import wire

DEFAULT_NAME = "default"


@click.group()
def wallet() -> None:
    """Keys, balances, deposits and withdrawals."""


@wallet.command()
@click.argument("name", default=DEFAULT_NAME)
@click.option(
    "--import", "imported", is_flag=True, help="Ask for a private key instead of making one"
)
@click.option("--no-password", is_flag=True, help="Keep the key unprotected (test networks)")
@json_option
@click.pass_context
def new(ctx: click.Context, name: str, imported: bool, no_password: bool, as_json: bool) -> None:
    """Make a key NAME in the home's keys/ folder."""
    wiring = wire(ctx)
    key_path(wiring.home.keys, name)
    account = Account.create()
    if imported:
        account = Account.from_key(ask_secret("Private key").strip())
    password = "" if no_password else wiring.configuration.environ.get(PASSWORD)
    if password is None:
        password = ask_secret("Password", confirm=sys.stdin.isatty())
    path = save_account(wiring.home.keys, name, account, password)
    if as_json:
        print_json({"name": name, "address": account.address, "file": str(path)})
        return
    say(f"{name}: {account.address}\nkept in {path}")


def ask_secret(what: str, *, confirm: bool = False) -> str:
    """Ask for a secret: unseen on a terminal, or a line of what is piped in."""
    if sys.stdin.isatty():
        return str(click.prompt(what, hide_input=True, confirmation_prompt=confirm))
    return sys.stdin.readline().rstrip("\n")


@wallet.command("list")
@json_option
@click.pass_context
def list_keys(ctx: click.Context, as_json: bool) -> None:
    """List the keys of this home."""
    folder = wire(ctx).home.keys
    accounts = list_accounts(folder)
    for why in find_odd_files(folder).values():
        say(f"left out: {why}", err=True)
    if as_json:
        print_json([{"name": name, "address": address} for name, address in accounts.items()])
        return
    print_table("Keys", ["name", "address"], accounts.items())


@wallet.command()
@key_option
@click.option("--address", type=ADDRESS, help="Another account's balances")
@json_option
@click.pass_context
def balance(ctx: click.Context, key: str | None, address: str | None, as_json: bool) -> None:
    """Show what an account holds: tokens, free balance, stake, gas."""
    wiring = wire(ctx)
    owner = wiring.account(key).address if address is None else address
    state = wiring.market.account(owner)  # type: ignore[arg-type]
    stake = wiring.staking.stake(owner)  # type: ignore[arg-type]
    facts = {
        "address": owner,
        "usdc": str(wiring.usdc.balance(owner)),  # type: ignore[arg-type]
        "free": str(state.free),
        "flt": str(wiring.flt.balance(owner)),  # type: ignore[arg-type]
        "stake_free": str(stake.free),
        "stake_locked": str(stake.locked),
        "stake_leaving": str(stake.leaving),
        "gas_wei": str(wiring.rpc.fetch_balance(owner)),  # type: ignore[arg-type]
    }
    if as_json:
        print_json(facts)
        return
    print_facts(
        "Balances",
        [
            ("account", owner),
            ("in the wallet", usdc(facts["usdc"])),
            ("free in Market", usdc(facts["free"])),
            ("FLT in the wallet", f"{format_flt(int(facts['flt']))} FLT"),
            ("stake free", f"{format_flt(stake.free)} FLT"),
            ("stake locked as bonds", f"{format_flt(stake.locked)} FLT"),
            ("stake leaving", f"{format_flt(stake.leaving)} FLT"),
            ("coins for gas", format_coins(int(facts["gas_wei"]))),
        ],
    )


@wallet.command()
@click.argument("amount", type=SUM)
@signing_options
@json_option
@click.pass_context
def deposit(ctx: click.Context, amount: int, key: str | None, as_json: bool) -> None:
    """Move AMOUNT USDC from the wallet to the free balance in Market."""
    wiring = wire(ctx)
    approve(wiring, wiring.usdc, wiring.deployment.market, amount, key)
    sender = wiring.sender(wiring.account(key))
    receipt = sender.send(wiring.market.call("deposit", amount))
    free = receipt.find(Deposited)[0].free
    show_done(as_json, f"free balance: {usdc(free)}", free=str(free))


@wallet.command()
@click.argument("amount", type=SUM, required=False)
@click.option("--to", type=ADDRESS, help="Where to [the account itself]")
@signing_options
@json_option
@click.pass_context
def withdraw(
    ctx: click.Context, amount: int | None, to: str | None, key: str | None, as_json: bool
) -> None:
    """Move AMOUNT (all) of the free balance from Market to the wallet."""
    client = DeveloperClient(wire(ctx), key)
    moved = client.withdraw(amount, to or client.address)
    target = to or client.address
    show_done(as_json, f"withdrew {usdc(moved)} to {target}", withdrawn=str(moved), to=target)
