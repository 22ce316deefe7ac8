"""Read the events of the chain, as a stream that survives reorgs."""

from collections.abc import Sequence

from sqlalchemy import func, select, tuple_
from sqlalchemy.orm import Session

from wasmarket.kernel.units import Hash
from wasmarket.store.chain.state import Place
from wasmarket.store.tables import CursorRow, EventRow, OfferClockRow, ReorgRow
from wasmarket.store.views import Changes, EventView, Position

LAST = 2**62
"""A log index behind every event of a block."""


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


def fetch_position(session: Session, block: int, log_index: int) -> Position:
    """Return the position behind an event that a reader saw last.

    The id does not tell the branch: a reader that was away during a reorg of that very block
    should begin some blocks earlier.
    """
    return Position(block, log_index, _latest_reorg(session))


def fetch_changes(session: Session, position: Position, *, limit: int = 500) -> Changes:
    """Return the events behind a position, or first the reorg to fall back for.

    In a session of `Database.read`: events and reorgs must be of one state.
    """
    reorgs = session.execute(
        select(func.max(ReorgRow.id), func.min(ReorgRow.to_block)).where(
            ReorgRow.id > position.reorg
        )
    ).one()
    latest = position.reorg
    if reorgs[0] is not None:
        latest, to_block = int(reorgs[0]), int(reorgs[1])
        if to_block < position.block:
            return Changes(to_block, (), Position(to_block, LAST, latest))
    events = fetch_events(session, after=(position.block, position.log_index), limit=limit)
    if events:
        position = Position(events[-1].block, events[-1].log_index, latest)
    else:
        position = Position(position.block, position.log_index, latest)
    return Changes(None, tuple(events), position)


def fetch_events(
    session: Session,
    *,
    after: Place | None = None,
    names: Sequence[str] = (),
    deal: int | None = None,
    assignment: int | None = None,
    tx_hash: Hash | None = None,
    limit: int | None = 100,
) -> list[EventView]:
    """Return events in the order of the chain."""
    place = (EventRow.block_number, EventRow.log_index)
    query = (
        select(*place, EventRow.name, EventRow.timestamp, EventRow.tx_hash, EventRow.data)
        .order_by(*place)
        .limit(limit)
    )
    if after is not None:
        query = query.where(tuple_(*place) > after)
    if names:
        query = query.where(EventRow.name.in_(names))
    for column, value in (
        (EventRow.deal, deal),
        (EventRow.assignment, assignment),
        (EventRow.tx_hash, tx_hash),
    ):
        if value is not None:
            query = query.where(column == value)
    return [EventView(*row) for row in session.execute(query)]


def _latest_reorg(session: Session) -> int:
    return int(session.scalar(select(func.max(ReorgRow.id))) or 0)
