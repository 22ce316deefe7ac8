"""Read what was matched lately, and how full the regions are: for those who were not chosen."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from wasmarket.kernel.units import Address
from wasmarket.store.chain.table_scan import find_assignment_since
from wasmarket.store.matching.matches import match_view
from wasmarket.store.matching.views import MatchView
from wasmarket.store.tables import AssignmentRow, BookDocumentRow, EventRow, MatchRecordRow, PeerRow
from wasmarket.store.views import Indexed

RegionSums = dict[int, tuple[int, int]]

PAGE = 200
MOST_PAGES = 20
"""Records that are looked at together, and how often."""


@dataclass(frozen=True, slots=True)
class MinedMatch:
    """A match record, the time (seconds of the chain) of its transaction, the bytes of its book."""

    record: MatchView
    mined_at: int
    book_size: int


@dataclass(frozen=True, slots=True)
class RegionFill:
    """Units of a region: all that are for sale and used, those of one provider; and how many were
    matched since some time, by anybody (`matched`) and of that provider (`won`)."""

    region: int
    market_units: int
    market_used: int
    units: int
    used: int
    matched: int
    won: int


def fetch_mined_matches(session: Session, since: int, limit: int) -> list[MinedMatch]:
    """Return the records of matches mined since a time, newest first."""
    mined: list[MinedMatch] = []
    before: int | None = None
    for _ in range(MOST_PAGES):
        newest = select(MatchRecordRow.id).order_by(MatchRecordRow.id.desc()).limit(PAGE)
        page = session.scalars(
            newest if before is None else newest.where(MatchRecordRow.id < before)
        )
        ids = page.all()
        if not ids:
            break
        found = _fetch_mined(session, ids)
        mined += [entry for entry in found if entry.mined_at >= since]
        # They are mined nearly in the order of their numbers.
        if len(mined) >= limit or (found and all(entry.mined_at < since for entry in found)):
            break
        before = ids[-1]
    return mined[:limit]


def _fetch_mined(session: Session, ids: Sequence[int]) -> list[MinedMatch]:
    """Return which of some records were mined, newest first."""
    query = (
        select(MatchRecordRow, EventRow.timestamp, BookDocumentRow.size)
        .join(EventRow, EventRow.tx_hash == MatchRecordRow.tx)
        .join(BookDocumentRow, BookDocumentRow.digest == MatchRecordRow.book)
        .where(
            MatchRecordRow.id.in_(ids),
            EventRow.name == "Matched",
            EventRow.deal == MatchRecordRow.deal,
        )
        .order_by(MatchRecordRow.id.desc())
    )
    return [MinedMatch(match_view(row), at, size) for row, at, size in session.execute(query)]


def fetch_region_fills(
    session: Session, provider: Address, since: int, everybody: RegionSums
) -> list[RegionFill]:
    """Return the regions in which a provider has peers, by number; `everybody`'s peers are known
    from `fetch_region_sums`."""
    own = _sum_peers(session, provider)
    matched = _sum_matched(session, since, None)
    won = _sum_matched(session, since, provider)
    return [
        RegionFill(
            region,
            *everybody.get(region, own[region]),
            *own[region],
            matched.get(region, 0),
            won.get(region, 0),
        )
        for region in sorted(own)
    ]


def fetch_region_sums(session: Session, _at: Indexed) -> RegionSums:
    """Return the units of all peers, and how many of them are used, by region."""
    return _sum_peers(session, None)


def _sum_peers(session: Session, provider: Address | None) -> RegionSums:
    query = select(PeerRow.region, func.sum(PeerRow.units), func.sum(PeerRow.used)).group_by(
        PeerRow.region
    )
    if provider is not None:
        query = query.where(PeerRow.provider == provider)
    return {region: (int(units), int(used)) for region, units, used in session.execute(query)}


def _sum_matched(session: Session, since: int, provider: Address | None) -> dict[int, int]:
    query = (
        select(PeerRow.region, func.sum(AssignmentRow.units))
        .join(AssignmentRow, AssignmentRow.peer == PeerRow.id)
        .where(
            AssignmentRow.id >= find_assignment_since(session, since),
            AssignmentRow.assigned_at >= since,
        )
        .group_by(PeerRow.region)
    )
    if provider is not None:
        query = query.where(PeerRow.provider == provider)
    return {region: int(units) for region, units in session.execute(query)}
