"""`wasmarket provider | claim`: stake and earnings."""

from typing import Any

import click

from wasmarket.chain.contracts.views import OnchainStake
from wasmarket.client.earnings import ClaimResult, Due
from wasmarket.client.provider import ProviderClient
from wasmarket.kernel.events import Leaving
from wasmarket.kernel.reasons import describe
from wasmarket.kernel.regions import region_code
from wasmarket.kernel.units import Address, format_flt, format_usdc
from wasmarket_cli.endings import FOR_PROVIDERS, fetch_endings, print_endings
from wasmarket_cli.errors import Exit
from wasmarket_cli.options import (
    ADDRESS,
    STAKE,
    json_option,
    key_option,
    signing_options,
)
from wasmarket_cli.output import (
    count,
    print_facts,
    print_json,
    print_table,
    say,
    show_done,
    usdc,
    write_time,
)
from wasmarket_cli.provider.policies import policy
from wasmarket_cli.provider.provider_run import run
from wasmarket_cli.provider.reputation import list_providers, show_provider
from wasmarket_cli.wiring import wire


@click.group()
def provider() -> None:
    """Stake, earnings and withdrawals of whoever owns peers."""


@provider.command("status")
@click.option("--address", type=ADDRESS, help="Another provider")
@key_option
@json_option
@click.pass_context
def show_status(
    ctx: click.Context, address: Address | None, key: str | None, as_json: bool
) -> None:
    """Show stake and peers, what can be claimed and what can be withdrawn."""
    wiring = wire(ctx)
    client = ProviderClient(wiring, key)
    owner = address or client.address
    stake = wiring.staking.stake(owner)
    due = list(client.find_due(owner))
    last = wiring.deployment.epoch_of(wiring.clock.refresh()) - 1
    peers = [
        (number, view, wiring.proofs.is_proven(number, last))
        for number, view in client.find_peers(owner)
    ]
    ended = fetch_endings(client.matcher, {"provider": owner})
    free, claimable = wiring.market.account(owner).free, sum(entry.paid for entry in due)
    if as_json:
        print_json(
            {
                "provider": owner,
                "free": str(free),
                "claimable": str(claimable),
                "stake_free": str(stake.free),
                "stake_locked": str(stake.locked),
                "stake_leaving": str(stake.leaving),
                "stake_ready": stake.ready,
                "peers": [
                    {"peer": number, "units": view.units, "used": view.used, "committed": proven}
                    for number, view, proven in peers
                ],
                "assignments": [_row(entry) for entry in due],
                "ended": ended,
            }
        )
        return
    print_facts(
        "Provider",
        [
            ("account", owner),
            ("claimable now", usdc(claimable)),
            ("free in Market", usdc(free)),
            ("stake free / locked", f"{format_flt(stake.free)} / {format_flt(stake.locked)} FLT"),
            ("stake leaving", _write_leaving(stake)),
        ],
    )
    print_table(
        "Peers",
        ["#peer", "region", "#units used", f"epoch {last} committed"],
        [
            (
                number,
                region_code(view.region),
                f"{view.used}/{view.units}",
                "yes" if proven else "not yet" if view.used else "idle",
            )
            for number, view, proven in peers
        ],
    )
    _print_due(due)
    print_endings(ended, FOR_PROVIDERS)


@click.command()
@click.argument("assignments", type=click.IntRange(1), nargs=-1)
@click.option("--withdraw", is_flag=True, help="Send what it pays straight to the wallet")
@signing_options
@json_option
@click.pass_context
def claim(
    ctx: click.Context,
    assignments: tuple[int, ...],
    withdraw: bool,
    key: str | None,
    as_json: bool,
) -> int:
    """Claim final epochs of ASSIGNMENTS [all of yours]; anybody may claim for anybody."""
    client = ProviderClient(wire(ctx), key)
    ids = sorted(set(assignments)) or [entry.assignment for entry in client.find_due()]
    result = client.claim(ids, withdraw=withdraw)
    _show_claims(result, as_json)
    return Exit.REFUSED if result.skipped and not result.claimed else Exit.OK


for command in (claim, policy, run, show_provider, list_providers):
    provider.add_command(command)


@provider.command()
@click.argument("amount", type=STAKE)
@signing_options
@json_option
@click.pass_context
def stake(ctx: click.Context, amount: int, key: str | None, as_json: bool) -> None:
    """Deposit AMOUNT FLT, from which bonds are locked."""
    free = ProviderClient(wire(ctx), key).stake(amount)
    show_done(as_json, f"stake free: {format_flt(free)} FLT", stake_free=str(free))


