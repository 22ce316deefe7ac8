"""`wasmarket peer`: make, register, change and run one machine of a provider."""

from pathlib import Path

import click

from peer.folder import PeerFolder, public_key, write_atomically
from peer.offers.selling import Seller
from peer.parts import PeerParts
from peer.policy.file import PolicyFile
from peer.run import run_peer
from peer.settings import PeerSettings
from wasmarket import __version__
from wasmarket.chain.development.anvil import CHAIN_ID
from wasmarket.chain.reading.heads import websocket_url
from wasmarket.client.provider import PeerCapacity, ProviderClient
from wasmarket.client.wiring import Wiring
from wasmarket.kernel.endpoints import parse_endpoint
from wasmarket.kernel.errors import InvalidInput
from wasmarket.kernel.reasons import LeaveReason, describe
from wasmarket.kernel.regions import region_index
from wasmarket.kernel.units import Address
from wasmarket.serving.outbound import Outbound
from wasmarket_cli.errors import Exit
from wasmarket_cli.logs import configure_logging
from wasmarket_cli.options import (
    ADDRESS,
    TRAITS,
    Checked,
    json_option,
    signing_options,
    yes_option,
)
from wasmarket_cli.output import count, print_json, print_line, print_table, say, show_done
from wasmarket_cli.provider.endpoint_check import check_endpoint
from wasmarket_cli.provider.peer_answer import answer
from wasmarket_cli.provider.peer_benchmark import benchmark
from wasmarket_cli.provider.peer_documents import document
from wasmarket_cli.provider.peer_keys import URL, find_peer, load_peer_keys
from wasmarket_cli.provider.peer_search import find_peers, list_latencies, list_sites
from wasmarket_cli.provider.peer_seats import seats
from wasmarket_cli.provider.peer_status import show_status
from wasmarket_cli.provider.reputation import show_peer
from wasmarket_cli.wiring import wire

REGION = Checked("region", region_index)
WHY = {
    "maintenance": LeaveReason.MAINTENANCE,
    "policy": LeaveReason.POLICY,
    "out-of-capacity": LeaveReason.OUT_OF_CAPACITY,
}


@click.group()
def peer() -> None:
    """One machine that runs functions: register it, change it, run it."""


@peer.command()
@click.argument("name")
@json_option
@click.pass_context
def init(ctx: click.Context, name: str, as_json: bool) -> None:
    """Make the keys of the peer NAME: its identity and its hot wallet."""
    wiring = wire(ctx)
    key, wallet = load_peer_keys(wiring, name)
    facts = {
        "name": name,
        "key": key,
        "wallet": wallet.address,
        "folder": str(wiring.home.peer(name)),
    }
    if as_json:
        print_json(facts)
        return
    say(f"peer {name}\n  key    {key}\n  wallet {wallet.address}")
    say(f"  next: `wasmarket peer register {name} --units … --region …`")


@peer.command()
@click.argument("name")
@click.option("--units", type=click.IntRange(1, 65_535), required=True, help="CPU cores for sale")
@click.option("--memory", type=click.IntRange(1), required=True, help="MiB per unit")
@click.option("--region", type=REGION, required=True, help="Country code, e.g. DE")
@click.option("--traits", type=TRAITS, default=0, help="e.g. nvme,renewable")
@click.option("--endpoint", required=True, help="URL under which the peer is reached")
@signing_options
@json_option
@click.pass_context
def register(
    ctx: click.Context,
    name: str,
    units: int,
    memory: int,
    region: int,
    traits: int,
    endpoint: str,
    key: str | None,
    as_json: bool,
) -> None:
    """Register the peer NAME on chain with its bond; --key is the provider's."""
    wiring = wire(ctx)
    client = ProviderClient(wiring, key)
    peer_key, wallet = load_peer_keys(wiring, name)
    endpoint = parse_endpoint(endpoint)
    warning = check_endpoint(wiring, endpoint, key=peer_key)
    machine = PeerCapacity(units, memory, region, endpoint, traits)
    number = client.register(peer_key, wallet.address, machine)
    if as_json:
        told = {"peer": number, "key": peer_key, "wallet": wallet.address}
        print_json(told | ({"warning": warning} if warning else {}))
        return
    say(f"{name} is peer {number} of {client.address}")
    say(f"  its wallet {wallet.address} needs a little of the chain's coin for gas")
    if wiring.deployment.chain_id == CHAIN_ID:
        say(f"  here: `wasmarket local faucet --to {wallet.address}`")
    say(f"  next: `wasmarket peer run {name}` and `wasmarket offer make {number} PRICE`")
    if warning:
        say(f"  {warning}", err=True)


