"""Count what the whole market has and did."""

from dataclasses import dataclass

from sqlalchemy import Executable, func, select
from sqlalchemy.orm import Session

from wasmarket.store.enums import RUNNING_STATES
from wasmarket.store.tables import AssignmentRow, ClaimRow, DealRow, MatchRecordRow, PeerRow
from wasmarket.store.views import Indexed


@dataclass(frozen=True, slots=True)
class Statistics:
    """Totals as of a block; money in USDC base units.

    `live_deals` are those that are neither stopped nor over, `deposited` what developers put into
    deals when they were made, `paid` and `refunded` what claims gave, `matches` this store's own.
    """

    providers: int
    peers: int
    units: int
    used: int
    deals: int
    live_deals: int
    deposited: int
    assignments: int
    active: int
    paid: int
    refunded: int
    matches: int


def fetch_statistics(session: Session, at: Indexed) -> Statistics:
    """Return the totals."""
    providers, peers, units, used = _row(
        session,
        select(
            func.count(PeerRow.provider.distinct()),
            func.count(),
            func.sum(PeerRow.units),
            func.sum(PeerRow.used),
        ).select_from(PeerRow),
    )
    deals, deposited = _row(
        session, select(func.count(), func.sum(DealRow.deposit)).select_from(DealRow)
    )
    [live] = _row(
        session,
        select(func.count())
        .select_from(DealRow)
        .where(DealRow.stopped.is_(False), DealRow.end >= at.epoch),
    )
    [assignments] = _row(session, select(func.count()).select_from(AssignmentRow))
    [active] = _row(
        session,
        select(func.count())
        .select_from(AssignmentRow)
        .where(AssignmentRow.state.in_(RUNNING_STATES)),
    )
    paid, refunded = _row(session, select(func.sum(ClaimRow.paid), func.sum(ClaimRow.refunded)))
    [matches] = _row(
        session,
        select(func.count()).select_from(MatchRecordRow).where(MatchRecordRow.tx.is_not(None)),
    )
    return Statistics(
        providers=providers,
        peers=peers,
        units=units,
        used=used,
        deals=deals,
        live_deals=live,
        deposited=deposited,
        assignments=assignments,
        active=active,
        paid=paid,
        refunded=refunded,
        matches=matches,
    )


def _row(session: Session, query: Executable) -> list[int]:
    return [int(value or 0) for value in session.execute(query).one()]
