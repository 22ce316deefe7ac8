"""`wasmarket quote | deploy | update`: from an app to a running function."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from wasmarket.app.file import App, load_app
from wasmarket.client.developer import RUNNING, DeveloperClient
from wasmarket.client.developer_offers import Bid, Wish
from wasmarket.kernel.errors import InvalidInput, Refused
from wasmarket.kernel.signing.offers import ProvidersMode
from wasmarket.kernel.traits import trait_mask
from wasmarket.kernel.units import Address, format_usdc
from wasmarket_cli.developer.app_check import check_app
from wasmarket_cli.developer.requirements import Needs, needs_options
from wasmarket_cli.errors import Exit
from wasmarket_cli.options import (
    ADDRESS,
    PRICE,
    USDC,
    json_option,
    key_option,
    yes_option,
)
from wasmarket_cli.output import count, print_json, print_table, usdc
from wasmarket_cli.wiring import wire

ANSWER_SECONDS = 10.0
DEFAULT_RUNWAY = 10


@click.command()
@needs_options
@click.option("--max-price", type=PRICE, help="Leave out units that cost more per epoch")
@json_option
@click.pass_context
def quote(
    ctx: click.Context,
    needs: Needs,
    max_price: int | None,
    as_json: bool,
) -> None:
    """Ask what units like these would cost per epoch now; creates nothing."""
    curve = DeveloperClient(wire(ctx)).quote(needs.to_json(max_price))
    if as_json:
        print_json(curve)
        return
    if curve:
        print_table(
            "Price of an epoch",
            ["#units", "#USDC in all", "#USDC of the dearest unit"],
            [
                (row["units"], format_usdc(int(row["total"])), format_usdc(int(row["price_max"])))
                for row in curve
            ],
        )
    if (most := _most(curve)) < needs.units:
        told = f"{most} of {needs.units}" if most else "none"
        click.echo(f"of units like these {told} are on offer now", err=True)


@click.command()
@click.argument("app", type=click.Path(path_type=Path), default=".")
@needs_options
@click.option("--min-units", type=click.IntRange(1), help="Take no fewer [all of --units]")
@click.option("--max-price", type=PRICE, help="Most per unit and epoch [what the quote says]")
@click.option("--deposit", type=USDC, help=f"USDC to begin with [{DEFAULT_RUNWAY} epochs]")
@click.option(
    "--epochs", type=click.IntRange(0), default=0, help="Stop after so many [until stopped]"
)
@click.option("--spare", type=click.IntRange(0), default=0, help="Units of room to replace peers")
@click.option("--only", type=ADDRESS, multiple=True, help="Only this provider (repeatable)")
@click.option("--exclude", type=ADDRESS, multiple=True, help="Not this provider (repeatable)")
@click.option("--tip", type=USDC, default=0, help="For whoever makes the match")
@click.option("--valid", type=click.IntRange(1), default=86_400, help="Seconds the offer stands")
@click.option(
    "--wait", type=click.IntRange(0), default=60, show_default=True, help="Most seconds to wait"
)
@key_option
@yes_option
@json_option
@click.pass_context
def deploy(
    ctx: click.Context,
    app: Path,
    needs: Needs,
    min_units: int | None,
    max_price: int | None,
    deposit: int | None,
    epochs: int,
    spare: int,
    only: tuple[Address, ...],
    exclude: tuple[Address, ...],
    tip: int,
    valid: int,
    wait: int,
    key: str | None,
    yes: bool,
    as_json: bool,
) -> int:
    """Publish the app in APP (an app.toml or its folder), offer for units, wait until they run.

    You sign an offer and a permit; the matcher sends the one transaction and pays its gas.
    """
    if only and exclude:
        raise InvalidInput("give --only or --exclude, not both", field="exclude")
    built = load_app(app)
    check_app(built)
    client = DeveloperClient(wire(ctx), key)
    units = needs.units
    needs = replace(
        needs,
        units=units + spare,
        traits=needs.traits | trait_mask(built.manifest.effectors.names),
    )
    if max_price is None:
        max_price = _quoted_price(client.quote(needs.to_json()), needs.units)
    wish = Wish(
        units=needs.units,
        max_price=max_price,
        deposit=DEFAULT_RUNWAY * units * max_price if deposit is None else deposit,
        min_units=units if min_units is None else min_units,
        max_units_per_provider=needs.per_provider,
        min_regions=needs.min_regions,
        epochs=epochs,
        min_memory_mib=needs.memory,
        regions=needs.regions,
        traits=needs.traits,
        providers=only or exclude,
        providers_mode=_mode(only, exclude),
        tip=tip,
        valid_seconds=valid,
    )
    if not (yes or as_json):
        _show_plan(built, wish, spare)
        click.confirm("Publish and offer?", default=True, abort=True)
    client.publish(built)
    bid = client.offer(wish, built.app, units if spare else None)
    try:
        state = _wait(client, bid, wait, as_json) if wait else client.offer_state(bid.hash)
    except KeyboardInterrupt:
        click.echo(f"the offer stays posted: `wasmarket status {bid.hash}`", err=True)
        click.echo(f"  to withdraw it: `wasmarket offer cancel {bid.hash}`", err=True)
        raise
    if as_json:
        known = {name: state[name] for name in ("status", "deal", "reasons")}
        print_json({"offer": bid.hash, "app": str(built.cid), **known})
    elif state["status"] in RUNNING:
        _show_next(client, built, state)
    return Exit.OK if not wait or state["status"] in RUNNING else Exit.REFUSED


@click.command()
@click.argument("deal", type=click.IntRange(1))
@click.argument("app", type=click.Path(path_type=Path), default=".")
@key_option
@json_option
@click.pass_context
def update(ctx: click.Context, deal: int, app: Path, key: str | None, as_json: bool) -> None:
    """Publish a new version of DEAL's app and switch to it without a gap."""
    built = load_app(app)
    check_app(built)
    receipt = DeveloperClient(wire(ctx), key).update(deal, built)
    if as_json:
        print_json({"deal": deal, "app": str(built.cid), "tx": receipt.tx_hash})
        return
    click.echo(f"deal {deal} now runs {built.manifest.name} {built.cid}")
    click.echo("  each peer switches once the new version answers its health call")


