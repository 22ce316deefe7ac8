"""Market events as a server-sent stream that can be resumed at any event."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool

from wasmarket.kernel.errors import InvalidInput
from wasmarket.kernel.events import EVENTS
from wasmarket.store.chain.events import fetch_changes, fetch_latest, fetch_position
from wasmarket.store.database import Database
from wasmarket.store.views import Changes, EventView, Position

EVENT_NAMES = frozenset(kind.__name__ for kinds in EVENTS.values() for kind in kinds)
KEEP_ALIVE_SECONDS = 15.0
_PLACE = re.compile(r"[0-9]{1,18}|4611686018427387904")


@dataclass(frozen=True, slots=True)
class Filter:
    """Which events to send; empty and None: all."""

    names: Collection[str] = ()
    deal: int | None = None

    def wants(self, event: EventView, data: dict[str, object]) -> bool:
        """Whether the event is to be sent."""
        if self.names and event.name not in self.names:
            return False
        return self.deal is None or data.get("deal") == self.deal


def read_filter(names: str, deal: int | None) -> Filter:
    """Read a filter; `names` are separated by commas. Raises InvalidInput for an unknown name."""
    chosen = frozenset(filter(None, (name.strip() for name in names.split(","))))
    for name in sorted(chosen - EVENT_NAMES):
        raise InvalidInput(
            f"no contract has an event {name!r}",
            field="names",
            remedy=f"name some of {', '.join(sorted(EVENT_NAMES))}",
        )
    return Filter(chosen, deal)


def find_position(database: Database, last_event_id: str | None) -> Position:
    """Return where to begin: after that event, or now. Raises InvalidInput."""
    with database.read() as session:
        if last_event_id is None:
            return fetch_latest(session)
        block, _, index = last_event_id.partition(":")
        if not (_PLACE.fullmatch(block) and _PLACE.fullmatch(index)):
            raise InvalidInput(
                "Last-Event-ID is not block:log_index",
                field="Last-Event-ID",
                remedy="send the id of the last event you have seen, or none",
            )
        return fetch_position(session, int(block), int(index))


async def stream(
    database: Database,
    position: Position,
    chosen: Filter,
    *,
    interval: float,
    keep_alive: float = KEEP_ALIVE_SECONDS,
) -> AsyncIterator[str]:
    """Yield events as text of the stream, for ever; looks for news every `interval` seconds."""
    yield ": welcome\n\n"
    quiet = 0.0
    while True:
        changes = await run_in_threadpool(_fetch, database, position)
        position = changes.position
        text = render(changes, chosen)
        if text:
            quiet = 0.0
            yield text
        elif not changes.events and changes.reorg_to is None:
            await asyncio.sleep(interval)
            quiet += interval
            if quiet >= keep_alive:
                quiet = 0.0
                yield ": still here\n\n"


def render(changes: Changes, chosen: Filter) -> str:
    """Write what came after a position as text of the stream."""
    if changes.reorg_to is not None:
        at = changes.position
        head = f"id: {at.block}:{at.log_index}\nevent: reorg\n"
        return head + f"data: {json.dumps({'block': changes.reorg_to})}\n\n"
    return "".join(_render(event, chosen) for event in changes.events)


def _render(event: EventView, chosen: Filter) -> str:
    data = json.loads(event.data)
    if not chosen.wants(event, data):
        return ""
    place = {
        "block": event.block,
        "log_index": event.log_index,
        "tx": event.tx_hash,
        "timestamp": event.timestamp,
    }
    text = json.dumps(data | place, separators=(",", ":"))
    return f"id: {event.id}\nevent: {event.name}\ndata: {text}\n\n"


def _fetch(database: Database, position: Position) -> Changes:
    with database.read() as session:
        return fetch_changes(session, position)
