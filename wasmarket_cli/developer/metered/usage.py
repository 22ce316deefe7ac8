"""`wasmarket usage | redeem`: what a metered deal was used for, and what was paid for it."""

from collections.abc import Iterator
from typing import Any

import click

from wasmarket.client.developer import DeveloperClient
from wasmarket.client.usage.epochs import EpochUsage, fetch_epoch_usage, fetch_function_usage
from wasmarket.kernel.addresses import ZERO_ADDRESS
from wasmarket.kernel.billing import due
from wasmarket.kernel.errors import InvalidInput
from wasmarket.kernel.events import Redeemed, Skipped
from wasmarket.kernel.reasons import describe
from wasmarket.kernel.signing.usage import parse_voucher
from wasmarket.kernel.units import format_usdc
from wasmarket_cli.errors import Exit
from wasmarket_cli.options import (
    json_option,
    key_option,
    signing_options,
)
from wasmarket_cli.output import print_json, print_table, say, usdc
from wasmarket_cli.wiring import wire

MOST = 64
"""Vouchers that one transaction redeems."""


@click.command()
@click.argument("deal", type=click.IntRange(1))
@click.option(
    "--epochs",
    type=click.IntRange(0, 16),
    default=3,
    show_default=True,
    help="How many of the last ones to ask the peers about",
)
@click.option("--functions", is_flag=True, help="Also by function, from the receipts")
@key_option
@json_option
@click.pass_context
def usage(
    ctx: click.Context, deal: int, epochs: int, functions: bool, key: str | None, as_json: bool
) -> None:
    """Show what DEAL was used for: paid work by peer, and what peers say of the last epochs."""
    wiring = wire(ctx)
    client = DeveloperClient(wiring, key)
    row = client.deal(deal)
    if row["meter"] == ZERO_ADDRESS:
        raise InvalidInput(
            f"deal {deal} is reserved: time is paid, whatever it is used for",
            field="deal",
            remedy=f"see `wasmarket runway {deal}`",
        )
    assignments = [one for one in client.assignments(deal) if one["start"] is not None]
    newest = wiring.deployment.epoch_of(wiring.clock.refresh())
    peers = [int(one["peer"]) for one in assignments]
    asked = range(newest - 1, newest - 1 - epochs, -1)
    said = list(fetch_epoch_usage(client.gateway, deal, peers, asked))
    by_function = fetch_function_usage(client.gateway, deal, said) if functions else []
    facts = [_facts(one) for one in assignments]
    if as_json:
        print_json(
            {
                "deal": deal,
                "meter": row["meter"],
                "balance": row["balance"],
                "assignments": facts,
                "epochs": [one.to_json() for one in said],
                "functions": [one.to_json() for one in by_function],
            }
        )
        return
    _show_paid(deal, facts)
    _show_said(said)
    if functions:
        print_table(
            "By function, in these epochs",
            ["function (sha256)", "#calls", "#work"],
            [(one.function, f"{one.calls:,}", f"{one.work:,}") for one in by_function],
        )
    say(f"its balance is {usdc(row['balance'])}, usage is signed by {row['meter']}")


@click.command()
@click.argument("vouchers", nargs=-1, metavar="VOUCHER...")
@signing_options
@json_option
@click.pass_context
def redeem(ctx: click.Context, vouchers: tuple[str, ...], key: str | None, as_json: bool) -> int:
    """Have each VOUCHER (assignment:work:signature; - reads lines) paid to its peer's provider.

    Anybody may; peers do it by themselves. The same voucher again pays what was owed before.
    """
    wiring = wire(ctx)
    given = [parse_voucher(text) for text in _read(vouchers)]
    if not given:
        raise InvalidInput("no voucher was given", field="vouchers")
    paid: list[Redeemed] = []
    skipped: list[Skipped] = []
    sender = wiring.sender(wiring.account(key))
    for first in range(0, len(given), MOST):
        receipt = sender.send(wiring.meter.redeem(given[first : first + MOST]))
        paid += receipt.find(Redeemed)
        skipped += receipt.find(Skipped)
    if as_json:
        print_json(
            {
                "redeemed": [
                    {
                        "assignment": one.assignment,
                        "deal": one.deal,
                        "work": str(one.work),
                        "paid": str(one.paid),
                        "owed": str(one.owed),
                    }
                    for one in paid
                ],
                "skipped": {one.assignment: describe(one.reason) for one in skipped},
            }
        )
    else:
        for one in paid:
            owed = f", {usdc(one.owed)} still owed" if one.owed else ""
            say(f"assignment {one.assignment}: {usdc(one.paid)} paid{owed}")
        for left in skipped:
            say(f"assignment {left.assignment} left as it is: {describe(left.reason)}", err=True)
    return Exit.REFUSED if skipped and not paid else Exit.OK


def _read(vouchers: tuple[str, ...]) -> Iterator[str]:
    for text in vouchers:
        if text == "-":
            lines = click.get_text_stream("stdin").read().split()
            yield from lines
        else:
            yield text


def _facts(row: dict[str, Any]) -> dict[str, Any]:
    """Return what an assignment was paid for; amounts as decimal strings."""
    work, paid = int(row["work"]), int(row["paid"])
    owed = due(work, int(row["price"])) - paid
    return {
        "assignment": row["id"],
        "peer": row["peer"],
        "state": row["state"],
        "price": row["price"],
        "work": str(work),
        "paid": str(paid),
        "owed": str(owed),
    }


def _show_paid(deal: int, facts: list[dict[str, Any]]) -> None:
    print_table(
        f"Deal {deal}: redeemed so far",
        ["#assignment", "#peer", "state", "#work", "#USDC per 10^12", "#USDC paid", "#USDC owed"],
        [
            (
                one["assignment"],
                one["peer"],
                one["state"],
                f"{int(one['work']):,}",
                format_usdc(int(one["price"])),
                format_usdc(int(one["paid"])),
                format_usdc(int(one["owed"])),
            )
            for one in facts
        ],
    )


def _show_said(said: list[EpochUsage]) -> None:
    print_table(
        "What peers say of the last epochs",
        ["#epoch", "#peer", "#assignment", "#calls", "#fuel", "#work"],
        [
            (
                one.epoch,
                one.peer,
                one.assignment,
                f"{one.calls:,}",
                f"{one.fuel:,}",
                f"{one.work:,}",
            )
            for one in said
        ],
    )
