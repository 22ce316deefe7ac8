"""`wasmarket provider policy`: what a policy file says and offers."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from peer.offers.situation import SituationReader
from peer.policy.file import PolicyFile
from peer.policy.policy import Policy
from peer.policy.pricing import Machine, PricedAsk, Pricing, find_asks, next_change
from wasmarket.client.wiring import Wiring
from wasmarket.kernel.addresses import ZERO_ADDRESS
from wasmarket.kernel.errors import ConfigError, InvalidInput
from wasmarket.kernel.traits import effector_names, trait_mask, traits_of
from wasmarket.kernel.units import format_usdc
from wasmarket_cli.options import json_option, key_option
from wasmarket_cli.output import print_facts, print_json, print_table, say, usdc, write_time
from wasmarket_cli.wiring import wire

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
PEERS = click.option("--peer", "peers", type=click.IntRange(1), multiple=True, help="[all]")


@click.group()
def policy() -> None:
    """Read a policy file as a peer does."""


@policy.command()
@click.argument("file", type=FILE)
@PEERS
@key_option
@json_option
@click.pass_context
def check(
    ctx: click.Context, file: Path, peers: tuple[int, ...], key: str | None, as_json: bool
) -> None:
    """Check FILE; with --peer also against what these peers announce on chain."""
    found = PolicyFile(file).current
    warnings = _find_oddities(found)
    if peers:
        wiring = wire(ctx)
        machines = _read(wiring, key, peers)[1]
        warnings += [text for machine in machines for text in _compare(found, machine)]
    if as_json:
        print_json({"offers": found.offers is not None, "notes": warnings})
        return
    for text in warnings:
        say(f"note: {text}", err=True)
    say(f"{file} is a policy; it {'makes' if found.offers else 'makes no'} offers")


@policy.command()
@click.argument("file", type=FILE)
@PEERS
@click.option("--at", metavar="TIME", help="UTC, e.g. 2026-11-21T18:30 [the chain's time]")
@key_option
@json_option
@click.pass_context
def show(
    ctx: click.Context,
    file: Path,
    peers: tuple[int, ...],
    at: str | None,
    key: str | None,
    as_json: bool,
) -> None:
    """Show what FILE offers of the provider's peers now, or at another time."""
    found = PolicyFile(file).current
    pricing = found.offers
    if pricing is None:
        raise ConfigError(
            f"{file} has no table [offers]", field="offers", remedy="add one: price = …"
        )
    now, machines = _read(wire(ctx), key, peers)
    moment = now if at is None else _parse_time(at)
    asks = [
        ask for machine in machines for ask in find_asks(pricing, machine, found.developers, moment)
    ]
    change = next_change(pricing, moment)
    if as_json:
        print_json({"at": moment, "next_change": change, "offers": [_row(ask) for ask in asks]})
        return
    _print(pricing, moment, change, asks)


def _read(
    wiring: Wiring, key: str | None, peers: tuple[int, ...]
) -> tuple[int, tuple[Machine, ...]]:
    account = wiring.account(key)
    reader = SituationReader(wiring.rpc, wiring.deployment, account.address)
    situation = reader.read(peers)
    return situation.now, situation.machines


def _find_oddities(policy: Policy) -> list[str]:
    unknown = sorted(set(policy.effectors) - set(effector_names()))
    notes = [f"{name!r} is no effector that an app can ask for" for name in unknown]
    notes += [
        f"{address} is both on the list and refused"
        for address in sorted(set(policy.developers) & set(policy.refused_developers))
    ]
    pricing = policy.offers
    if pricing is not None and policy.developers:
        strangers = sorted(set(pricing.developers) - set(policy.developers))
        notes += [f"{a} has a price but is not on the list of developers" for a in strangers]
    return notes


def _compare(policy: Policy, machine: Machine) -> list[str]:
    """Say where a peer's traits on chain and the policy promise different things."""
    allowed = trait_mask(name for name in policy.effectors if name in effector_names())
    announced = machine.traits & trait_mask(effector_names())
    notes = [
        f"peer {machine.peer} announces {name}, which the policy refuses"
        for name in traits_of(announced & ~allowed)
    ]
    notes += [
        f"peer {machine.peer} does not announce {name}: nobody who needs it is matched to it"
        for name in traits_of(allowed & ~announced)
    ]
    return notes


def _parse_time(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidInput(
            f"{text!r} is no time", field="at", remedy="write 2026-11-21T18:30"
        ) from error
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def _row(ask: PricedAsk) -> dict[str, Any]:
    return {
        "peer": ask.peer,
        "developer": None if ask.developer == ZERO_ADDRESS else ask.developer,
        "price": str(ask.price),
        "until": ask.until,
    }


def _print(pricing: Pricing, moment: int, change: int | None, asks: list[PricedAsk]) -> None:
    print_facts(
        "Policy",
        [
            ("at", _write_time(moment)),
            ("base price", usdc(pricing.price)),
            ("surcharges", _write_surcharges(pricing)),
            ("next change", "none" if change is None else _write_time(change)),
        ],
    )
    print_table(
        "Offers",
        ["#peer", "for", "#USDC per unit and epoch", "until"],
        [
            (
                ask.peer,
                "anybody" if ask.developer == ZERO_ADDRESS else ask.developer,
                format_usdc(ask.price),
                _write_time(ask.until),
            )
            for ask in asks
        ],
    )


def _write_surcharges(pricing: Pricing) -> str:
    parts = [*pricing.traits.items(), *pricing.regions.items()]
    return ", ".join(f"{name} {format_usdc(price)}" for name, price in parts) or "none"


def _write_time(at: int) -> str:
    """With the weekday, which schedules go by."""
    return datetime.fromtimestamp(at, UTC).strftime("%a ") + write_time(at)
