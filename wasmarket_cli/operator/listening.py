"""What the operator's commands share: where a process listens, its store, and that it is ready.

Each process has a module of its own, so that none imports what another needs.
"""

import click

from wasmarket.client.wiring import Wiring
from wasmarket.store.database import Database, open_database
from wasmarket_cli.output import print_line

host_option = click.option("--host", help="Address to listen on [127.0.0.1]")
port_option = click.option("--port", type=click.IntRange(0, 65_535), help="Port, 0: any free one")


def open_store(wiring: Wiring) -> Database:
    """Open the store of a home, which is made if it is not there."""
    wiring.home.root.mkdir(parents=True, exist_ok=True)
    return open_database(wiring.store_url)


def say_ready(url: str) -> None:
    """Say on standard output that the process serves, and where."""
    print_line(ready=True, url=url)
