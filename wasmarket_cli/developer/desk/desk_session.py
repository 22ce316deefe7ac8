"""One run of `wasmarket dev`: what is said, what a change of the sources does, keys and firings."""

import asyncio
import json
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from wasmarket.app.file import App
from wasmarket.kernel.errors import MarketError
from wasmarket_cli.building.build import build_app
from wasmarket_cli.developer.apps.app_check import check_app, warn_of_app
from wasmarket_cli.developer.arguments import parse_event
from wasmarket_cli.developer.desk.desk_front import describe, find_trigger
from wasmarket_cli.developer.desk.desk_secrets import DeskSecrets
from wasmarket_cli.developer.desk.desk_server import Desk
from wasmarket_cli.developer.desk.source_watch import SourceWatch
from wasmarket_cli.output import print_line, say, tell

KEYS: Final = (
    "a number and Enter fires that trigger (with its event behind it, as JSON, where it waits for"
    " one), r builds again, q ends"
)


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


def build_checked(app: Path, told: Callable[[str], None]) -> App:
    built = build_app(app, told)
    check_app(built)
    warn_of_app(built)
    return built


class DeskSession:
    """One run of `wasmarket dev`."""

    def __init__(
        self,
        app: Path,
        desk: Desk,
        secrets: DeskSecrets,
        events: DeskEvents,
        stop: asyncio.Event,
    ) -> None:
        self._app = app
        self._desk = desk
        self._secrets = secrets
        self._wanted: tuple[str, ...] = ()
        self._problems: dict[str, str] = {}
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
        self._wanted = built.manifest.effectors.secrets
        self._tell_secrets(self._secrets.read())
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
            say(f"  trigger {number}: {found['kind']} {found['when']} {trigger.target}")
        if sys.stdin.isatty():
            say(f"  {KEYS}")

    async def look(self) -> None:
        """Build and switch if the sources have changed."""
        changed = await asyncio.to_thread(self._watch.has_settled_change)
        if not changed and not self._must_build:
            return
        self._must_build = False
        try:
            built = await asyncio.to_thread(build_checked, self._app, tell)
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
        if built.manifest.effectors.secrets != self._wanted:
            self._wanted = built.manifest.effectors.secrets
            self._tell_secrets(self._secrets.read())

    async def look_at_secrets(self) -> None:
        """Hand out the secrets again if their file has changed."""
        if not self._secrets.take_change():
            return
        try:
            found = self._secrets.read()
        except MarketError as error:
            text = f"the secrets stay as they were: {error.detail}"
            self._events.say("secrets-kept", text, why=error.detail, remedy=error.remedy)
            return
        self._desk.peer.set_secrets(found)
        names = sorted(found)
        self._events.say("secrets", f"secrets: {', '.join(names) or 'none'}", names=names)
        self._tell_secrets(found)

    async def tell_problems(self) -> None:
        """Say of which triggers the events cannot be read, once for each reason."""
        desk = self._desk
        records = desk.peer.process.triggers.list_records(desk.terms.deal)
        for number, record in enumerate(records, 1):
            key, problem = record.trigger.key, record.problem
            if problem and problem != self._problems.get(key):
                text = f"trigger {number} waits for events that are not read: {problem}"
                self._events.say("unread", text, number=number, key=key, why=problem)
            self._problems[key] = problem

    def _tell_secrets(self, found: Iterable[str]) -> None:
        for problem in self._secrets.list_problems(self._wanted, found):
            self._events.say("secret-problem", f"warning: {problem}", why=problem)

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

    async def _fire(self, line: str) -> None:
        name, _, event = line.partition(" ")
        try:
            trigger = find_trigger(self._desk.list_triggers(), name)
            recorded = await self._desk.fire(trigger, parse_event(event) if event else None)
        except MarketError as error:
            say(f"{error.detail} ({error.remedy or KEYS})")
            return
        say(f"trigger {name} answered {json.dumps(json.loads(recorded.output)['result'])}")
