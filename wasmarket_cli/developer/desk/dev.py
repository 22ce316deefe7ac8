"""`wasmarket dev`: serve an app here without a chain, again at each change of its sources."""

import asyncio
import json
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click

from wasmarket.app.file import App
from wasmarket.kernel.errors import MarketError
from wasmarket.serving.daemon import Loops, Pace, TaskLoop
from wasmarket_cli.building.build import build_app
from wasmarket_cli.developer.apps.app_check import check_app, warn_of_envs
from wasmarket_cli.developer.desk.desk_front import describe, find_trigger
from wasmarket_cli.developer.desk.desk_peer import DeskTerms
from wasmarket_cli.developer.desk.desk_server import Desk, DeskPlace, open_desk
from wasmarket_cli.developer.desk.source_watch import LOOK_SECONDS, SourceWatch
from wasmarket_cli.developer.releases.project_file import FOLDER
from wasmarket_cli.logs import configure_logging
from wasmarket_cli.options import json_option
from wasmarket_cli.output import print_line, say, tell

DEFAULT_PORT: Final = 8601
KEYS: Final = "a number and Enter fires that trigger, r builds again, q ends"


@dataclass(frozen=True, slots=True)
class DeskEvents:
    """Says what happens: in words, or as one JSON object a line."""

    as_json: bool

    def say(self, event: str, words: str, /, **facts: Any) -> None:
        """Tell of one event."""
        if self.as_json:
            print_line(event=event, **facts)
        else:
            say(words)


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
@json_option
def dev(
    app: Path,
    port: int,
    deal: int,
    units: int,
    cors: tuple[str, ...],
    trust: tuple[str, ...],
    as_json: bool,
) -> None:
    """Serve APP here over HTTP as a gateway would, without a chain, until Ctrl-C.

    A change of its sources builds it again; a version that does not build or start leaves the one
    before as it is. What its functions log is printed, triggers fire by the clock and by hand.
    """
    configure_logging("ERROR")
    built = _build(app, tell)
    folder = app if app.is_dir() else app.parent
    place = DeskPlace(folder.resolve() / FOLDER / "dev", port, cors)
    terms = DeskTerms(deal, units, trust)
    asyncio.run(_serve(app, built, place, terms, DeskEvents(as_json)))


def _build(app: Path, told: Callable[[str], None]) -> App:
    built = build_app(app, told)
    check_app(built)
    warn_of_envs(built)
    return built


async def _serve(
    app: Path, built: App, place: DeskPlace, terms: DeskTerms, events: DeskEvents
) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)

    def answered(method: str, path: str, status: int, took: float) -> None:
        text = f"{method} {path} → {status} ({took:.1f} ms)"
        events.say("answered", text, method=method, path=path, status=status, ms=round(took, 1))

    async with open_desk(place, terms, answered) as desk:
        session = _Session(app, desk, events, stop)
        await desk.switch(built)
        session.show_ready(built)
        loops = Loops(
            TaskLoop("sources", session.look, Pace(LOOK_SECONDS)),
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


class _Session:
    """One run of `wasmarket dev`."""

    def __init__(self, app: Path, desk: Desk, events: DeskEvents, stop: asyncio.Event) -> None:
        self._app = app
        self._desk = desk
        self._events = events
        self._stop = stop
        self._watch = SourceWatch(app)
        self._must_build = False
        self._firing: set[asyncio.Task[None]] = set()

    def show_ready(self, built: App) -> None:
        """Say where the app is reached, and how."""
        desk, deal = self._desk, self._desk.terms.deal
        self._events.say(
            "ready",
            f"{built.manifest.name} at {desk.url}, as deal {deal}:",
            ready=True,
            url=desk.url,
            deal=deal,
            app=built.app,
        )
        if self._events.as_json:
            return
        if built.manifest.site is not None:
            say(f"  {desk.url}/{deal}/")
        for service, interface in check_app(built).items():
            for function in interface["functions"]:
                names = ", ".join(f"{a['name']}: {a['type']}" for a in function["arguments"])
                path = f"/v1/deals/{deal}/{service}/{function['name']}"
                say(f"  POST {desk.url}{path}  ({names})")
        for number, trigger in enumerate(desk.list_triggers(), 1):
            found = describe(number, trigger)
            called = f"{trigger.service}.{trigger.function}"
            say(f"  trigger {number}: {found['kind']} {found['when']} {called}")
        if sys.stdin.isatty():
            say(f"  {KEYS}")

    async def look(self) -> None:
        """Build and switch if the sources have changed."""
        changed = await asyncio.to_thread(self._watch.has_settled_change)
        if not changed and not self._must_build:
            return
        self._must_build = False
        try:
            built = await asyncio.to_thread(_build, self._app, tell)
            await self._desk.switch(built)
        except MarketError as error:
            hint = f"\n  hint: {error.remedy}" if error.remedy else ""
            self._events.say(
                "kept",
                f"the version before goes on: {error.detail}{hint}",
                why=error.detail,
                remedy=error.remedy,
            )
            return
        self._events.say("reloaded", f"reloaded {built.manifest.name}", app=built.app)

    async def print_log(self) -> None:
        """Print what the functions log, as it comes."""
        async for line in self._desk.peer.hosted.tally.log.follow(0):
            text = f"  {line.level:<5} {line.function}: {line.text}"
            facts = {"function": line.function, "level": line.level, "text": line.text}
            self._events.say("log", text, **facts)

    def read_key(self) -> None:
        """Do what a line on the terminal says."""
        text = sys.stdin.readline()
        word = text.strip()
        if not text or word == "q":
            self._stop.set()
        elif word == "r":
            self._must_build = True
        elif word:
            task = asyncio.ensure_future(self._fire(word))
            self._firing.add(task)
            task.add_done_callback(self._firing.discard)

    async def close(self) -> None:
        """Let firings that run end."""
        await asyncio.gather(*self._firing, return_exceptions=True)

    async def _fire(self, name: str) -> None:
        try:
            recorded = await self._desk.fire(find_trigger(self._desk.list_triggers(), name))
        except MarketError as error:
            say(f"{error.detail} ({KEYS})")
            return
        say(f"trigger {name} answered {json.dumps(json.loads(recorded.output)['result'])}")
