"""`wasmarket scale`: give a deal more units, or fewer."""

import time
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

from wasmarket.client.developer import DeveloperClient
from wasmarket.client.developer_offers import Requirement
from wasmarket.client.wiring import Wiring
from wasmarket.kernel.errors import Conflict, TimedOut
from wasmarket.kernel.reasons import DropReason
from wasmarket.kernel.signing.offers import DeveloperOffer, ProvidersMode, parse_offer
from wasmarket.kernel.signing.plan import PlanComplete
from wasmarket.kernel.units import Hash
from wasmarket_cli.developer.releases.project_file import ProjectDeal, ProjectFile
from wasmarket_cli.errors import Exit
from wasmarket_cli.options import json_option, signing_options, yes_option
from wasmarket_cli.output import count, print_json, say, usdc
from wasmarket_cli.wiring import wire

LOOK_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class ScalePlan:
    """How a deal comes to have so many units.

    `target`: units that its matcher fills of its offer; `added`: units of an offer of their own,
    since one offer makes one deal and never has more units than were signed; `dropped`:
    assignments that end, which are dropped whole.
    """

    target: int
    added: int = 0
    dropped: tuple[int, ...] = ()
    left: int = 0
    """Units that the deal itself has afterwards."""


def plan_scale(row: dict[str, Any], offer: DeveloperOffer, units: int) -> ScalePlan:
    """Return what brings a deal to `units`; of those that go, the dearest go first.

    Raises Conflict if it has them already.
    """
    held = [(int(entry["price"]), entry["units"], entry["id"]) for entry in row["assignments"]]
    have = sum(entry[1] for entry in held)
    if units == have:
        raise Conflict(f"deal {row['id']} has {count(units, 'unit')} already", field="units")
    if units > have:
        target = min(units, offer.units)
        return ScalePlan(target, added=units - target, left=target)
    dropped = []
    for _, size, number in sorted(held, reverse=True):
        if have - size >= units:
            dropped.append(number)
            have -= size
    return ScalePlan(units, dropped=tuple(sorted(dropped)), left=have)


@click.command()
@click.argument("deal", type=click.IntRange(1))
@click.argument("units", type=click.IntRange(1, 65_535))
@click.option(
    "--wait", type=click.IntRange(0), default=60, show_default=True, help="Most seconds to wait"
)
@click.option(
    "--project", type=click.Path(path_type=Path), default=".", help="App that the deal runs [.]"
)
@signing_options
@yes_option
@json_option
@click.pass_context
def scale(
    ctx: click.Context,
    deal: int,
    units: int,
    wait: int,
    project: Path,
    key: str | None,
    yes: bool,
    as_json: bool,
) -> int:
    """Have UNITS units of DEAL: fill what its offer has room for, sign an addition, or drop.

    An offer makes one deal, with no more units than were signed: what goes beyond becomes a deal of
    its own, on the same terms. Assignments are dropped whole, the dearest first.
    """
    wiring = wire(ctx)
    client = DeveloperClient(wiring, key)
    row = client.deal(deal)
    offer = parse_offer(DeveloperOffer, dict(client.offer_state(row["offer"]))["offer"])
    plan = plan_scale(row, offer, units)
    told = _describe(deal, plan, offer)
    if not as_json:
        for line in told:
            say(line)
    if not (yes or as_json):
        click.confirm("Do that?", default=True, abort=True)
    if plan.target <= offer.units:
        with suppress(PlanComplete):
            # Nothing that follows depends on the answer.
            client.set_target(row["offer"], plan.target)
    added = _add(wiring, client, row, offer, plan.added, ProjectFile(project, wiring))
    if plan.dropped:
        client.drop(list(plan.dropped), DropReason.SCALE_DOWN)
    elif wait:
        _wait(client, deal, plan.left, wait)
    if as_json:
        dropped = list(plan.dropped)
        print_json({"deal": deal, "units": plan.left, "dropped": dropped, "added_offer": added})
    return Exit.OK


def _describe(deal: int, plan: ScalePlan, offer: DeveloperOffer) -> list[str]:
    lines = []
    if plan.dropped:
        lines.append(
            f"deal {deal} drops {count(len(plan.dropped), 'assignment')}"
            f" ({', '.join(map(str, plan.dropped))}), the epoch begun is paid, and keeps"
            f" {count(plan.left, 'unit')}"
        )
    elif plan.left > plan.target:
        lines.append(f"deal {deal} keeps {plan.left} units: its assignments are dropped whole")
    else:
        lines.append(f"deal {deal} is filled up to {plan.target} of {offer.units} units signed for")
    if plan.added:
        cost = usdc(_deposit(offer, plan.added))
        lines.append(
            f"beyond its offer: {count(plan.added, 'unit')}; for that another offer is signed,"
            f" which makes a deal of its own, with {cost} to begin with"
        )
    return lines


def _deposit(offer: DeveloperOffer, units: int) -> int:
    """Return what an addition begins with: the same for each unit, rounded up."""
    return -(-offer.deposit * units // offer.units)


def _add(
    wiring: Wiring,
    client: DeveloperClient,
    row: dict[str, Any],
    offer: DeveloperOffer,
    units: int,
    project: ProjectFile,
) -> str | None:
    """Sign and post an offer for units beyond a deal's; return its hash, None if there are none."""
    if not units:
        return None
    if offer.epochs:
        raise Conflict(
            f"deal {row['id']} ends by itself: an addition would end later",
            field="units",
            remedy="`wasmarket deploy --new --epochs N` signs an offer for the epochs you want",
        )
    wanted = Requirement(
        units=units,
        min_units=units,
        max_price=offer.max_price,
        deposit=_deposit(offer, units),
        max_units_per_provider=offer.max_units_per_provider,
        min_regions=min(offer.min_regions, units),
        meter=offer.meter,
        min_memory_mib=offer.min_memory_mib,
        regions=offer.regions,
        traits=offer.traits,
        providers=offer.providers,
        providers_mode=ProvidersMode(offer.providers_mode),
        matcher=offer.matcher,
    )
    if offer.tip:
        wanted = replace(wanted, tip=-(-offer.tip * units // offer.units))
    bid = client.offer(wanted, row["app"])
    if project.has(Hash(row["offer"])):
        project.remember(ProjectDeal(bid.hash, None))
    say(f"offer {bid.hash} is posted: `wasmarket status {bid.hash}`", err=True)
    return bid.hash


def _wait(client: DeveloperClient, deal: int, units: int, seconds: int) -> None:
    """Wait until a deal has so many active units. Raises TimedOut."""
    until = time.monotonic() + seconds
    while True:
        held = client.deal(deal)["assignments"]
        active = sum(entry["units"] for entry in held if entry["state"] in ("active", "metered"))
        if active >= units:
            return
        if time.monotonic() > until:
            raise TimedOut(
                f"deal {deal} has {active} of {units} units after {seconds} s",
                remedy=f"`wasmarket explain {deal}` says why; the wish stays",
            )
        time.sleep(LOOK_SECONDS)
