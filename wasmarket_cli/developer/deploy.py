"""`wasmarket deploy`: from an app to a running function."""

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from wasmarket.app.file import App
from wasmarket.app.overrides import override_settings
from wasmarket.client.developer import RUNNING, DeveloperClient
from wasmarket.client.developer_offers import Bid, Requirement
from wasmarket.client.market.wishes import describe_wish, load_wish
from wasmarket.client.purchases.payments import PaymentsClient
from wasmarket.client.usage.meters import ask_for_work, find_meter
from wasmarket.kernel.addresses import ZERO_ADDRESS
from wasmarket.kernel.errors import InvalidInput, Refused
from wasmarket.kernel.selection.wishes import NO_WISH
from wasmarket.kernel.signing.offers import PriceKind, ProvidersMode
from wasmarket.kernel.traits import trait_mask
from wasmarket.kernel.units import Address, Hash
from wasmarket_cli.building.build import build_app
from wasmarket_cli.developer.apps.app_check import check_app, warn_of_app
from wasmarket_cli.developer.obstacles import find_obstacles
from wasmarket_cli.developer.quoting.quotes import most_units
from wasmarket_cli.developer.quoting.terms import (
    metered_deposit,
    metered_options,
    show_metered_plan,
)
from wasmarket_cli.developer.quoting.wishes import build_wish, wish_options
from wasmarket_cli.developer.releases.project_file import ProjectDeal, ProjectFile
from wasmarket_cli.developer.releases.publishing import publish
from wasmarket_cli.developer.releases.redeploy import find_running, find_waiting, update_running
from wasmarket_cli.developer.requirements import Needs, needs_options
from wasmarket_cli.developer.settings import keep_given, parse_settings, settings_options
from wasmarket_cli.errors import Exit
from wasmarket_cli.options import (
    ADDRESS,
    PRICE,
    USDC,
    is_dry,
    json_option,
    signing_options,
    yes_option,
)
from wasmarket_cli.output import count, print_json, say, tell, usdc, write_duration
from wasmarket_cli.paying.buying import pay_missing
from wasmarket_cli.wiring import wire

ANSWER_SECONDS = 10.0
DAY_SECONDS = 86_400
DEFAULT_DAYS = 1
LEAST_EPOCHS = 10
"""Of runway, however long an epoch is."""
DEFAULT_MARGIN = 25
"""Percent over the quote that the cap allows, so that a refill finds the next dearer offers."""


