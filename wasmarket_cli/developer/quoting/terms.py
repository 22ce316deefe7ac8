"""What `wasmarket deploy --metered` adds to an offer: who signs usage, and what to begin with."""

from collections.abc import Callable
from typing import Any

import click

from wasmarket.app.file import App
from wasmarket.client.developer_offers import Requirement
from wasmarket_cli.options import ADDRESS, PRICE
from wasmarket_cli.output import count, say, usdc

DEPOSIT_STEPS = 10
"""The deposit pays 10^13 work for each unit: a core for about three hours."""


def metered_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--metered`, `--meter`, `--fuel` and `--credit` to a command."""
    for option in (
        click.option(
            "--credit",
            type=PRICE,
            help="What may be owed to each peer, with --metered [as peers grant]",
        ),
        click.option("--fuel", type=click.IntRange(1), help="Most of a call [app.toml's limit]"),
        click.option(
            "--meter", type=ADDRESS, help="Account that signs usage, with --metered [yours]"
        ),
        click.option("--metered", is_flag=True, help="Pay for work done instead of time"),
    ):
        command = option(command)
    return command


def metered_deposit(units: int, max_price: int) -> int:
    """Return what a metered deal begins with where nothing is said."""
    return DEPOSIT_STEPS * units * max_price


def show_metered_plan(app: App, requirement: Requirement, spare: int) -> None:
    """Say what is about to be offered."""
    say(f"{app.manifest.name} {app.cid} ({app.size:,} bytes in {len(app.blocks)} blocks)")
    say(
        f"{count(requirement.units - spare, 'unit')} at no more than {usdc(requirement.max_price)}"
        f" per 10^12 work, {usdc(requirement.deposit)} to begin with"
        + (f", tip {usdc(requirement.tip)}" if requirement.tip else "")
        + (f", room for {spare} more to replace peers" if spare else "")
    )
    if app.manifest.limits.credit is not None:
        say(f"each peer is owed at most {usdc(app.manifest.limits.credit)}; others leave the deal")
    say(f"usage is signed by {requirement.meter}: keep `wasmarket meter run` going")