@peer.command("list")
@json_option
@click.pass_context
def show_peers(ctx: click.Context, as_json: bool) -> None:
    """List the peers of this home."""
    home = wire(ctx).home
    rows = [
        (name, public_key(PeerFolder(home.peer(name)).load_key())) for name in home.peer_names()
    ]
    if as_json:
        print_json([{"name": name, "key": key} for name, key in rows])
        return
    print_table("Peers", ["name", "key"], rows)


@peer.command("set-units")
@click.argument("number", type=click.IntRange(1))
@click.argument("units", type=click.IntRange(0, 65_535))
@signing_options
@json_option
@click.pass_context
def set_units(ctx: click.Context, number: int, units: int, key: str | None, as_json: bool) -> None:
    """Change how many units peer NUMBER sells; never below what it runs."""
    ProviderClient(wire(ctx), key).set_units(number, units)
    told = f"peer {number} sells {count(units, 'unit')}"
    show_done(as_json, told, peer=number, units=units)


@peer.command("set-endpoint")
@click.argument("number", type=click.IntRange(1))
@click.argument("endpoint")
@signing_options
@json_option
@click.pass_context
def set_endpoint(
    ctx: click.Context, number: int, endpoint: str, key: str | None, as_json: bool
) -> None:
    """Change where peer NUMBER is reached."""
    wiring = wire(ctx)
    endpoint = parse_endpoint(endpoint)
    warning = check_endpoint(wiring, endpoint, number)
    ProviderClient(wiring, key).set_endpoint(number, endpoint)
    told = f"peer {number} is reached at {endpoint}"
    show_done(as_json, told, peer=number, endpoint=endpoint)
    if warning:
        say(f"  {warning}", err=True)


@peer.command("set-wallet")
@click.argument("number", type=click.IntRange(1))
@click.argument("wallet", type=ADDRESS)
@signing_options
@json_option
@click.pass_context
def set_wallet(
    ctx: click.Context, number: int, wallet: Address, key: str | None, as_json: bool
) -> None:
    """Replace the hot wallet of peer NUMBER, at once, for instance if its key was stolen."""
    ProviderClient(wire(ctx), key).set_wallet(number, wallet)
    told = f"peer {number} acts by {wallet}, which needs a little of the chain's coin for gas"
    show_done(as_json, told, peer=number, wallet=wallet)


