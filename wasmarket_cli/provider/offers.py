"""`wasmarket offer`: what a provider asks for the units of its peers."""

import json
from typing import Any

import click

from wasmarket.client.developer import DeveloperClient
from wasmarket.client.provider import MONTH, ProviderClient
from wasmarket.kernel.addresses import ZERO_ADDRESS, parse_hash
from wasmarket.kernel.errors import InvalidInput, NotFound, Unreachable
from wasmarket.kernel.events import CounterBumped
from wasmarket.kernel.signing.offers import PriceKind, ProviderOffer, parse_offer
from wasmarket.kernel.units import Address, Hash, format_usdc
from wasmarket_cli.options import (
    ADDRESS,
    PRICE,
    json_option,
    key_option,
    signing_options,
    yes_option,
)
from wasmarket_cli.output import print_json, print_table, say, usdc
from wasmarket_cli.wiring import wire

PER = {PriceKind.RESERVED: "per unit and epoch", PriceKind.METERED: "per 10^12 work"}


@click.group()
def offer() -> None:
    """Sign, post, list and cancel provider offers. Making and re-pricing them costs no gas."""


@offer.command("make")
@click.argument("peer", type=click.IntRange(1))
@click.argument("price", type=PRICE)
@click.option("--developer", type=ADDRESS, default=ZERO_ADDRESS, help="Only for this developer")
@click.option("--metered", is_flag=True, help="PRICE is per 10^12 work, for metered deals")
@click.option("--valid", type=click.IntRange(1), default=MONTH, show_default=True, help="Seconds")
@click.option("--on-chain", is_flag=True, help="Publish it on chain too: no matcher can hide it")
@signing_options
@json_option
@click.pass_context
def make_offer(
    ctx: click.Context,
    peer: int,
    price: int,
    developer: Address,
    metered: bool,
    valid: int,
    on_chain: bool,
    key: str | None,
    as_json: bool,
) -> None:
    """Offer the units of PEER at PRICE USDC per unit and epoch, and post it to the matcher.

    The same units may be offered for metered deals too: whoever comes first gets them.
    """
    client = ProviderClient(wire(ctx), key)
    kind = PriceKind.METERED if metered else PriceKind.RESERVED
    ask = client.sign_offer(peer, price, developer, valid, kind=kind)
    if on_chain:
        client.publish(ask)
    status = client.post(ask)
    if as_json:
        print_json({**ask.body, "hash": ask.hash, "status": status})
        return
    say(f"offer {ask.hash}\n  peer {peer} at {usdc(price)} {PER[kind]}: {status}")


@offer.command("list")
@click.option("--provider", type=ADDRESS, help="Of this provider [yours]")
@click.option("--all", "everybody", is_flag=True, help="Of every provider")
@key_option
@json_option
@click.pass_context
def list_offers(
    ctx: click.Context, provider: str | None, everybody: bool, key: str | None, as_json: bool
) -> None:
    """List offers as the matcher knows them."""
    client = DeveloperClient(wire(ctx), key)
    owner = None if everybody else provider or client.address
    rows: list[dict[str, Any]] = list(
        client.matcher.items("/v1/provider-offers", {"provider": owner})
    )
    if as_json:
        print_json(rows)
        return
    print_table(
        "Provider offers",
        ["offer", "#peer", "#USDC", "per", "status"],
        [
            (
                row["hash"],
                row["offer"]["peer"],
                format_usdc(int(row["offer"]["price"])),
                PER[PriceKind(int(row["offer"]["kind"]))],
                row["status"],
            )
            for row in rows
        ],
    )


@offer.command()
@click.argument("hash_", metavar="HASH")
@click.option("--off-chain", is_flag=True, help="Only ask this matcher to forget it; costs no gas")
@signing_options
@json_option
@click.pass_context
def cancel(ctx: click.Context, hash_: str, off_chain: bool, key: str | None, as_json: bool) -> None:
    """Cancel your offer HASH for good, on chain, so that nobody can fill it any more.

    Takes developer offers too; a deal that one has made goes on, but is not refilled.
    """
    wiring = wire(ctx)
    wanted: Hash = parse_hash(hash_, field="hash")
    client = DeveloperClient(wiring, key)
    found = _find(client, wanted)
    if found is not None and found[1] != client.address:
        raise InvalidInput(
            f"the offer is of {found[1]}, you sign as {client.address}",
            field="hash",
            remedy="choose the offer's account by --key",
        )
    if off_chain:
        if found is None:
            raise NotFound(f"the matcher knows no offer {wanted}", field="hash")
        client.matcher.send("DELETE", found[0], signed=True)
    else:
        wiring.sender(wiring.account(key)).send(wiring.market.call("cancel", wanted))
    if as_json:
        print_json({"hash": wanted, "on_chain": not off_chain})
    elif off_chain:
        say(f"the matcher has dropped {wanted}; others may still fill it")
    else:
        say(f"cancelled {wanted}")


@offer.command("cancel-all")
@signing_options
@yes_option
@json_option
@click.pass_context
def cancel_all(ctx: click.Context, key: str | None, yes: bool, as_json: bool) -> None:
    """Withdraw every offer signed so far, developer offers too, by one transaction."""
    if not (yes or as_json):
        click.confirm("Withdraw all your offers?", abort=True)
    wiring = wire(ctx)
    receipt = wiring.sender(wiring.account(key)).send(wiring.market.call("bump_counter"))
    if as_json:
        print_json({"counter": receipt.find(CounterBumped)[0].counter, "tx": receipt.tx_hash})
        return
    say("all offers signed before are withdrawn; running deals go on, but are not refilled")


@offer.command()
@click.argument("file", type=click.File())
@json_option
@click.pass_context
def post(ctx: click.Context, file: Any, as_json: bool) -> None:
    """Post a signed provider offer from FILE (JSON with `offer` and `signature`; - for stdin)."""
    try:
        body = json.load(file)
        parse_offer(ProviderOffer, body["offer"])
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidInput(f"{file.name} is not a signed offer: {error}", field="file") from error
    answer = DeveloperClient(wire(ctx)).matcher.post("/v1/provider-offers", body)
    if as_json:
        print_json({"hash": answer["hash"], "status": answer["status"]})
        return
    say(f"{answer['hash']}: {answer['status']}")


def _find(client: DeveloperClient, offer: Hash) -> tuple[str, str] | None:
    """Return an offer's path at the matcher and whose it is; None if the matcher cannot say."""
    matcher = client.matcher
    try:
        path = f"/v1/provider-offers/{offer}"
        peer = matcher.get(path)["offer"]["peer"]
        return path, str(matcher.get(f"/v1/peers/{peer}")["provider"])
    except NotFound:
        pass
    except Unreachable:
        return None
    try:
        path = f"/v1/developer-offers/{offer}"
        return path, str(matcher.get(path)["offer"]["developer"])
    except (NotFound, Unreachable):
        return None