def _quoted_price(curve: list[dict[str, Any]], units: int) -> int:
    """Return the price of the dearest unit that `units` need. Raises Refused."""
    for row in curve:
        if int(row["units"]) >= units:
            return int(row["price_max"])
    raise Refused(
        f"only {count(_most(curve), 'unit')} like these are on offer, you want {units}",
        field="units",
        remedy="ask for fewer or relax the wishes, or give --max-price and wait for offers",
    )


def _most(curve: list[dict[str, Any]]) -> int:
    return max((int(row["units"]) for row in curve), default=0)


def _mode(only: tuple[Address, ...], exclude: tuple[Address, ...]) -> ProvidersMode:
    if only:
        return ProvidersMode.ONLY
    return ProvidersMode.EXCEPT if exclude else ProvidersMode.ANY


def _show_plan(app: App, wish: Wish, spare: int) -> None:
    click.echo(f"{app.manifest.name} {app.cid} ({app.size:,} bytes in {len(app.blocks)} blocks)")
    click.echo(
        f"{count(wish.units - spare, 'unit')} at no more than {usdc(wish.max_price)}"
        f" per unit and epoch, {usdc(wish.deposit)} to begin with"
        + (f", tip {usdc(wish.tip)}" if wish.tip else "")
        + (f", room for {spare} more to replace peers" if spare else "")
    )


def _wait(client: DeveloperClient, bid: Bid, seconds: int, quiet: bool) -> dict[str, Any]:
    """Show an offer's way until its functions answer or the time is up."""
    state: dict[str, Any] = {}
    console = Console(stderr=True)
    with console.status("posted", spinner="dots") as line:
        for state in client.watch_offer(bid, seconds):
            text = f"{state['status']}" + (f" · deal {state['deal']}" if state["deal"] else "")
            line.update(text)
            if not quiet:
                reasons = "; ".join(str(reason) for reason in state["reasons"])
                console.print(f"  {text}" + (f" ({reasons})" if reasons else ""))
    return state


def _show_next(client: DeveloperClient, app: App, state: dict[str, Any]) -> None:
    deal = state["deal"]
    services = client.wait_for_interface(deal, ANSWER_SECONDS)
    if app.manifest.site is not None:
        click.echo(f"deal {deal} runs a site: {client.gateway.url}/{deal}/")
    click.echo(f"deal {deal} runs; its functions:")
    for service, interface in services.items():
        for function in interface["functions"]:
            arguments = " ".join(f"<{entry['name']}>" for entry in function["arguments"])
            click.echo(f"  wasmarket call {deal} {service}.{function['name']} {arguments}".rstrip())
    click.echo(f"next: `wasmarket status {deal}` · `wasmarket logs {deal}`")
