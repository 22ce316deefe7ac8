"""`wasmarket peer status`: what a running peer does, keeps and refuses."""

from typing import Any

import click
import httpx

from peer.settings import PeerSettings
from wasmarket.client.service import ServiceClient
from wasmarket.client.wiring import Wiring
from wasmarket.kernel.addresses import ZERO_ADDRESS
from wasmarket.kernel.errors import Unreachable
from wasmarket.kernel.units import format_usdc
from wasmarket_cli.endings import FOR_PROVIDERS, fetch_endings, print_endings
from wasmarket_cli.options import json_option
from wasmarket_cli.output import print_facts, print_json, print_table, write_time
from wasmarket_cli.provider.peer_keys import URL, find_peer
from wasmarket_cli.wiring import wire


@click.command("status")
@click.argument("name", required=False)
@click.option("--url", help="Where the peer is reached [where it runs on this machine]")
@json_option
@click.pass_context
def show_status(ctx: click.Context, name: str | None, url: str | None, as_json: bool) -> None:
    """Show what the running peer NAME [peer] serves, offers, refused and keeps."""
    wiring = wire(ctx)
    where = url or _find_url(wiring, name)
    service = ServiceClient("peer", where, wiring.http)
    status: dict[str, Any] = service.get("/v1/status")
    extra = status["extra"]
    matcher = ServiceClient("matcher", wiring.client.matcher, wiring.http)
    ended = fetch_endings(matcher, {"peer": extra["peer"]}) if extra["peer"] else []
    if as_json:
        print_json(status | {"ended": ended})
        return
    print_facts(
        "Peer",
        [
            ("number", extra["peer"]),
            ("wallet", extra["wallet"]),
            ("block / epoch", f"{status['head']} / {extra['epoch']}"),
            ("policy", extra["policy"] or "in force"),
            ("ready", _read_readiness(wiring.http, where)),
        ],
    )
    print_table("Deals", ["#deal", "state"], list(extra["deals"].items()))
    if extra["offers"]:
        print_table(
            "Offers",
            ["hash", "for", "#USDC per unit and epoch", "until"],
            [
                (
                    row["offer"],
                    "anybody" if row["developer"] == ZERO_ADDRESS else row["developer"],
                    format_usdc(int(row["price"])),
                    write_time(row["valid_until"]),
                )
                for row in extra["offers"]
            ],
        )
    if extra["refusals"]:
        print_table(
            "Refused",
            ["#deal", "#reason", "why"],
            [(deal, why["reason"], why["detail"]) for deal, why in extra["refusals"].items()],
        )
    if extra["kept"]:
        print_table(
            "Storage kept",
            ["#deal", "#bytes", "until"],
            [(row["deal"], row["bytes"], write_time(row["until"])) for row in extra["kept"]],
        )
    print_endings(ended, FOR_PROVIDERS)


def _find_url(wiring: Wiring, name: str | None) -> str:
    """Return where a peer of this machine listens. Raises NotFound, Unreachable."""
    settings = wiring.configuration.read(PeerSettings, "peer", {"name": name})
    chosen = name or settings.name
    if name is None and chosen not in wiring.home.peer_names():
        return f"http://{settings.host}:{settings.port}"
    file = find_peer(wiring, chosen) / URL
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise Unreachable(
            f"the peer {chosen!r} does not run on this machine",
            remedy=f"start it: `wasmarket peer run {chosen}`, or say where it is: --url",
        ) from error


def _read_readiness(http: httpx.Client, where: str) -> str:
    """Return "yes", or why not; then the answer's status is 503."""
    answer = http.get(f"{where}/v1/health/ready")
    return str(answer.json()["reason"]) or "yes"
