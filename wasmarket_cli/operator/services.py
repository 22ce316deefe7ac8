"""`wasmarket indexer | matcher | gateway`: the operator's processes."""

import threading
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import click

from gateway.directory.deals import Directory
from gateway.directory.from_matcher import MatcherDirectory
from gateway.directory.from_store import StoreDirectory
from gateway.run import GatewayParts, create_front, create_gateway
from gateway.settings import GatewaySettings
from indexer.progress import Progress
from indexer.run import run as run_indexer
from indexer.settings import IndexerSettings
from matcher.run import run as run_matcher
from matcher.settings import MatcherSettings
from wasmarket import __version__
from wasmarket.chain.reading.blocks import Reader
from wasmarket.chain.reading.identity import check_identity
from wasmarket.chain.reading.rpc import Rpc
from wasmarket.chain.reading.several_nodes import SeveralNodes
from wasmarket.chain.sending.wallet import load_or_create_account
from wasmarket.client.wiring import Wiring
from wasmarket.kernel.errors import InvalidInput
from wasmarket.serving.http1.connections import ConnectionLimits
from wasmarket.serving.outbound import Outbound
from wasmarket.serving.outgoing.http import create_async_http_client
from wasmarket.serving.server import bind, serve
from wasmarket.store.database import Database, open_database
from wasmarket.store.migrate import upgrade
from wasmarket_cli.auditing.meters import host_meter
from wasmarket_cli.logs import configure_logging
from wasmarket_cli.operator.backfill_bar import backfill_bar
from wasmarket_cli.operator.verification import verify
from wasmarket_cli.output import print_line
from wasmarket_cli.wiring import wire

host_option = click.option("--host", help="Address to listen on [127.0.0.1]")
port_option = click.option("--port", type=click.IntRange(0, 65_535), help="Port, 0: any free one")


@click.group()
def indexer() -> None:
    """The process that writes what happens on chain into the store."""


@indexer.command("run")
@host_option
@port_option
@click.option("--reindex", is_flag=True, help="Read the chain again beside what is there")
@click.pass_context
def indexer_run(ctx: click.Context, host: str | None, port: int | None, reindex: bool) -> None:
    """Index until told to stop; one of several takes over when the one at work ends."""
    configure_logging()
    wiring = wire(ctx)
    flags = {"host": host, "port": port, "reindex": reindex or None}
    with backfill_bar() as show:
        _run_indexer(wiring, flags, show)


def _run_indexer(
    wiring: Wiring, flags: Mapping[str, object], show: Callable[[Progress], object] | None
) -> None:
    run_indexer(
        wiring.configuration.read(IndexerSettings, "indexer", flags),
        database=_database(wiring),
        reader=_open_reader(wiring),
        deployment=wiring.known_deployment,
        confirmations=wiring.chain.confirmations,
        check_headers=wiring.chain.check_headers,
        rpc_url=wiring.chain.rpc,
        websocket=wiring.chain.websocket,
        version=__version__,
        on_ready=_ready,
        on_progress=show,
    )


indexer.add_command(verify)


@click.group()
def matcher() -> None:
    """The process that takes offers, matches them and answers questions about the market."""


@matcher.command("run")
@host_option
@port_option
@click.option("--key", metavar="NAME", help="Account in keys/ that sends matches [matcher]")
@click.pass_context
def matcher_run(ctx: click.Context, host: str | None, port: int | None, key: str | None) -> None:
    """Match until told to stop."""
    configure_logging()
    wiring = wire(ctx)
    flags = {"host": host, "port": port, "key": key}
    settings = wiring.configuration.read(MatcherSettings, "matcher", flags)
    account = load_or_create_account(wiring.home.keys, settings.key, wiring.password(settings.key))
    stop = threading.Event()
    run_matcher(
        settings,
        database=_database(wiring),
        deployment=wiring.known_deployment,
        reader=wiring.rpc,
        sender=wiring.sender(account, stop),
        outbound=Outbound(wiring.outbound.allow_private_addresses),
        version=__version__,
        on_ready=_ready,
        stop=stop,
    )


@click.group()
def gateway() -> None:
    """The process through which functions are called and content is published."""


@gateway.command("run")
@host_option
@port_option
@click.option("--matcher", metavar="URL", help="Ask this matcher where deals run [the store]")
@click.option("--meter", is_flag=True, help="Be the meter of this home too [`meter run` is]")
@click.option("--meter-key", metavar="NAME", help="Account in keys/ that the deals name [meter]")
@click.option("--rerun", is_flag=True, help="Let the meter run a share of the calls again")
@click.pass_context
def gateway_run(
    ctx: click.Context,
    host: str | None,
    port: int | None,
    matcher: str | None,
    meter: bool,
    meter_key: str | None,
    rerun: bool,
) -> None:
    """Serve until told to stop; run as many as you like, one of them with the meter."""
    configure_logging()
    wiring = wire(ctx)
    flags = {"host": host, "port": port, "matcher": matcher, "meter": meter or None}
    settings = wiring.configuration.read(GatewaySettings, "gateway", flags)
    if (rerun or meter_key) and not settings.meter:
        raise InvalidInput(
            "--rerun and --meter-key are for the meter", field="meter", remedy="give --meter too"
        )
    parts = GatewayParts(
        version=__version__,
        deployment=wiring.known_deployment,
        directory=_directory(wiring, settings),
        outbound=Outbound(wiring.outbound.allow_private_addresses),
        folder=Path(settings.folder) if settings.folder else wiring.home.gateway,
        now=wiring.clock.now,
        refresh=wiring.clock.refresh,
    )
    with host_meter(wiring, meter_key, reruns=rerun) if settings.meter else nullcontext() as hosted:
        if hosted is not None:
            watch = hosted.witness.hear
            parts = replace(parts, hosted=(hosted.build_hosted(),), watch=watch)
        listener = bind(settings.host, settings.port)
        limits = ConnectionLimits(trusted=frozenset(settings.proxies))
        serve(create_front(create_gateway(settings, parts)), listener, _ready, limits=limits)


def _open_reader(wiring: Wiring) -> Reader:
    """Return the node, or all that are configured as one."""
    if not wiring.chain.nodes:
        return wiring.rpc
    deployment = wiring.known_deployment
    return SeveralNodes(
        [wiring.rpc, *map(Rpc, wiring.chain.nodes)],
        check=lambda node: check_identity(node, deployment),
        must_agree=wiring.chain.must_agree,
    )


def _database(wiring: Wiring) -> Database:
    wiring.home.root.mkdir(parents=True, exist_ok=True)
    return open_database(wiring.store_url)


def _directory(wiring: Wiring, settings: GatewaySettings) -> Directory:
    if settings.matcher:
        http = create_async_http_client(timeout=settings.connect_seconds * 5)
        return MatcherDirectory(http, settings.matcher)
    database = _database(wiring)
    upgrade(database)
    return StoreDirectory(database)


def _ready(url: str) -> None:
    print_line(ready=True, url=url)