@click.command()
@click.argument("app", type=click.Path(path_type=Path), default=".")
@needs_options
@wish_options
@metered_options
@click.option("--min-units", type=click.IntRange(1), help="Take no fewer [all of --units]")
@click.option(
    "--max-price",
    type=PRICE,
    help="Most per unit and epoch, or per 10^12 work [the quote and --margin]",
)
@click.option(
    "--margin",
    type=click.IntRange(0, 1_000),
    default=DEFAULT_MARGIN,
    show_default=True,
    help="Percent over the quote that you would pay, for refills",
)
@click.option("--deposit", type=USDC, help="USDC to begin with [what --days cost by the quote]")
@click.option(
    "--days",
    type=click.IntRange(1, 3_650),
    default=DEFAULT_DAYS,
    show_default=True,
    help=f"Days that the deposit is for, and at least {LEAST_EPOCHS} epochs",
)
@click.option(
    "--epochs", type=click.IntRange(0), default=0, help="Stop after so many [until stopped]"
)
@click.option("--spare", type=click.IntRange(0), default=0, help="Units of room to replace peers")
@click.option("--only", type=ADDRESS, multiple=True, help="Only this provider (repeatable)")
@click.option("--exclude", type=ADDRESS, multiple=True, help="Not this provider (repeatable)")
@click.option("--tip", type=USDC, default=0, help="For whoever makes the match")
@click.option("--valid", type=click.IntRange(1), default=86_400, help="Seconds the offer stands")
@settings_options
@click.option(
    "--wait", type=click.IntRange(0), default=60, show_default=True, help="Most seconds to wait"
)
@click.option("--new", is_flag=True, help="Make another deal, though this project has one")
@signing_options
@yes_option
@json_option
@click.pass_context
def deploy(
    ctx: click.Context,
    app: Path,
    needs: Needs,
    wished: Mapping[str, Any],
    metered: bool,
    meter: Address | None,
    fuel: int | None,
    credit: int | None,
    min_units: int | None,
    max_price: int | None,
    margin: int,
    deposit: int | None,
    days: int,
    epochs: int,
    spare: int,
    only: tuple[Address, ...],
    exclude: tuple[Address, ...],
    tip: int,
    valid: int,
    settings: tuple[str, ...],
    defaults: bool,
    wait: int,
    new: bool,
    key: str | None,
    yes: bool,
    as_json: bool,
) -> int:
    """Publish the app in APP (an app.toml or its folder), offer for units, wait until they run.

    A project that has a deal already gets the new version there. Else you sign an offer and a
    permit; the matcher sends the one transaction and pays its gas. With
    --metered no time is paid but the work that `wasmarket meter run` checks and signs.
    """
    if only and exclude:
        raise InvalidInput("give --only or --exclude, not both", field="exclude")
    built = build_app(app, tell)
    built = ask_for_work(built, metered, fuel, credit)
    built = override_settings(built, parse_settings(settings))
    interfaces = check_app(built)
    warn_of_app(built)
    wiring = wire(ctx)
    client = DeveloperClient(wiring, key)
    project = ProjectFile(app, wiring)
    running = [] if new else find_running(project, client)

    def keep(before: Hash) -> App:
        return built if defaults else keep_given(client, before, built)

    waiting = find_waiting(running, keep)
    if running and waiting is None:
        return update_running(
            ctx, client, running, keep, interfaces, wait=wait, yes=yes, as_json=as_json
        )
    if waiting is not None:
        bid, built = waiting
        tell(f"the offer {bid.hash} of this project still waits")
        return _finish(client, project, built, bid, wait, as_json)
    signer = find_meter(metered, meter, client.address, built)
    kind = PriceKind.RESERVED if signer == ZERO_ADDRESS else PriceKind.METERED
    units = needs.units
    needs = replace(
        needs,
        units=units + spare,
        traits=needs.traits | trait_mask(built.manifest.effectors.names),
        wish=build_wish(wished, load_wish(app)),
    )
    curve = client.quote(needs.to_json(max_price, kind=kind))
    if max_price is None:
        quoted = _quoted_price(client, curve, needs, kind)
        max_price = min(PRICE.most, quoted + ceil_div(quoted * margin, 100))
    if deposit is None and kind is PriceKind.METERED:
        deposit = metered_deposit(units, max_price)
    elif deposit is None:
        seconds = wiring.deployment.parameters.epoch_seconds
        # Without a quote, days at the cap could be any sum: begin with little, top up later.
        by_days = ceil_div(days * DAY_SECONDS, seconds) if most_units(curve) >= units else 0
        runway = max(LEAST_EPOCHS, by_days)
        runway = min(runway, epochs) if epochs else runway
        deposit = runway * _epoch_cost(curve, units, max_price)
    requirement = Requirement(
        units=needs.units,
        max_price=max_price,
        deposit=deposit,
        min_units=units if min_units is None else min_units,
        max_units_per_provider=needs.per_provider,
        min_regions=needs.min_regions,
        meter=signer,
        epochs=epochs,
        min_memory_mib=needs.memory,
        regions=needs.regions,
        traits=needs.traits,
        providers=only or exclude,
        providers_mode=_mode(only, exclude),
        tip=tip,
        valid_seconds=valid,
        wish=needs.wish,
    )
    if not as_json and (is_dry(ctx) or not yes):
        seconds = wiring.deployment.parameters.epoch_seconds
        if kind is PriceKind.METERED:
            show_metered_plan(built, requirement, spare)
        else:
            _show_plan(built, requirement, spare, _epoch_cost(curve, units, max_price), seconds)
    if not (yes or as_json):
        click.confirm("Publish and offer?", default=True, abort=True)
    publish(client, built)
    asks = not (yes or as_json) and sys.stdin.isatty()
    cost = requirement.deposit + requirement.tip
    bid = pay_missing(
        lambda: client.offer(requirement, built.app, units if spare else None),
        PaymentsClient(wiring, key) if asks else None,
        cost,
    )
    project.remember(ProjectDeal(bid.hash, None))
    return _finish(client, project, built, bid, wait, as_json)


