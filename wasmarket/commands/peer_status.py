"""`wasmarket peer status`: what a running peer does, keeps and refuses."""

from datetime import UTC, datetime
from typing import Any

import click
import httpx

from kernel.addresses import ZERO_ADDRESS
from kernel.units import format_usdc
from peer.settings import PeerSettings
from wasmarket.client.http import Service
from wasmarket.options import json_option
from wasmarket.output import print_facts, print_json, print_table
from wasmarket.wiring import wire


@click.command("status")
@click.argument("name", default="peer")
@click.option("--url", help="Where the peer is reached [the settings' host and port]")
@json_option
@click.pass_context
def show_status(ctx: click.Context, name: str, url: str | None, as_json: bool) -> None:
    """Show what the running peer NAME serves, offers, refused and keeps."""
    wiring = wire(ctx)
    settings = wiring.configuration.read(PeerSettings, "peer", {"name": name})
    where = url or f"http://{settings.host}:{settings.port}"
    service = Service("peer", where, wiring.http)
    status: dict[str, Any] = service.get("/v1/status")
    if as_json:
        print_json(status)
        return
    extra = status["extra"]
    print_facts(
        "Peer",
        [
            ("number", extra["peer"]),
            ("wallet", extra["wallet"]),
            ("block / epoch", f"{status['head']} / {extra['epoch']}"),
            ("policy", extra["policy"] or "as in its file"),
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
                    _write_time(row["valid_until"]),
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
            [(row["deal"], row["bytes"], _write_time(row["until"])) for row in extra["kept"]],
        )


def _read_readiness(http: httpx.Client, where: str) -> str:
    """Return "yes", or why not; then the answer's status is 503."""
    answer = http.get(f"{where}/v1/health/ready")
    return str(answer.json()["reason"]) or "yes"


def _write_time(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")
