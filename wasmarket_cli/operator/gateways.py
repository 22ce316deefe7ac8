"""`wasmarket gateway`: the process through which functions are called."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.directory.deals import Directory
from gateway.directory.from_matcher import MatcherDirectory
from gateway.directory.from_store import StoreDirectory
from gateway.run import GatewayParts, create_front, create_gateway
from gateway.settings import GatewaySettings
from wasmarket import __version__
from wasmarket.client.wiring import Wiring
from wasmarket.kernel.errors import InvalidInput
from wasmarket.serving.http1.connections import ConnectionLimits
from wasmarket.serving.outbound import Outbound
from wasmarket.serving.outgoing.http import create_async_http_client
from wasmarket.serving.server import bind, serve
from wasmarket.store.migrate import upgrade
from wasmarket_cli.logs import configure_logging
from wasmarket_cli.operator.listening import host_option, open_store, port_option, say_ready
from wasmarket_cli.wiring import wire

if TYPE_CHECKING:
    from meter.run import MeterProcess


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
    hosting = _host_meter(wiring, meter_key, rerun) if settings.meter else nullcontext()
    with hosting as hosted:
        if hosted is not None:
            watch = hosted.witness.hear
            parts = replace(parts, hosted=(hosted.build_hosted(),), watch=watch)
        listener = bind(settings.host, settings.port)
        limits = ConnectionLimits(trusted=frozenset(settings.proxies))
        serve(create_front(create_gateway(settings, parts)), listener, say_ready, limits=limits)


def _host_meter(
    wiring: Wiring, key: str | None, reruns: bool
) -> AbstractContextManager["MeterProcess"]:
    from wasmarket_cli.auditing.meters import host_meter  # noqa: PLC0415 - few gateways are one

    return host_meter(wiring, key, reruns=reruns)


def _directory(wiring: Wiring, settings: GatewaySettings) -> Directory:
    if settings.matcher:
        http = create_async_http_client(timeout=settings.connect_seconds * 5)
        return MatcherDirectory(http, settings.matcher)
    database = open_store(wiring)
    upgrade(database)
    return StoreDirectory(database)
