"""Read the events of the chain, as a stream that survives reorgs."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Select, func, select, tuple_
from sqlalchemy.orm import Session

from wasmarket.kernel.units import Address, Hash
from wasmarket.store.chain.state import Place
from wasmarket.store.chain.writer import DEPTH
from wasmarket.store.tables import CursorRow, EventRow, OfferClockRow, OrphanRow, ReorgRow
from wasmarket.store.views import Changes, EventView, Position

LAST = 2**62
"""A log index behind every event of a block."""

BEGINNING = "0:0"
"""The id behind which all events come."""

_PLACE = (EventRow.block_number, EventRow.log_index)
_COLUMNS: Any = select(
    *_PLACE,
    EventRow.name,
    EventRow.timestamp,
    EventRow.tx_hash,
    EventRow.data,
    EventRow.branch,
    EventRow.deal,
    EventRow.assignment,
    EventRow.peer,
)


@dataclass(frozen=True, slots=True)
class EventChoice:
    """Which events to read; what is empty or None chooses all."""

    names: Collection[str] = ()
    deal: int | None = None
    assignment: int | None = None
    peer: int | None = None
    account: Address | None = None
    tx_hash: Hash | None = None

    def narrow(self, query: Select[Any]) -> list[Select[Any]]:
        """Return queries that together read what is chosen, each by one index."""
        is_of_one = False
        for column, value in (
            (EventRow.deal, self.deal),
            (EventRow.assignment, self.assignment),
            (EventRow.peer, self.peer),
            (EventRow.tx_hash, self.tx_hash),
        ):
            if value is not None:
                query, is_of_one = query.where(column == value), True
        queries = [query]
        if self.account is not None:
            columns = (EventRow.account, EventRow.other_account)
            queries, is_of_one = [query.where(c == self.account) for c in columns], True
        if not self.names:
            return queries
        if is_of_one:
            return [query.where(EventRow.name.in_(sorted(self.names))) for query in queries]
        return [query.where(EventRow.name == name) for name in sorted(self.names)]


def fetch_latest(session: Session) -> Position:
    """Return the position behind everything that is indexed."""
    block = session.scalar(select(CursorRow.block_number))
    return Position(-1 if block is None else block, LAST, _latest_reorg(session))


def fetch_stamp(session: Session) -> tuple[str | None, int, int]:
    """Return what tells one state of the market from another: block, reorgs, offer clock.

    One question to the database, for whoever asks often.
    """
    block = select(CursorRow.block_hash).scalar_subquery()
    reorg = select(func.max(ReorgRow.id)).scalar_subquery()
    version = select(OfferClockRow.version).scalar_subquery()
    row = session.execute(select(block, reorg, version)).one()
    return row[0], int(row[1] or 0), int(row[2] or 0)


def fetch_position(session: Session, block: int, log_index: int, branch: str = "") -> Position:
    """Return the position behind an event that a reader saw last, on that branch.

    If the event is not the one that is there now, the position says how far to fall back: to where
    the branches part, as far as that is known, else below all that a reorg can replace.
    """
    position = Position(block, log_index, _latest_reorg(session))
    if block == 0:
        return position
    known = session.scalar(
        select(EventRow.branch).where(
            EventRow.block_number == block, EventRow.log_index == log_index
        )
    )
    # What an older version indexed has no branch, and is too deep to be replaced.
    if known == "" or (known is not None and known == branch):
        return position
    return replace(position, fall_back=_find_common(session, block, branch))


def _find_common(session: Session, block: int, branch: str) -> int:
    """Return a block that is of both branches, the newest that is sure to be."""
    head = session.scalar(select(CursorRow.block_number)) or 0
    undone = [
        reorg
        for hash_, reorg in session.execute(
            select(OrphanRow.hash, OrphanRow.reorg).where(OrphanRow.number == block)
        )
        if branch and branch_of(hash_) == branch
    ]
    if undone:
        deepest = select(func.min(ReorgRow.to_block)).where(ReorgRow.id >= max(undone))
        return int(session.scalar(deepest) or 0)
    if abs(head - block) > DEPTH:
        # It should be final, or is of blocks that are not there: another chain's, for all we know.
        return 0
    return max(0, min(block, head) - DEPTH)


def fetch_changes(
    session: Session, position: Position, *, limit: int = 500, chosen: EventChoice | None = None
) -> Changes:
    """Return the events behind a position, or first the reorg to fall back for.

    In a session of `Database.read`: events and reorgs must be of one state.
    """
    reorgs = session.execute(
        select(func.max(ReorgRow.id), func.min(ReorgRow.to_block)).where(
            ReorgRow.id > position.reorg
        )
    ).one()
    latest, to_block = position.reorg, position.block
    if reorgs[0] is not None:
        latest, to_block = int(reorgs[0]), min(to_block, int(reorgs[1]))
    if position.fall_back is not None:
        to_block = min(to_block, position.fall_back)
    if to_block < position.block or position.fall_back is not None:
        return Changes(
            to_block, (), Position(to_block, LAST, latest), _fetch_id_before(session, to_block)
        )
    events = fetch_events(
        session, after=(position.block, position.log_index), limit=limit, chosen=chosen
    )
    place = (position.block, position.log_index)
    if len(events) == limit:
        place = (events[-1].block, events[-1].log_index)
    else:
        # All that is indexed was looked at, also what was not chosen.
        head = session.scalar(select(CursorRow.block_number))
        place = max(place, (-1 if head is None else head, LAST))
    return Changes(None, tuple(events), Position(*place, latest))


def _fetch_id_before(session: Session, block: int) -> str:
    """Return the id of the last event up to a block: whoever resumes there has lost nothing."""
    row = session.execute(
        select(EventRow.block_number, EventRow.log_index, EventRow.branch)
        .where(EventRow.block_number <= block)
        .order_by(EventRow.block_number.desc(), EventRow.log_index.desc())
        .limit(1)
    ).first()
    return BEGINNING if row is None else id_of(*row)


def fetch_events(
    session: Session,
    *,
    after: Place | None = None,
    limit: int | None = 100,
    chosen: EventChoice | None = None,
) -> list[EventView]:
    """Return events in the order of the chain."""
    queries = [_COLUMNS.order_by(*_PLACE).limit(limit)]
    if after is not None:
        queries = [query.where(tuple_(*_PLACE) > after) for query in queries]
    if chosen is not None:
        queries = [narrowed for query in queries for narrowed in chosen.narrow(query)]
    found = {(row[0], row[1]): tuple(row) for query in queries for row in session.execute(query)}
    # Each query gave the first of its own: together the first of all are among them.
    return [EventView(*found[place]) for place in sorted(found)[:limit]]


def fetch_latest_events(
    session: Session, *, before: Place | None = None, limit: int, chosen: EventChoice
) -> list[EventView]:
    """Return events, the newest first; `before`: only those in front of that place."""
    newest = [column.desc() for column in _PLACE]
    query = _COLUMNS.order_by(*newest).limit(limit)
    if before is not None:
        query = query.where(tuple_(*_PLACE) < before)
    rows = [row for narrowed in chosen.narrow(query) for row in session.execute(narrowed)]
    found = {(row[0], row[1]): tuple(row) for row in rows}
    return [EventView(*found[place]) for place in sorted(found, reverse=True)[:limit]]


def id_of(block: int, log_index: int, branch: str) -> str:
    """Return the name of an event in the stream."""
    return f"{block}:{log_index}:{branch}" if branch else f"{block}:{log_index}"


def branch_of(block_hash: str) -> str:
    """Return the part of a block's hash that ids of events carry."""
    return block_hash[2:18]


def _latest_reorg(session: Session) -> int:
    return int(session.scalar(select(func.max(ReorgRow.id))) or 0)
