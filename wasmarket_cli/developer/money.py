"""`wasmarket top-up | take | drop | stop`: what a developer does with the money of a deal."""

import click

from wasmarket.client.developer import DeveloperClient
from wasmarket.kernel.addresses import ZERO_ADDRESS
from wasmarket.kernel.events import Ended, Skipped
from wasmarket.kernel.reasons import DropReason, describe
from wasmarket_cli.errors import Exit
from wasmarket_cli.options import (
    SUM,
    json_option,
    signing_options,
    yes_option,
)
from wasmarket_cli.output import print_json, say, usdc
from wasmarket_cli.wiring import wire

WHY = {
    "scale-down": DropReason.SCALE_DOWN,
    "too-slow": DropReason.TOO_SLOW,
    "wrong-results": DropReason.WRONG_RESULTS,
    "replaced": DropReason.REPLACED,
}


@click.command("top-up")
@click.argument("deal", type=click.IntRange(1))
@click.argument("amount", type=SUM)
@signing_options
@json_option
@click.pass_context
def top_up(ctx: click.Context, deal: int, amount: int, key: str | None, as_json: bool) -> None:
    """Put AMOUNT USDC into DEAL; anybody may."""
    _show_balance(deal, DeveloperClient(wire(ctx), key).top_up(deal, amount), as_json)


@click.command()
@click.argument("deal", type=click.IntRange(1))
@click.argument("amount", type=SUM)
@signing_options
@json_option
@click.pass_context
def take(ctx: click.Context, deal: int, amount: int, key: str | None, as_json: bool) -> None:
    """Move AMOUNT USDC of DEAL to your free balance."""
    _show_balance(deal, DeveloperClient(wire(ctx), key).take(deal, amount), as_json)


@click.command()
@click.argument("assignments", type=click.IntRange(1), nargs=-1, required=True)
@click.option("--why", type=click.Choice(list(WHY)), default="scale-down", show_default=True)
@click.option("--make-before-break", is_flag=True, help="Once replacements are active, not before")
@click.option("--wait", type=click.IntRange(1), default=120, show_default=True, help="Seconds")
@signing_options
@json_option
@click.pass_context
def drop(
    ctx: click.Context,
    assignments: tuple[int, ...],
    why: str,
    make_before_break: bool,
    wait: int,
    key: str | None,
    as_json: bool,
) -> int:
    """End single ASSIGNMENTS; the epoch begun is paid, free units are refilled.

    With --make-before-break their units run elsewhere first. The offer must have room for it:
    `wasmarket deploy --spare`.
    """
    client = DeveloperClient(wire(ctx), key)
    chosen = sorted(set(assignments))
    if make_before_break:
        for states in client.replace(chosen, wait):
            for assignment, state in states.items():
                say(f"  replacement of assignment {assignment}: {state}", err=True)
    receipt = client.drop(chosen, WHY[why])
    ended = [event.assignment for event in receipt.find(Ended)]
    skipped = {event.assignment: describe(event.reason) for event in receipt.find(Skipped)}
    if as_json:
        print_json({"ended": ended, "skipped": skipped, "tx": receipt.tx_hash})
    else:
        for assignment in ended:
            say(f"assignment {assignment} ended")
        for assignment, reason in skipped.items():
            say(f"assignment {assignment} left as it is: {reason}", err=True)
    return Exit.REFUSED if skipped and not ended else Exit.OK


@click.command()
@click.argument("deal", type=click.IntRange(1))
@signing_options
@yes_option
@json_option
@click.pass_context
def stop(ctx: click.Context, deal: int, key: str | None, yes: bool, as_json: bool) -> None:
    """End DEAL for good; its balance goes to your free balance, of a metered one later."""
    if not yes and not as_json:
        click.confirm(f"Stop deal {deal}? Its functions stop at the end of the epoch", abort=True)
    client = DeveloperClient(wire(ctx), key)
    returned = client.stop(deal)
    if as_json:
        print_json({"deal": deal, "returned": str(returned)})
        return
    if client.deal(deal)["meter"] != ZERO_ADDRESS:
        say(f"deal {deal} stopped; its balance stays for vouchers until 3 epochs after its end")
        say(f"  then: `wasmarket take {deal} AMOUNT`")
        return
    say(f"deal {deal} stopped; {usdc(returned)} went back to your free balance")
    say("  next: `wasmarket wallet withdraw` moves it to your wallet")


def _show_balance(deal: int, balance: int, as_json: bool) -> None:
    if as_json:
        print_json({"deal": deal, "balance": str(balance)})
        return
    say(f"deal {deal} has {usdc(balance)}")
