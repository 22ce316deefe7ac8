"""Read what was matched lately, and how full the regions are: for those who were not chosen."""

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from wasmarket.kernel.units import Address
from wasmarket.store.matching.matches import match_view
from wasmarket.store.matching.views import MatchView
from wasmarket.store.tables import AssignmentRow, BookDocumentRow, EventRow, MatchRecordRow, PeerRow


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
    query = (
        select(MatchRecordRow, EventRow.timestamp, BookDocumentRow.size)
        .join(EventRow, EventRow.tx_hash == MatchRecordRow.tx)
        .join(BookDocumentRow, BookDocumentRow.digest == MatchRecordRow.book)
        .where(
            EventRow.name == "Matched",
            EventRow.deal == MatchRecordRow.deal,
            EventRow.timestamp >= since,
        )
        .order_by(MatchRecordRow.id.desc())
        .limit(limit)
    )
    return [MinedMatch(match_view(row), at, size) for row, at, size in session.execute(query)]


def fetch_region_fills(session: Session, provider: Address, since: int) -> list[RegionFill]:
    """Return the regions in which a provider has peers, by number."""
    own = _sum_peers(session, provider)
    everybody = _sum_peers(session, None)
    matched = _sum_matched(session, since, None)
    won = _sum_matched(session, since, provider)
    return [
        RegionFill(
            region, *everybody[region], *own[region], matched.get(region, 0), won.get(region, 0)
        )
        for region in sorted(own)
    ]


def _sum_peers(session: Session, provider: Address | None) -> dict[int, tuple[int, int]]:
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
        .where(AssignmentRow.assigned_at >= since)
        .group_by(PeerRow.region)
    )
    if provider is not None:
        query = query.where(PeerRow.provider == provider)
    return {region: int(units) for region, units in session.execute(query)}
