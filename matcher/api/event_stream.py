"""Market events as a server-sent stream that can be resumed at any event."""

import asyncio
import json
import re
from collections.abc import AsyncIterator

from starlette.concurrency import run_in_threadpool

from wasmarket.kernel.errors import InvalidInput
from wasmarket.kernel.events import EVENTS
from wasmarket.kernel.units import Address
from wasmarket.store.chain.events import (
    EventChoice,
    fetch_changes,
    fetch_latest,
    fetch_position,
    fetch_stamp,
    id_of,
)
from wasmarket.store.database import Database
from wasmarket.store.views import Changes, EventView, Position

EVENT_NAMES = frozenset(kind.__name__ for kinds in EVENTS.values() for kind in kinds)
KEEP_ALIVE_SECONDS = 15.0
LOOK_SECONDS = 0.1
"""How often all streams together look whether anything is new."""
_ID = re.compile(r"(?P<block>[0-9]{1,18}):(?P<index>[0-9]{1,18})(:(?P<branch>[0-9a-f]{16}))?")


def read_choice(
    names: str, deal: int | None = None, peer: int | None = None, account: Address | None = None
) -> EventChoice:
    """Read which events are wanted; `names` are separated by commas.

    Raises InvalidInput for an unknown name.
    """
    chosen = frozenset(filter(None, (name.strip() for name in names.split(","))))
    for name in sorted(chosen - EVENT_NAMES):
        raise InvalidInput(
            f"no contract has an event {name!r}",
            field="names",
            remedy=f"name some of {', '.join(sorted(EVENT_NAMES))}",
        )
    return EventChoice(chosen, deal=deal, peer=peer, account=account)


def find_position(database: Database, last_event_id: str | None) -> Position:
    """Return where to begin: behind that event, or now. Raises InvalidInput.

    An event that is no longer there, or that is not known to be, makes a reorg come first.
    """
    with database.read() as session:
        if last_event_id is None:
            return fetch_latest(session)
        match = _ID.fullmatch(last_event_id)
        if match is None:
            raise InvalidInput(
                "Last-Event-ID is not block:log_index:branch",
                field="Last-Event-ID",
                remedy="send the id of the last event you have seen, 0:0 for all, or none",
            )
        return fetch_position(
            session, int(match["block"]), int(match["index"]), match["branch"] or ""
        )


class News:
    """Whether anything is new in the store, asked once for however many streams there are."""

    def __init__(self, database: Database, seconds: float = LOOK_SECONDS) -> None:
        """Ask at most every `seconds`."""
        self._database = database
        self.seconds = seconds
        self._due = 0.0
        self._stamp: tuple[str | None, int, int] | None = None

    async def read_stamp(self) -> tuple[str | None, int, int] | None:
        """Return what tells one state of the store from the next; it may be `seconds` old."""
        now = asyncio.get_running_loop().time()
        if now >= self._due:
            # Before it is asked, so that others do not ask as well.
            self._due = now + self.seconds
            self._stamp = await run_in_threadpool(self._fetch)
        return self._stamp

    def _fetch(self) -> tuple[str | None, int, int]:
        with self._database.read() as session:
            return fetch_stamp(session)


async def stream(
    news: News,
    database: Database,
    position: Position,
    chosen: EventChoice,
    *,
    keep_alive: float = KEEP_ALIVE_SECONDS,
) -> AsyncIterator[str]:
    """Yield events as text of the stream, without end, soon after they are indexed."""
    yield ": welcome\n\n"
    quiet = 0.0
    seen = None
    while True:
        stamp = await news.read_stamp()
        text = ""
        if stamp is None or stamp != seen:
            changes = await run_in_threadpool(_fetch, database, position, chosen)
            position = changes.position
            text = render(changes)
        if text:
            quiet = 0.0
            yield text
        else:
            # Only what came after all that was sent can be new.
            seen = stamp
            await asyncio.sleep(news.seconds)
            quiet += news.seconds
            if quiet >= keep_alive:
                quiet = 0.0
                yield ": still here\n\n"


def render(changes: Changes) -> str:
    """Write what came after a position as text of the stream."""
    if changes.reorg_to is not None:
        data = json.dumps({"block": changes.reorg_to})
        return f"id: {changes.resume_id}\nevent: reorg\ndata: {data}\n\n"
    return "".join(_render(event) for event in changes.events)


def _render(event: EventView) -> str:
    subjects = {"deal": event.deal, "assignment": event.assignment, "peer": event.peer}
    about = {name: value for name, value in subjects.items() if value is not None}
    place = {
        "block": event.block,
        "log_index": event.log_index,
        "tx": event.tx_hash,
        "timestamp": event.timestamp,
    }
    text = json.dumps(about | json.loads(event.data) | place, separators=(",", ":"))
    event_id = id_of(event.block, event.log_index, event.branch)
    return f"id: {event_id}\nevent: {event.name}\ndata: {text}\n\n"


def _fetch(database: Database, position: Position, chosen: EventChoice) -> Changes:
    with database.read() as session:
        return fetch_changes(session, position, chosen=chosen)
