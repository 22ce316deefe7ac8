"""`wasmarket local`: a whole market on this machine, for trying and developing."""

import signal
import threading

import click
import httpx
from rich.console import Console

from wasmarket.chain.development.anvil import CHAIN_ID
from wasmarket.chain.reading.web3_provider import open_web3
from wasmarket.chain.sending.wallet import list_accounts
from wasmarket.client.home import Home
from wasmarket.client.service import ServiceClient
from wasmarket.client.wiring import Wiring
from wasmarket.kernel.errors import Conflict, MarketError
from wasmarket.kernel.units import Address, format_flt
from wasmarket.serving.outgoing.http import create_http_client
from wasmarket_cli.local.epochs import next_epoch
from wasmarket_cli.local.network import (
    LocalMarket,
    deploy_contracts,
    drip,
    give_coins,
    start_market,
)
from wasmarket_cli.local.plan import DEFAULT_PEERS, FREE_PORTS, WORK_PRICE, Plan, Ports
from wasmarket_cli.options import ADDRESS, json_option, key_option
from wasmarket_cli.output import (
    format_coins,
    print_json,
    print_line,
    print_table,
    say,
    show_done,
    usdc,
)
from wasmarket_cli.wiring import wire


@click.group()
def local() -> None:
    """A whole market on this machine: chain, contracts, services, peers."""


@local.command()
@click.option("--free-ports", is_flag=True, help="Take any free ports instead of the usual ones")
@click.option("--block-time", type=click.FloatRange(0.1), help="Seconds [a block per transaction]")
@click.option("--epoch-seconds", type=click.IntRange(10), default=60, show_default=True)
@click.option("--peers", type=click.IntRange(1, len(DEFAULT_PEERS)), default=len(DEFAULT_PEERS))
@click.option("--payments", is_flag=True, help="With a payment gateway and a sandbox of cards")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON line when it is up")
@click.pass_context
def up(
    ctx: click.Context,
    free_ports: bool,
    block_time: float | None,
    epoch_seconds: int,
    peers: int,
    payments: bool,
    as_json: bool,
) -> None:
    """Start everything, print where it is, run until Ctrl-C; the home keeps keys and logs."""
    home, _ = ctx.find_root().obj
    plan = Plan(
        peers=DEFAULT_PEERS[:peers],
        ports=FREE_PORTS if free_ports else Ports(),
        block_time=block_time,
        epoch_seconds=epoch_seconds,
        work_price=WORK_PRICE,
        payments=payments,
    )
    console = Console(stderr=True)
    # Until it is up a signal interrupts the start itself, which takes down what there is.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    market = _start(home, plan, console)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        if as_json:
            url = market.services["gateway"].url
            explorer = explorer_url(market)
            print_line(ready=True, url=url, home=str(home.root), explorer=explorer)
        else:
            show_market(market)
        stop.wait()
    finally:
        console.print("stopping")
        market.stop()


@local.command()
@click.option("--epoch-seconds", type=click.IntRange(10), default=60, show_default=True)
@json_option
@click.pass_context
def contracts(ctx: click.Context, epoch_seconds: int, as_json: bool) -> None:
    """Deploy the contracts with test tokens on the Anvil of [chain] rpc; write their file."""
    wiring = wire(ctx)
    chain_id = open_web3(wiring.rpc).eth.chain_id
    if chain_id != CHAIN_ID:
        raise Conflict(
            f"{wiring.chain.rpc} is chain {chain_id}, not a local one ({CHAIN_ID})",
            field="chain.rpc",
            remedy="start `anvil`, or deploy with `ape run deploy` from a checkout",
        )
    deployment = deploy_contracts(wiring.home, wiring.rpc, epoch_seconds)
    path = wiring.home.deployments / f"{CHAIN_ID}.json"
    show_done(
        as_json, f"Market is at {deployment.market}; written to {path}", market=deployment.market
    )


@local.command()
@click.argument("count", type=click.IntRange(1, 1_000), default=1)
@json_option
@click.pass_context
def epoch(ctx: click.Context, count: int, as_json: bool) -> None:
    """Travel COUNT epochs ahead, one at a time; running peers commit each of them."""
    wiring = wire(ctx)
    with create_http_client(timeout=2.0) as http:
        for _ in range(count):
            now = next_epoch(wiring, lambda peer: _is_running(wiring, http, peer))
            if not as_json:
                say(f"epoch {now}")
    if as_json:
        print_json({"epoch": int(now)})


@local.command()
@click.option("--to", type=ADDRESS, help="Somebody else's address")
@key_option
@json_option
@click.pass_context
def faucet(ctx: click.Context, to: Address | None, key: str | None, as_json: bool) -> None:
    """Get test USDC and FLT, on a local chain also coins for gas.

    The faucet gives tokens once in a while per address.
    """
    wiring = wire(ctx)
    account = wiring.account(key)
    target = to or account.address
    if wiring.deployment.chain_id == CHAIN_ID:
        for address in {account.address, target}:
            give_coins(wiring, address)
    drip(wiring, account, target)
    held = {
        "usdc": wiring.usdc.balance(target),
        "flt": wiring.flt.balance(target),
        "gas_wei": wiring.contracts.web3.eth.get_balance(target),
    }
    if as_json:
        print_json({"address": target, **{name: str(amount) for name, amount in held.items()}})
        return
    say(
        f"{target} now has {usdc(held['usdc'])}, {format_flt(held['flt'])} FLT"
        f" and {format_coins(held['gas_wei'])} coins for gas"
    )


def _start(home: Home, plan: Plan, console: Console) -> LocalMarket:
    """Start a market and tell of each step: on one line of a terminal, else line by line."""
    if not console.is_terminal:
        return start_market(home, plan, lambda step: console.print(f"  starting: {step}"))
    with console.status("starting", spinner="dots") as line:
        return start_market(home, plan, lambda step: line.update(f"starting: {step}"))


def show_market(market: LocalMarket) -> None:
    """Print where everything is and what to try next."""
    rows = [("chain", market.anvil.url)]
    rows += [(name, f"{service.url}/docs") for name, service in market.services.items()]
    rows += [
        (f"peer {market.peer_ids[name]} ({name})", f"{process.url}/docs")
        for name, process in market.peers.items()
    ]
    rows.append(("explorer", explorer_url(market)))
    print_table("Running", ["part", "where"], rows)
    names = ", ".join(list_accounts(market.home.keys))
    say(f"home {market.home.root} · keys: {names}")
    prefix = f"wasmarket --home {market.home.root}"
    say("Try, in another terminal:")
    for text in (
        "example greeting",
        "deploy greeting --units 2 --yes",
        "call 1 greeting.greeting World",
        "status 1",
        "local epoch",
        *(("buy 20 usd --deal 1",) if market.plan.payments else ()),
        "claim --key alpha --withdraw",
        "stop 1",
    ):
        say(f"  {prefix} {text}")
    say("Ctrl-C ends it all.")


def explorer_url(market: LocalMarket) -> str:
    """Return where a browser shows the market."""
    return f"{market.services['gateway'].url}/explorer/"


def _is_running(wiring: Wiring, http: httpx.Client, peer: int) -> bool:
    """Say whether a peer's process answers where the chain says it is."""
    matcher = ServiceClient("matcher", wiring.client.matcher, wiring.http)
    return _answers(http, str(matcher.get(f"/v1/peers/{peer}")["endpoint"]))


def _answers(http: httpx.Client, endpoint: str) -> bool:
    try:
        ServiceClient("peer", endpoint, http).get("/v1/health/live")
    except MarketError:
        return False
    return True