@provider.command()
@click.argument("amount", type=STAKE)
@signing_options
@json_option
@click.pass_context
def unstake(ctx: click.Context, amount: int, key: str | None, as_json: bool) -> None:
    """Ask for AMOUNT FLT of free stake back; it can be withdrawn after the leaving delay."""
    wiring = wire(ctx)
    receipt = wiring.sender(wiring.account(key)).send(wiring.staking.call("request", amount))
    leaving = receipt.find(Leaving)[0]
    show_done(
        as_json,
        f"{format_flt(leaving.amount)} FLT leaving, ready at {write_time(leaving.ready)}",
        stake_leaving=str(leaving.amount),
        stake_ready=leaving.ready,
    )


@provider.command("withdraw-stake")
@signing_options
@json_option
@click.pass_context
def withdraw_stake(ctx: click.Context, key: str | None, as_json: bool) -> None:
    """Send the stake whose leaving delay is over to the wallet."""
    wiring = wire(ctx)
    account = wiring.account(key)
    leaving = wiring.staking.stake(account.address).leaving
    wiring.sender(account).send(wiring.staking.call("withdraw", account.address))
    show_done(
        as_json,
        f"sent {format_flt(leaving)} FLT to {account.address}",
        sent=str(leaving),
        to=account.address,
    )


@provider.command()
@click.option("--epochs", type=click.IntRange(1, 10_000), default=10, show_default=True)
@click.option("--address", type=ADDRESS, help="Another provider")
@key_option
@json_option
@click.pass_context
def opportunities(
    ctx: click.Context, epochs: int, address: Address | None, key: str | None, as_json: bool
) -> None:
    """Show demand of the last epochs that went elsewhere, why, and the price that would have won.

    Also how full your regions are: what is used, and how much of what was matched came to you.
    """
    client = ProviderClient(wire(ctx), key)
    path = f"/v1/providers/{address or client.address}/opportunities"
    answer = client.matcher.get(path, {"epochs": epochs})
    if as_json:
        print_json(answer)
        return
    print_table(
        f"Not won in the last {count(epochs, 'epoch')}, USDC per unit and epoch",
        ["offer", "epoch", "#units", "#most they pay", "#went for", "#price to win", "why not"],
        [
            (
                f"{row['offer'][:10]}…",
                row["epoch"] or "open",
                row["units"],
                _price(row["max_price"]),
                _price(row["price_taken"]),
                _price(row["price_to_win"], "never"),
                _write_loss(row),
            )
            for row in answer["items"]
        ],
    )
    if not answer["complete"]:
        say("there was more: ask for fewer epochs")
    print_table(
        "Regions",
        ["region", "#used of yours", "#used of all", "#matched lately", "#of these yours"],
        [
            (
                region_code(row["region"]),
                f"{row['used']}/{row['units']}",
                f"{row['market_used']}/{row['market_units']}",
                row["matched"],
                row["won"],
            )
            for row in answer["regions"]
        ],
    )


def _write_leaving(stake: OnchainStake) -> str:
    if not stake.leaving:
        return "0 FLT"
    return f"{format_flt(stake.leaving)} FLT, ready at {write_time(stake.ready)}"


def _write_loss(row: dict[str, Any]) -> str:
    """Say why an offer went elsewhere: by how much, or what else stood in the way."""
    if row["lost_by"] is not None and int(row["lost_by"]) > 0:
        return f"too dear by {_price(row['lost_by'])}"
    return "; ".join(row["reasons"]) or "others were as cheap, and earlier"


def _price(amount: str | None, nothing: str = "") -> str:
    return nothing if amount is None else format_usdc(int(amount))


def _row(entry: Due) -> dict[str, object]:
    return {
        "assignment": entry.assignment,
        "deal": entry.deal,
        "peer": entry.peer,
        "paid": str(entry.paid),
        "refund": str(entry.refund),
    }


def _print_due(due: list[Due]) -> None:
    print_table(
        "Claimable",
        ["#assignment", "#deal", "#peer", "#USDC to you", "#USDC back to the developer"],
        [(e.assignment, e.deal, e.peer, format_usdc(e.paid), format_usdc(e.refund)) for e in due],
    )


def _show_claims(result: ClaimResult, as_json: bool) -> None:
    reasons = {event.assignment: describe(event.reason) for event in result.skipped}
    if as_json:
        print_json(
            {
                "claimed": [event.assignment for event in result.claimed],
                "paid": str(result.paid),
                "refunded": str(result.refunded),
                "skipped": reasons,
            }
        )
        return
    for assignment, reason in reasons.items():
        say(f"assignment {assignment}: {reason}", err=True)
    say(
        f"claimed {count(len(result.claimed), 'assignment')}: {usdc(result.paid)} paid,"
        f" {usdc(result.refunded)} of unproven epochs went back to developers"
    )