def _finish(
    client: DeveloperClient, project: ProjectFile, built: App, bid: Bid, wait: int, as_json: bool
) -> int:
    """Wait for what becomes of an offer, remember its deal, say what to do next."""
    try:
        state = _wait(client, bid, wait, as_json) if wait else client.offer_state(bid.hash)
    except KeyboardInterrupt:
        say(f"the offer stays posted: `wasmarket status {bid.hash}`", err=True)
        say("  to go on waiting: `wasmarket deploy` again", err=True)
        say(f"  to withdraw it: `wasmarket offer cancel {bid.hash}`", err=True)
        raise
    if state["deal"] is not None:
        project.remember(ProjectDeal(bid.hash, state["deal"]))
    if as_json:
        known = {name: state[name] for name in ("status", "deal", "reasons")}
        print_json({"offer": bid.hash, "app": str(built.cid), **known})
    elif state["status"] in RUNNING:
        _show_next(client, built, state)
    return Exit.OK if not wait or state["status"] in RUNNING else Exit.REFUSED


def _quoted_price(
    client: DeveloperClient, curve: list[dict[str, Any]], needs: Needs, kind: PriceKind
) -> int:
    """Return the price of the dearest unit that is needed. Raises Refused."""
    for row in curve:
        if int(row["units"]) >= needs.units:
            return int(row["price_max"])
    most = most_units(curve)
    obstacles = "; ".join(find_obstacles(client, needs, most, kind))
    raise Refused(
        f"only {count(most, 'unit')} like these are on offer, you want {needs.units}"
        + (f": {obstacles}" if obstacles else ""),
        field="units",
        remedy="ask for fewer or relax the wishes, or give --max-price and wait for offers",
    )


def _epoch_cost(curve: list[dict[str, Any]], units: int, max_price: int) -> int:
    """Return what an epoch of `units` costs by the quote, or by the cap where there is none."""
    for row in curve:
        if int(row["units"]) >= units:
            return min(int(row["total"]), units * max_price)
    return units * max_price


def _mode(only: tuple[Address, ...], exclude: tuple[Address, ...]) -> ProvidersMode:
    if only:
        return ProvidersMode.ONLY
    return ProvidersMode.EXCEPT if exclude else ProvidersMode.ANY


def _show_plan(
    app: App, requirement: Requirement, spare: int, epoch_cost: int, epoch_seconds: int
) -> None:
    say(f"{app.manifest.name} {app.cid} ({app.size:,} bytes in {len(app.blocks)} blocks)")
    say(
        f"{count(requirement.units - spare, 'unit')} at no more than {usdc(requirement.max_price)}"
        f" per unit and epoch, {usdc(requirement.deposit)} to begin with"
        + (f", tip {usdc(requirement.tip)}" if requirement.tip else "")
        + (f", room for {spare} more to replace peers" if spare else "")
    )
    if requirement.wish != NO_WISH:
        say(f"asked of the matcher alone: {describe_wish(requirement.wish)}")
    runway = requirement.deposit // max(1, epoch_cost)
    say(
        f"now {usdc(epoch_cost)} per epoch of {write_duration(epoch_seconds)}: the deposit lasts"
        f" {count(runway, 'epoch')} ({write_duration(runway * epoch_seconds)})"
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


def ceil_div(total: int, part: int) -> int:
    """Divide, rounding up: for what must suffice."""
    return -(-total // part)


def _show_next(client: DeveloperClient, app: App, state: dict[str, Any]) -> None:
    deal = state["deal"]
    services = client.wait_for_interface(deal, ANSWER_SECONDS)
    if app.manifest.site is not None:
        say(f"deal {deal} runs a site: {client.gateway.url}/{deal}/")
    say(f"deal {deal} runs; its functions:")
    for service, interface in services.items():
        for function in interface["functions"]:
            arguments = " ".join(f"<{entry['name']}>" for entry in function["arguments"])
            say(f"  wasmarket call {deal} {service}.{function['name']} {arguments}".rstrip())
    say(f"next: `wasmarket status {deal}` · `wasmarket logs {deal}`")
