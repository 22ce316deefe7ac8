"""`wasmarket status | explain | runway`: what becomes of offers and deals."""

from typing import Any

import click

from wasmarket.client.deal_peers.served_versions import ServedVersion
from wasmarket.client.developer import FINAL, DeveloperClient
from wasmarket.client.wiring import Wiring
from wasmarket.kernel.addresses import ZERO_ADDRESS, parse_hash
from wasmarket.kernel.documents.content_ids import app_cid
from wasmarket.kernel.errors import InvalidInput
from wasmarket.kernel.regions import region_code, regions_of
from wasmarket.kernel.selection.values import ANY
from wasmarket.kernel.traits import traits_of
from wasmarket.kernel.units import Hash, format_usdc
from wasmarket_cli.endings import FOR_DEVELOPERS, newest_endings, print_endings
from wasmarket_cli.options import json_option, key_option
from wasmarket_cli.output import (
    count,
    print_facts,
    print_json,
    print_table,
    say,
    usdc,
    write_duration,
    write_time,
)
from wasmarket_cli.wiring import wire

LOW_RUNWAY = 3
"""Epochs left at which a status warns."""


@click.command()
@click.argument("what", metavar="[DEAL|OFFER]", required=False)
@key_option
@json_option
@click.pass_context
def status(ctx: click.Context, what: str | None, key: str | None, as_json: bool) -> None:
    """Show one deal (a number), one offer (0x…), or all of yours."""
    wiring = wire(ctx)
    client = DeveloperClient(wiring, key)
    if what is None:
        _show_all(client, as_json)
    elif what.isascii() and what.isdigit():
        _show_deal(wiring, client, int(what), as_json)
    else:
        _show_offer(client.offer_state(parse_hash(what, field="offer")), as_json)


@click.command()
@click.argument("offer", metavar="OFFER|DEAL")
@json_option
@click.pass_context
def explain(ctx: click.Context, offer: str, as_json: bool) -> None:
    """Say which wish of OFFER excludes whom, and which smallest change would fill it."""
    client = DeveloperClient(wire(ctx))
    if offer.isascii() and offer.isdigit():
        offer = str(client.deal(int(offer))["offer"])
    answer = client.explain(parse_hash(offer, field="offer"))
    if as_json:
        print_json(answer)
        return
    if not answer["want"]:
        say("it has all the units that it wants")
        return
    say(f"wants {answer['want']} units, {answer['units']} can be had now")
    say(_describe_distance(answer["price_distance"]))
    print_table(
        "What excludes whom",
        ["wish", "#peers, alone", "#units, alone", "#peers, last", "#units, last"],
        [
            (
                row["constraint"],
                row["alone"]["peers"],
                row["alone"]["units"],
                row["last"]["peers"],
                row["last"]["units"],
            )
            for row in answer["excluded"]
        ],
    )
    if answer["units"] < answer["want"]:
        names = answer["together"]
        click.echo(
            f"to get more, all of these would have to go: {', '.join(names)}"
            if names
            else "there are no more units, whatever the limits"
        )
    print_table(
        "Smallest changes that help",
        ["wish", "from", "to", "#units then", "#more peers", "#USDC per unit"],
        [
            (
                row["field"],
                _name(row["field"], row["from"]),
                _name(row["field"], row["to"]),
                row["units"],
                "" if row["peers"] is None else row["peers"],
                format_usdc(int(row["price"])),
            )
            for row in answer["relaxations"]
        ],
    )
    for note in answer["notes"]:
        say(note)
    if not answer["relaxations"] and answer["units"] < answer["want"]:
        say("no single change fills it: nobody offers enough units now")


def _describe_distance(distance: dict[str, str | None]) -> str:
    """Say how far the price is from a match; amounts are base units per unit and epoch."""
    first, whole = distance["any"], distance["all"]
    if first is None:
        return "no price fills it, with all else equal"
    if whole == "0":
        return "the price is high enough for all of them"
    parts = [] if first == "0" else [f"{usdc(first)} more per unit gives the first units"]
    if whole is None:
        parts.append("no price gives all, with all else equal")
    elif whole == first:
        return f"{usdc(whole)} more per unit gives all"
    else:
        parts.append(f"{usdc(whole)} more per unit gives all")
    return ", ".join(parts)


@click.command()
@click.argument("deal", type=click.IntRange(1))
@json_option
@click.pass_context
def runway(ctx: click.Context, deal: int, as_json: bool) -> None:
    """Show for how many epochs the balance of DEAL still pays."""
    wiring = wire(ctx)
    row = DeveloperClient(wiring).deal(deal)
    if _is_metered(row) and not as_json:
        say(
            f"deal {deal} is {row['status']}: {usdc(row['balance'])} pay for work,"
            f" not for time: `wasmarket usage {deal}`"
        )
        return
    seconds = wiring.deployment.parameters.epoch_seconds * int(row["runway"])
    if as_json:
        keys = ("runway", "last_funded", "balance", "rate", "status")
        print_json({"deal": deal, **{name: row[name] for name in keys}, "seconds": seconds})
        return
    say(
        f"deal {deal} is {row['status']}: {usdc(row['balance'])} at {usdc(row['rate'])} per epoch"
        f" pay for {count(int(row['runway']), 'more epoch')} ({write_duration(seconds)})"
    )


