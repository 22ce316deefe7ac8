"""Read who gave assignments up, was dropped or evicted: a matcher passes them over."""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from wasmarket.kernel.reasons import EndKind
from wasmarket.store.chain.state import BATCH
from wasmarket.store.tables import AssignmentRow

GIVEN_UP = (EndKind.LEFT, EndKind.DROPPED, EndKind.EVICTED)


@dataclass(frozen=True, slots=True)
class Departure:
    """The latest time (seconds of the chain) at which a peer went from a deal in one way."""

    deal: int
    peer: int
    kind: EndKind
    at: int


def fetch_departures(session: Session, deals: Iterable[int]) -> list[Departure]:
    """Return who left, was dropped from or evicted from these deals while they were alive."""
    wanted = sorted(set(deals))
    keys = (AssignmentRow.deal, AssignmentRow.peer, AssignmentRow.ended_kind)
    found: list[Departure] = []
    for first in range(0, len(wanted), BATCH):
        query = (
            select(*keys, func.max(AssignmentRow.ended_at))
            .where(AssignmentRow.deal.in_(wanted[first : first + BATCH]))
            .where(AssignmentRow.ended_kind.in_(GIVEN_UP))
            .group_by(*keys)
            .order_by(*keys)
        )
        found += [
            Departure(deal, peer, EndKind(kind), at)
            for deal, peer, kind, at in session.execute(query)
            if kind is not None and at is not None
        ]
    return found


def fetch_evictions(session: Session) -> dict[int, int]:
    """Return by peer when it was last evicted from any deal, in seconds of the chain."""
    query = (
        select(AssignmentRow.peer, func.max(AssignmentRow.ended_at))
        .where(AssignmentRow.ended_kind == EndKind.EVICTED)
        .group_by(AssignmentRow.peer)
    )
    return {peer: at for peer, at in session.execute(query) if at is not None}
