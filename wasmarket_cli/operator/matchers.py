"""`wasmarket matcher`: the process that takes offers and matches them."""

import threading

import click

from matcher.run import run as run_matcher
from matcher.settings import MatcherSettings
from wasmarket import __version__
from wasmarket.chain.sending.wallet import load_or_create_account
from wasmarket.serving.outbound import Outbound
from wasmarket_cli.logs import configure_logging
from wasmarket_cli.operator.listening import host_option, open_store, port_option, say_ready
from wasmarket_cli.wiring import wire


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
        database=open_store(wiring),
        deployment=wiring.known_deployment,
        reader=wiring.rpc,
        sender=wiring.sender(account, stop),
        outbound=Outbound(wiring.outbound.allow_private_addresses),
        version=__version__,
        on_ready=say_ready,
        stop=stop,
    )
