"""`wasmarket dev`: serve an app here without a chain, again at each change of its sources."""

import asyncio
import signal
import sys
from pathlib import Path
from typing import Final

import click

from wasmarket.app.file import App
from wasmarket.serving.daemon import Loops, Pace, TaskLoop
from wasmarket_cli.developer.desk.desk_peer import DeskTerms
from wasmarket_cli.developer.desk.desk_secrets import IGNORE, DeskSecrets, ask_secrets
from wasmarket_cli.developer.desk.desk_server import DeskPlace, open_desk
from wasmarket_cli.developer.desk.desk_session import DeskEvents, DeskSession, build_checked
from wasmarket_cli.developer.desk.source_watch import LOOK_SECONDS
from wasmarket_cli.developer.releases.project_file import FOLDER
from wasmarket_cli.logs import configure_logging
from wasmarket_cli.options import json_option
from wasmarket_cli.output import tell
from wasmarket_cli.wiring import wire

DEFAULT_PORT: Final = 8601
MARKET: Final = "market"
"""In place of a node's URL: the node of the home's settings."""


@click.command()
@click.argument("app", type=click.Path(path_type=Path), default=".")
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=DEFAULT_PORT,
    show_default=True,
    help="Port, 0: any free one",
)
@click.option(
    "--deal", type=click.IntRange(1), default=1, show_default=True, help="Number in its URLs"
)
@click.option("--units", type=click.IntRange(1, 64), default=1, show_default=True, help="Workers")
@click.option("--cors", multiple=True, metavar="ORIGIN", help="Let pages of this origin call")
@click.option("--trust", multiple=True, metavar="URL", help="Let `http` reach this private host")
@click.option("--secret", "secrets", multiple=True, metavar="NAME", help="Ask for this secret")
@click.option(
    "--rpc",
    "nodes",
    multiple=True,
    metavar="URL",
    help=f"Read events of this node's chain; `{MARKET}`: the node of your settings (repeatable)",
)
@json_option
@click.pass_context
def dev(
    ctx: click.Context,
    app: Path,
    port: int,
    deal: int,
    units: int,
    cors: tuple[str, ...],
    trust: tuple[str, ...],
    secrets: tuple[str, ...],
    nodes: tuple[str, ...],
    as_json: bool,
) -> None:
    """Serve APP here over HTTP as a gateway would, without a chain, until Ctrl-C.

    A change of its sources builds it again; a version that does not build or start leaves the one
    before as it is. What its functions log is printed, triggers fire by the clock and by hand, and
    by events of the chains whose nodes you name; the first --rpc stands for the market's chain.

    Secrets are read from .wasmarket/secrets.toml beside app.toml (NAME = "value"), or asked for.
    """
    configure_logging("ERROR")
    values = DeskSecrets(app, ask_secrets(secrets))
    urls = tuple(wire(ctx).chain.rpc if url == MARKET else url for url in nodes)
    built = build_checked(app, tell)
    folder = (app if app.is_dir() else app.parent).resolve() / FOLDER
    _keep_out_of_commits(folder)
    terms = DeskTerms(deal, units, trust, urls)
    place = DeskPlace(folder / "dev", port, cors)
    asyncio.run(_serve(app, built, place, terms, values, DeskEvents(as_json)))


def _keep_out_of_commits(folder: Path) -> None:
    """Say to version control that nothing in the folder is its matter."""
    folder.mkdir(exist_ok=True)
    ignored = folder / ".gitignore"
    if not ignored.exists():
        ignored.write_text(IGNORE)


async def _serve(
    app: Path,
    built: App,
    place: DeskPlace,
    terms: DeskTerms,
    secrets: DeskSecrets,
    events: DeskEvents,
) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)

    def answered(method: str, path: str, status: int, took: float) -> None:
        text = f"{method} {path} → {status} ({took:.1f} ms)"
        events.say("answered", text, method=method, path=path, status=status, ms=round(took, 1))

    async with open_desk(place, terms, answered) as desk:
        session = DeskSession(app, desk, secrets, events, stop)
        desk.peer.set_secrets(secrets.read())
        await desk.switch(built)
        session.show_ready(built)
        loops = Loops(
            TaskLoop("sources", session.look, Pace(LOOK_SECONDS)),
            TaskLoop("secrets", session.look_at_secrets, Pace(LOOK_SECONDS)),
            TaskLoop("problems", session.tell_problems, Pace(LOOK_SECONDS)),
            TaskLoop("log", session.print_log, Pace(LOOK_SECONDS)),
        )
        loops.start()
        if sys.stdin.isatty():
            loop.add_reader(sys.stdin, session.read_key)
        try:
            await stop.wait()
        finally:
            if sys.stdin.isatty():
                loop.remove_reader(sys.stdin)
            await loops.close()
            await session.close()
    events.say("ended", "ended; what its services stored stays in " + str(place.folder))