@peer.command()
@click.argument("number", type=click.IntRange(1))
@click.argument("assignments", type=click.IntRange(1), nargs=-1)
@click.option("--why", type=click.Choice(list(WHY)), default="maintenance", show_default=True)
@signing_options
@yes_option
@json_option
@click.pass_context
def leave(
    ctx: click.Context,
    number: int,
    assignments: tuple[int, ...],
    why: str,
    key: str | None,
    yes: bool,
    as_json: bool,
) -> int:
    """Give ASSIGNMENTS [all] of peer NUMBER back; their deals are refilled from others.

    No fault, no fee: earlier epochs are paid as ever, the epoch begun is not. Withdraw the
    peer's offers first, or it may be matched again.
    """
    wiring = wire(ctx)
    client = ProviderClient(wiring, key)
    held = client.find_held(number)
    chosen = sorted(set(assignments) or set(held))
    if strange := sorted(set(chosen) - set(held)):
        raise InvalidInput(
            f"peer {number} does not hold {', '.join(map(str, strange))}",
            field="assignments",
            remedy=f"it holds {', '.join(map(str, held)) or 'none'}",
        )
    if chosen and not (yes or as_json):
        told = count(len(chosen), "assignment")
        click.confirm(f"Leave {told}? The epoch begun is not paid", abort=True)
    result = client.leave(chosen, WHY[why])
    ended = [event.assignment for event in result.ended]
    skipped = {event.assignment: describe(event.reason) for event in result.skipped}
    last = client.find_unpaid(ended)
    if as_json:
        print_json({"ended": ended, "skipped": skipped, "last_epoch": last})
    else:
        say(f"peer {number} left {count(len(ended), 'assignment')}")
        for assignment, reason in skipped.items():
            say(f"assignment {assignment} left as it is: {reason}", err=True)
        if last and not wiring.proofs.is_proven(number, last):
            say(f"  keep it running until it has committed epoch {last}, or that is unpaid")
    return Exit.REFUSED if skipped and not ended else Exit.OK


@peer.command()
@click.argument("name", default="peer")
@click.option("--host", help="Address to listen on [127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65_535), help="Port, 0: any free one [8610]")
@click.option("--policy", help="Policy file [take everything that needs no effector]")
@click.option("--gateways", help="Gateways to fetch content from, comma-separated URLs")
@click.option("--offer-key", metavar="NAME", help="Provider's account that signs the offers [none]")
@click.pass_context
def run(
    ctx: click.Context,
    name: str,
    host: str | None,
    port: int | None,
    policy: str | None,
    gateways: str | None,
    offer_key: str | None,
) -> None:
    """Run the peer NAME, made by `peer init`, until it is told to stop."""
    configure_logging()
    wiring = wire(ctx)
    flags = {
        "name": name,
        "host": host,
        "port": port,
        "policy": policy,
        "gateways": gateways,
        "offer_key": offer_key,
    }
    settings = wiring.configuration.read(PeerSettings, "peer", flags)
    folder = find_peer(wiring, settings.name)
    _, wallet = load_peer_keys(wiring, settings.name)
    parts = PeerParts(
        settings=settings,
        deployment=wiring.known_deployment,
        wallet=wallet,
        folder=folder,
        policy=PolicyFile(Path(settings.policy) if settings.policy else None),
        outbound=Outbound(wiring.outbound.allow_private_addresses, trusted=settings.gateways),
        version=__version__,
        confirmations=wiring.chain.confirmations,
        check_headers=wiring.chain.check_headers,
        websocket=websocket_url(wiring.chain.rpc, wiring.chain.websocket),
        max_fee=wiring.chain.max_fee,
        seller=_seller(wiring, settings),
    )
    announced: list[str] = []

    def announce(url: str) -> None:
        announced.append(url)
        write_atomically(folder / URL, url.encode())
        print_line(ready=True, url=url)

    try:
        run_peer(parts, rpc_url=wiring.chain.rpc, on_ready=announce)
    finally:
        # Not before it was said: another process may run this peer.
        if announced:
            (folder / URL).unlink(missing_ok=True)


peer.add_command(show_status)
peer.add_command(answer)
peer.add_command(seats)
peer.add_command(show_peer)
peer.add_command(benchmark)
peer.add_command(document)
peer.add_command(list_sites)
peer.add_command(find_peers)
peer.add_command(list_latencies)


def _seller(wiring: Wiring, settings: PeerSettings) -> Seller | None:
    """Return who makes the peer's offers, if this process is to make them."""
    if not settings.offer_key:
        return None
    account = wiring.account(settings.offer_key)
    return Seller(account, wiring.sender(account), (wiring.client.matcher,))
