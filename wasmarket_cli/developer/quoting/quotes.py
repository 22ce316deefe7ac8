"""`wasmarket quote`: what units cost now, by the epoch and by work."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import click

from wasmarket.client.developer import DeveloperClient
from wasmarket.client.usage.loads import Comparison, Load, compare
from wasmarket.kernel.signing.offers import PriceKind
from wasmarket.kernel.units import format_usdc
from wasmarket_cli.developer.obstacles import find_obstacles
from wasmarket_cli.developer.quoting.loads import load_options
from wasmarket_cli.developer.quoting.wishes import build_wish, wish_options
from wasmarket_cli.developer.requirements import Needs, needs_options
from wasmarket_cli.options import PRICE, json_option
from wasmarket_cli.output import print_json, print_table, say, write_time
from wasmarket_cli.wiring import wire

TITLES = {PriceKind.RESERVED: "Price of an epoch", PriceKind.METERED: "Price of 10^12 work"}
"""Of 10^12 work for each unit: a core does 10^12 in about 17 minutes."""


@click.command()
@needs_options
@wish_options
@load_options
@click.option("--metered", is_flag=True, help="Prices of work done instead of time")
@click.option("--max-price", type=PRICE, help="Leave out units that cost more")
@json_option
@click.pass_context
def quote(
    ctx: click.Context,
    needs: Needs,
    wished: Mapping[str, Any],
    load: Load | None,
    metered: bool,
    max_price: int | None,
    as_json: bool,
) -> None:
    """Ask what units like these would cost per epoch, or per 10^12 work, now; creates nothing.

    With --calls and --ms: what a month of such a load would cost either way.
    """
    wiring = wire(ctx)
    client = DeveloperClient(wiring)
    needs = replace(needs, wish=build_wish(wished))
    if load is not None:
        curves = [client.quote(needs.to_json(max_price, kind=kind)) for kind in PriceKind]
        seconds = wiring.deployment.parameters.epoch_seconds
        _show_comparison(compare(load, needs.units, seconds, *curves), needs.units, as_json)
        return
    kind = PriceKind.METERED if metered else PriceKind.RESERVED
    curve = client.quote(needs.to_json(max_price, kind=kind))
    if as_json:
        print_json(curve)
        return
    if curve:
        print_table(
            TITLES[kind],
            ["#units", "#USDC in all", "#USDC of the dearest unit"],
            [
                (row["units"], format_usdc(int(row["total"])), format_usdc(int(row["price_max"])))
                for row in curve
            ],
        )
    if needs.wish.max_latency_ms:
        say(_describe_latencies(client, needs.wish.gateway))
    if (most := most_units(curve)) < needs.units:
        told = f"{most} of {needs.units}" if most else "none"
        say(f"of units like these {told} are on offer now", err=True)
        for line in find_obstacles(client, needs, most, kind):
            say(f"  {line}", err=True)


def _describe_latencies(client: DeveloperClient, gateway: str) -> str:
    """Say how many peers a gateway measured, and what becomes of the others."""
    taken = client.matcher.get("/v1/measuring-gateways")
    known = next((row for row in taken if row["gateway"] == gateway), None)
    if known is None or not known["peers"]:
        return f"{gateway} has measured nobody yet: the wish for a latency excludes nobody"
    place = f" ({known['region']})" if known["region"] else ""
    return (
        f"latency is what {gateway}{place} measured of {known['peers']} peers, the oldest figure"
        f" of {write_time(known['oldest'])}; a peer that it did not measure is not excluded"
    )


def most_units(curve: list[dict[str, Any]]) -> int:
    """Return how many units a price curve reaches."""
    return max((int(row["units"]) for row in curve), default=0)


def _show_comparison(found: Comparison, units: int, as_json: bool) -> None:
    prices = {"reserved": found.reserved, "metered": found.metered}
    if as_json:
        load = found.load
        known = {name: None if cost is None else str(cost) for name, cost in prices.items()}
        print_json(
            {"units": units, "calls": load.calls, "us": load.us, "bytes": load.size}
            | {"work": str(load.work), **known}
        )
        return
    told = ", ".join(
        f"{name} {'not on offer' if cost is None else format_usdc(cost)}"
        for name, cost in prices.items()
    )
    say(f"at {found.load}: {told} USDC")
    if found.metered is not None and (found.reserved is None or found.metered < found.reserved):
        say("  next: `wasmarket deploy --metered`")
