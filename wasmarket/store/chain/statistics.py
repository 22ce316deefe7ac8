"""Count what the whole market has and did."""

from dataclasses import dataclass

from sqlalchemy import Executable, func, select
from sqlalchemy.orm import Session

from wasmarket.store.enums import AssignmentState
from wasmarket.store.tables import Assignment, Claim, Deal, MatchRecord, Peer
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
            func.count(Peer.provider.distinct()),
            func.count(),
            func.sum(Peer.units),
            func.sum(Peer.used),
        ).select_from(Peer),
    )
    deals, deposited = _row(session, select(func.count(), func.sum(Deal.deposit)).select_from(Deal))
    [live] = _row(
        session,
        select(func.count()).select_from(Deal).where(Deal.stopped.is_(False), Deal.end >= at.epoch),
    )
    [assignments] = _row(session, select(func.count()).select_from(Assignment))
    [active] = _row(
        session,
        select(func.count())
        .select_from(Assignment)
        .where(Assignment.state == AssignmentState.ACTIVE),
    )
    paid, refunded = _row(session, select(func.sum(Claim.paid), func.sum(Claim.refunded)))
    [matches] = _row(
        session, select(func.count()).select_from(MatchRecord).where(MatchRecord.tx.is_not(None))
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
