"""`wasmarket config | doctor`: what is set, and whether it works."""

import dataclasses
from collections.abc import Callable

import click

from gateway.settings import GatewaySettings
from indexer.settings import IndexerSettings
from matcher.settings import MatcherSettings
from peer.settings import PeerSettings
from wasmarket.chain.settings import ChainSettings
from wasmarket.client.service import ServiceClient
from wasmarket.client.settings import ClientSettings, StoreSettings
from wasmarket.client.wiring import Wiring
from wasmarket.kernel.errors import MarketError
from wasmarket.serving.outbound import OutboundSettings
from wasmarket_cli.errors import Exit
from wasmarket_cli.options import json_option
from wasmarket_cli.output import format_coins, print_facts, print_json, print_table
from wasmarket_cli.wiring import wire

KINDS = {
    "chain": ChainSettings,
    "store": StoreSettings,
    "indexer": IndexerSettings,
    "matcher": MatcherSettings,
    "peer": PeerSettings,
    "gateway": GatewaySettings,
    "outbound": OutboundSettings,
    "client": ClientSettings,
}


@click.group()
def config() -> None:
    """The settings in force: flag > environment > profile > file > default."""


@config.command()
@json_option
@click.pass_context
def show(ctx: click.Context, as_json: bool) -> None:
    """Show every setting with its value."""
    wiring = wire(ctx)
    values = {
        table: dataclasses.asdict(wiring.configuration.read(kind, table))
        for table, kind in KINDS.items()
    }
    if as_json:
        print_json({"home": str(wiring.home.root), **values})
        return
    click.echo(f"home {wiring.home.root}")
    for table, settings in values.items():
        print_facts(f"[{table}]", settings.items())


@click.command()
@json_option
@click.pass_context
def doctor(ctx: click.Context, as_json: bool) -> int:
    """Check the chain, the deployment, the matcher, the gateway and your key; say what to do."""
    wiring = wire(ctx)
    client = wiring.client
    matcher = ServiceClient("matcher", client.matcher, wiring.http)
    gateway = ServiceClient("gateway", client.gateway, wiring.http)
    checks: list[tuple[str, Callable[[], object]]] = [
        ("chain", lambda: f"block {wiring.rpc.fetch_block_number()} at {wiring.chain.rpc}"),
        ("deployment", lambda: f"Market {wiring.deployment.market}"),
        ("matcher", lambda: _ready(matcher)),
        ("gateway", lambda: _ready(gateway)),
        ("key", lambda: wiring.account().address),
        ("gas", lambda: _gas(wiring)),
    ]
    rows = [(name, *_try(check)) for name, check in checks]
    if as_json:
        print_json([{"check": n, "ok": ok, "detail": d, "remedy": r} for n, ok, d, r in rows])
    else:
        print_table(
            "Doctor",
            ["check", "", "detail"],
            [(n, "ok" if ok else "FAIL", d + (f"\n→ {r}" if r else "")) for n, ok, d, r in rows],
        )
    return Exit.OK if all(ok for _, ok, _, _ in rows) else Exit.FAILED


def _try(check: Callable[[], object]) -> tuple[bool, str, str]:
    try:
        return True, str(check()), ""
    except MarketError as error:
        return False, error.detail, error.remedy or ""


def _ready(service: ServiceClient) -> str:
    status = service.get("/v1/status")
    service.get("/v1/health/ready")
    return f"{service.name} {status['version']} at {service.url}"


def _gas(wiring: Wiring) -> str:
    wei = wiring.rpc.fetch_balance(wiring.account().address)
    if wei == 0:
        raise MarketError(
            "your account has no coin for gas",
            remedy="deploying and calling need none, top-up, stop and claim do;"
            " on a local chain: `wasmarket local faucet`",
        )
    return f"{format_coins(wei)} coins for gas"
