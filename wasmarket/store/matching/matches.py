"""Keep match records."""

import json

from sqlalchemy import select
from sqlalchemy.orm import Session

from wasmarket.kernel.errors import NotFound
from wasmarket.kernel.units import DealId, Hash
from wasmarket.store.matching.views import MatchDraft, MatchView
from wasmarket.store.tables import MatchRecordRow


def add_match(session: Session, draft: MatchDraft) -> int:
    """Keep a match as computed, its book first; returns its number."""
    row = MatchRecordRow(
        engine=draft.engine,
        block=draft.block,
        block_hash=draft.block_hash,
        book=draft.book,
        offer=draft.offer,
        deal=draft.deal,
        offers=json.dumps(draft.offers),
        fills=json.dumps(draft.fills),
        total=draft.total,
        saving=draft.saving,
        bound=draft.bound,
        gap_ppm=draft.gap_ppm,
        tx=None,
    )
    session.add(row)
    session.flush()
    return row.id


def set_match_tx(session: Session, match: int, tx: Hash, deal: DealId | None = None) -> None:
    """Record by which transaction a match went on chain, and its deal. Raises NotFound."""
    row = _get(session, match)
    row.tx = tx
    if deal is not None:
        row.deal = deal
    session.flush()


def fetch_match(session: Session, match: int) -> MatchView:
    """Return one match record. Raises NotFound."""
    return match_view(_get(session, match))


def fetch_matches(
    session: Session,
    *,
    deal: int | None = None,
    offer: Hash | None = None,
    after: int = 0,
    limit: int | None = 100,
) -> list[MatchView]:
    """Return match records by number."""
    query = (
        select(MatchRecordRow)
        .where(MatchRecordRow.id > after)
        .order_by(MatchRecordRow.id)
        .limit(limit)
    )
    if deal is not None:
        query = query.where(MatchRecordRow.deal == deal)
    if offer is not None:
        query = query.where(MatchRecordRow.offer == offer)
    return [match_view(row) for row in session.scalars(query)]


def fetch_latest_matches(
    session: Session, *, before: int | None = None, limit: int
) -> list[MatchView]:
    """Return match records, the newest first; `before`: only those with a smaller number."""
    query = select(MatchRecordRow).order_by(MatchRecordRow.id.desc()).limit(limit)
    if before is not None:
        query = query.where(MatchRecordRow.id < before)
    return [match_view(row) for row in session.scalars(query)]


def _get(session: Session, match: int) -> MatchRecordRow:
    row = session.get(MatchRecordRow, match)
    if row is None:
        raise NotFound(
            f"there is no match {match}",
            field="match",
            remedy="take a number of the deal's matches: this matcher has records of its own alone",
        )
    return row


def match_view(row: MatchRecordRow) -> MatchView:
    """Return a row as a value."""
    return MatchView(
        id=row.id,
        engine=row.engine,
        block=row.block,
        block_hash=row.block_hash,
        book=row.book,
        offer=row.offer,
        offers=json.loads(row.offers),
        fills=json.loads(row.fills),
        total=row.total,
        saving=row.saving,
        bound=row.bound,
        gap_ppm=row.gap_ppm,
        deal=row.deal,
        tx=row.tx,
    )
