"""`wasmarket metrics | open`: how a deal does, and where it is reached."""

import webbrowser
from typing import Any

import click

from wasmarket.client.developer import DeveloperClient
from wasmarket.client.wiring import Wiring
from wasmarket.kernel.documents.content_ids import app_cid
from wasmarket.kernel.documents.manifest import parse_manifest
from wasmarket.kernel.errors import ContentNotFound, Unreachable
from wasmarket.kernel.units import Hash
from wasmarket_cli.developer.releases.published_app import fetch_block
from wasmarket_cli.options import json_option, key_option
from wasmarket_cli.output import print_json, print_table, say
from wasmarket_cli.wiring import wire

COUNTS = ("inflight", "workers", "restarts", "fuel", "duration_us")
ANSWERED = "answered"


@click.command()
@click.argument("deal", type=click.IntRange(1))
@key_option
@json_option
@click.pass_context
def metrics(ctx: click.Context, deal: int, key: str | None, as_json: bool) -> None:
    """Show what calls of DEAL did at each of its peers since that started; for its developer."""
    client = DeveloperClient(wire(ctx), key)
    told: list[dict[str, Any]] = []
    for peer in client.serving_peers(deal):
        try:
            told.append({"peer": peer} | client.stats(deal, peer))
        except Unreachable as error:
            say(f"peer {peer} does not tell: {error.detail}", err=True)
    if not told:
        raise Unreachable(f"no peer tells of deal {deal}", remedy=f"`wasmarket status {deal}`")
    total = sum_up(told)
    if as_json:
        print_json({"deal": deal, "total": total, "peers": told})
        return
    rows = [*told, {"peer": "all"} | total] if len(told) > 1 else told
    print_table(
        f"Calls of deal {deal}",
        ["#peer", "#answered", "#failed", "#now", "#workers", "#restarts", "#ms a call", "#fuel"],
        [
            (
                row["peer"],
                f"{row['calls'].get(ANSWERED, 0):,}",
                f"{sum(row['calls'].values()) - row['calls'].get(ANSWERED, 0):,}",
                row["inflight"],
                row["workers"],
                row["restarts"],
                _write_mean(row),
                f"{row['fuel']:,}",
            )
            for row in rows
        ],
    )


def sum_up(told: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what several peers tell of one deal, together."""
    calls: dict[str, int] = {}
    for row in told:
        for outcome, number in row["calls"].items():
            calls[outcome] = calls.get(outcome, 0) + number
    return {"calls": calls} | {name: sum(row[name] for row in told) for name in COUNTS}


def _write_mean(row: dict[str, Any]) -> str:
    calls = sum(row["calls"].values())
    return f"{row['duration_us'] / calls / 1_000:.2f}" if calls else ""


@click.command("open")
@click.argument("deal", type=click.IntRange(1))
@click.option("--print", "only_print", is_flag=True, help="Print the address, open no browser")
@json_option
@click.pass_context
def open_deal(ctx: click.Context, deal: int, only_print: bool, as_json: bool) -> None:
    """Open the site of DEAL in a browser; of an app without one, the list of its functions."""
    wiring = wire(ctx)
    client = DeveloperClient(wiring)
    url, is_site = find_url(wiring, client, deal)
    if as_json:
        print_json({"deal": deal, "url": url, "site": is_site})
        return
    say(url)
    if not only_print and not webbrowser.open(url):
        say("no browser could be opened here", err=True)


def find_url(wiring: Wiring, client: DeveloperClient, deal: int) -> tuple[str, bool]:
    """Return where people reach a deal, and whether that is a site."""
    gateway = client.gateway.url
    try:
        block = fetch_block(wiring, app_cid(Hash(client.deal(deal)["app"])))
        has_site = parse_manifest(block).site is not None
    except ContentNotFound:
        has_site = False
    return (f"{gateway}/{deal}/", True) if has_site else (_interface(gateway, deal), False)


def _interface(gateway: str, deal: int) -> str:
    return f"{gateway}/v1/deals/{deal}/interface"
