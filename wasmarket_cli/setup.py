"""`wasmarket config | doctor`: what is set, and whether it works."""

import dataclasses
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import click

from gateway.settings import GatewaySettings
from indexer.settings import IndexerSettings
from keeper.settings import KeeperSettings
from matcher.settings import MatcherSettings
from meter.settings import MeterSettings
from payments.settings import PaymentsSettings
from peer.settings import PeerSettings
from wasmarket.chain.settings import ChainSettings
from wasmarket.client.service import ServiceClient
from wasmarket.client.settings import ClientSettings, StoreSettings
from wasmarket.client.wiring import Wiring
from wasmarket.kernel.errors import MarketError
from wasmarket.serving.outbound import OutboundSettings
from wasmarket_cli.errors import Exit
from wasmarket_cli.options import json_option
from wasmarket_cli.output import format_coins, print_facts, print_json, print_table, say
from wasmarket_cli.wiring import wire

KINDS = {
    "chain": ChainSettings,
    "store": StoreSettings,
    "indexer": IndexerSettings,
    "matcher": MatcherSettings,
    "peer": PeerSettings,
    "gateway": GatewaySettings,
    "meter": MeterSettings,
    "payments": PaymentsSettings,
    "keeper": KeeperSettings,
    "outbound": OutboundSettings,
    "client": ClientSettings,
}

CHECK_SECONDS = 3.0
"""For each of doctor's checks."""


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
        table: _show_settings(wiring.configuration.read(kind, table))
        for table, kind in KINDS.items()
    }
    if as_json:
        print_json({"home": str(wiring.home.root), **values})
        return
    say(f"home {wiring.home.root}")
    for table, settings in values.items():
        print_facts(f"[{table}]", settings.items())


def _show_settings(settings: Any) -> dict[str, Any]:
    """Return settings by name; of secrets only whether they are set."""
    shown = dataclasses.asdict(settings)
    for entry in dataclasses.fields(settings):
        if entry.metadata.get("secret") and shown[entry.name]:
            shown[entry.name] = "(set)"
    return shown


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
    rows = _try_all(checks)
    if as_json:
        print_json([{"check": n, "ok": ok, "detail": d, "remedy": r} for n, ok, d, r in rows])
    else:
        print_table(
            "Doctor",
            ["check", "", "detail"],
            [(n, "ok" if ok else "FAIL", d + (f"\n→ {r}" if r else "")) for n, ok, d, r in rows],
        )
    return Exit.OK if all(ok for _, ok, _, _ in rows) else Exit.FAILED


def _try_all(
    checks: Sequence[tuple[str, Callable[[], object]]],
) -> list[tuple[str, bool, str, str]]:
    """Run all checks side by side; one that takes longer than `CHECK_SECONDS` has failed."""
    found: dict[str, tuple[bool, str, str]] = {}
    threads = []
    for name, check in checks:
        # A daemon: what hangs must not keep the command from ending.
        thread = threading.Thread(
            target=lambda n=name, c=check: found.setdefault(n, _try(c)), daemon=True
        )
        thread.start()
        threads.append(thread)
    until = time.monotonic() + CHECK_SECONDS
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))
    silent = (
        False,
        f"no answer within {CHECK_SECONDS:.0f} s",
        "what it asks hangs: is it overloaded, or behind a firewall?",
    )
    return [(name, *found.get(name, silent)) for name, _ in checks]


def _try(check: Callable[[], object]) -> tuple[bool, str, str]:
    try:
        return True, str(check()), ""
    except MarketError as error:
        return False, error.detail, error.remedy or ""
    except Exception as error:  # a thread's end must not be unseen
        return False, f"{type(error).__name__}: {error}", "this is a bug of ours: please report it"


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