def _show_all(client: DeveloperClient, as_json: bool) -> None:
    address = client.address
    offers = list(client.matcher.items("/v1/developer-offers", {"developer": address}))
    deals = client.deals()
    if as_json:
        print_json({"offers": offers, "deals": deals})
        return
    print_table(
        f"Deals of {address}",
        ["#deal", "status", "#units", "#USDC", "#USDC per epoch", "#epochs left", "peers"],
        [
            (
                row["id"],
                row["status"],
                row["units"],
                format_usdc(int(row["balance"])),
                format_usdc(int(row["rate"])),
                row["runway"],
                " ".join(str(entry["peer"]) for entry in row["assignments"]),
            )
            for row in deals
        ],
    )
    for row in deals:
        if row["status"] in ("lapsed", "running"):
            _warn_of_runway(row)
    for row in offers:
        if row["deal"] is None and row["status"] not in FINAL:
            print_facts(f"Offer {row['hash']}", _offer_facts(row))


def _show_deal(wiring: Wiring, client: DeveloperClient, deal: int, as_json: bool) -> None:
    row = client.deal(deal)
    ended = newest_endings(client.assignments(deal))
    served = {one.peer: one for one in client.served_versions(deal)}
    if as_json:
        versions = [
            {"peer": one.peer, "app": one.app, "failure": one.failure or None}
            for one in served.values()
        ]
        print_json(row | {"ended": ended, "serving": versions})
        return
    epoch_seconds = wiring.deployment.parameters.epoch_seconds
    print_facts(
        f"Deal {row['id']}",
        [
            ("status", row["status"]),
            ("developer", row["developer"]),
            ("app", app_cid(Hash(row["app"]))),
            ("balance", usdc(row["balance"])),
            *_pay_facts(row, epoch_seconds),
            ("as of block", row["block"]),
        ],
    )
    print_table(
        "Assignments",
        ["#id", "#peer", "region", "#units", "#USDC", "state", "serves", "endpoint"],
        [
            (
                entry["id"],
                entry["peer"],
                region_code(entry["region"]),
                entry["units"],
                format_usdc(int(entry["price"])),
                entry["state"],
                _write_served(served.get(entry["peer"]), row["app"]),
                entry["endpoint"],
            )
            for entry in row["assignments"]
        ],
    )
    print_endings(ended, FOR_DEVELOPERS)
    _hint_at_need(row, epoch_seconds)


def _is_metered(row: dict[str, Any]) -> bool:
    return bool(row["meter"] != ZERO_ADDRESS)


def _pay_facts(row: dict[str, Any], epoch_seconds: int) -> list[tuple[str, object]]:
    """Say what is paid for: time, or the work that an account signs."""
    if _is_metered(row):
        return [("pays for", f"work that {row['meter']} signs: `wasmarket usage {row['id']}`")]
    left = int(row["runway"])
    return [
        ("rate", f"{usdc(row['rate'])} per epoch"),
        ("runway", f"{count(left, 'epoch')} ({write_duration(epoch_seconds * left)})"),
    ]


def _write_served(version: ServedVersion | None, wanted: str) -> str:
    """Say which version a peer serves, where that is not the one that the chain names."""
    if version is None:
        return ""
    if version.app is None:
        return "it does not say"
    # A peer may know of an update before the index does.
    if version.app == (version.wanted or wanted):
        return "the app"
    why = f"cannot switch: {version.failure}" if version.failure else "switching"
    return f"still {app_cid(version.app)} ({why})"


def _warn_of_runway(row: dict[str, Any]) -> None:
    deal, left = row["id"], int(row["runway"])
    if row["status"] == "lapsed":
        say(f"deal {deal} has run out of money: `wasmarket status {deal}`")
    elif left <= LOW_RUNWAY and not _is_metered(row):
        say(f"warning: deal {deal} stops after {count(left, 'more epoch')}")


def _hint_at_need(row: dict[str, Any], epoch_seconds: int) -> None:
    deal, left = row["id"], int(row["runway"])
    lapsed = f" at {write_time(row['lapsed_at'])}" if row["lapsed_at"] else ""
    if row["status"] == "lapsed":
        say(
            f"its money ran out{lapsed}: `wasmarket top-up {deal} AMOUNT` brings it back"
            " as long as its offer stands; its logs and receipts stay readable for a while"
        )
    elif row["status"] == "waiting" and not row["assignments"]:
        before = f"its money had run out{lapsed}; " if lapsed else ""
        say(f"{before}no peer has it now: `wasmarket explain {deal}` says why")
    elif row["status"] == "running" and left <= LOW_RUNWAY and not _is_metered(row):
        say(
            f"warning: its money lasts {count(left, 'more epoch')}"
            f" ({write_duration(left * epoch_seconds)}), then it stops:"
            f" `wasmarket top-up {deal} AMOUNT`"
        )


def _show_offer(row: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(row)
        return
    print_facts(f"Offer {row['hash']}", _offer_facts(row))
    if row["deal"] is None:
        say(f"  next: `wasmarket explain {row['hash']}`")


def _offer_facts(row: dict[str, Any]) -> list[tuple[str, object]]:
    facts: list[tuple[str, object]] = [
        ("status", row["status"]),
        ("deal", row["deal"] or "none yet"),
    ]
    return facts + [("reason", reason) for reason in row["reasons"]]


def _name(field: str, value: Any) -> str:
    """Write a wish's value as people do."""
    if isinstance(value, list):
        return " ".join(str(entry) for entry in value) or "nobody"
    if not str(value).isdigit():
        raise InvalidInput(f"{value!r} is not a wish's value", field=field)
    number = int(value)
    if field == "regions":
        return ",".join(regions_of(number)) or "anywhere"
    if field == "traits":
        return ",".join(traits_of(number)) or "none"
    if field == "max_evictions" and number == ANY:
        return "any"
    if field in ("max_price", "deposit", "tip", "budget_per_month"):
        return format_usdc(number)
    return str(number)
