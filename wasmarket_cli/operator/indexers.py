"""`wasmarket indexer`: the process that writes what happens on chain into the store."""

from collections.abc import Callable, Mapping

import click

from indexer.progress import Progress
from indexer.run import run as run_indexer
from indexer.settings import IndexerSettings
from wasmarket import __version__
from wasmarket.chain.reading.blocks import Reader
from wasmarket.chain.reading.identity import check_identity
from wasmarket.chain.reading.rpc import Rpc
from wasmarket.chain.reading.several_nodes import SeveralNodes
from wasmarket.client.wiring import Wiring
from wasmarket_cli.logs import configure_logging
from wasmarket_cli.operator.backfill_bar import backfill_bar
from wasmarket_cli.operator.listening import host_option, open_store, port_option, say_ready
from wasmarket_cli.operator.verification import verify
from wasmarket_cli.wiring import wire


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
        database=open_store(wiring),
        reader=_open_reader(wiring),
        deployment=wiring.known_deployment,
        confirmations=wiring.chain.confirmations,
        check_headers=wiring.chain.check_headers,
        rpc_url=wiring.chain.rpc,
        websocket=wiring.chain.websocket,
        version=__version__,
        on_ready=say_ready,
        on_progress=show,
    )


indexer.add_command(verify)


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
