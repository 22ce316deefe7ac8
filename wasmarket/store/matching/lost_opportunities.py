"""Read what was matched lately, and how full the regions are: for those who were not chosen."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from wasmarket.kernel.units import Address
from wasmarket.store.matching.matches import match_view
from wasmarket.store.matching.views import MatchView
from wasmarket.store.tables import AssignmentRow, BookDocumentRow, EventRow, MatchRecordRow, PeerRow

RegionSums = Mapping[int, tuple[int, int]]
"""Units of peers, and how many of them are used, by region."""

LOOKED_AT = 1_000
"""Of so many of the newest records: some were lost, or were never mined."""


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
    """Return the records of matches mined since a time, newest first; of the newest records."""
    row = MatchRecordRow
    newest = session.scalar(select(func.max(row.id))) or 0
    query = (
        select(row, EventRow.timestamp, BookDocumentRow.size)
        .join(EventRow, EventRow.tx_hash == row.tx)
        .join(BookDocumentRow, BookDocumentRow.digest == row.book)
        .where(
            row.id > newest - LOOKED_AT,
            # By the transaction alone, records from the newest back: others have many events.
            EventRow.name.concat("") == "Matched",
            EventRow.deal + 0 == row.deal,
            EventRow.timestamp >= since,
        )
        .order_by(row.id.desc())
        .limit(limit)
    )
    return [MinedMatch(match_view(found), at, size) for found, at, size in session.execute(query)]


def fetch_region_fills(
    session: Session, provider: Address, since: int, everybody: RegionSums, own: RegionSums
) -> list[RegionFill]:
    """Return the regions in which a provider has peers, by number, with what was matched there;
    what everybody's and its `own` peers have is known."""
    row, is_own = AssignmentRow, PeerRow.provider == provider
    query = (
        select(PeerRow.region, func.sum(row.units), func.sum(case((is_own, row.units), else_=0)))
        .join(row, row.peer == PeerRow.id)
        .where(row.assigned_at >= since)
        .group_by(PeerRow.region)
    )
    matched = {region: (int(units), int(won)) for region, units, won in session.execute(query)}
    return [
        RegionFill(region, *everybody[region], *own[region], *matched.get(region, (0, 0)))
        for region in sorted(own)
    ]
