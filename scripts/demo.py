"""The main job on a local chain: an offer becomes a running function that is paid for.

Run by `make demo`; `--keep` leaves everything running. Every amount is read from the chain, and
after every step the money must add up to the last unit.
"""

import shutil
import signal
import sys
import tempfile
import threading
from pathlib import Path

import click

from scripts.story import Story, Teller
from wasmarket.client.home import Home
from wasmarket.kernel.errors import MarketError
from wasmarket_cli.errors import report
from wasmarket_cli.local.commands import show_market


@click.command()
@click.option("--keep", is_flag=True, help="Leave everything running and say what to try")
@click.option("--home", type=click.Path(path_type=Path), help="Use this home [a fresh one]")
def cli(keep: bool, home: Path | None) -> None:
    """Run the main job end to end and tell it as a timeline."""
    root = home or Path(tempfile.mkdtemp(prefix="wasmarket-demo-"))
    stop = threading.Event()
    if keep:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())
    story = Story(Home(root), Teller())
    try:
        story.tell(ends_deal=not keep)
        if keep:
            show_market(story.market)
            stop.wait()
    except MarketError as error:
        click.echo(f"the logs are in {root / 'logs'}", err=True)
        sys.exit(report(error))
    finally:
        story.close()
    if home is None:
        shutil.rmtree(root)


if __name__ == "__main__":
    cli()
