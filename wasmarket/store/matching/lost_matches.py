"""Keep the matches that the chain refused, and say who was faster."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.orm import Session

from wasmarket.kernel.units import Address, BlockNumber, Hash
from wasmarket.store.enums import DealChangeKind
from wasmarket.store.tables import DealChangeRow, DealRow, LostMatchRow

KEPT = 100
"""Rows; their numbers go on counting."""


@dataclass(frozen=True, slots=True)
class LostMatchView:
    """A match of an offer, computed as of `block`, that was refused; who matched it, and when."""

    offer: Hash
    reason: str
    block: BlockNumber
    winner: Address | None
    won_in: BlockNumber | None


def add_lost_match(session: Session, offer: Hash, reason: str, block: BlockNumber) -> None:
    """Keep a refused match of an offer, computed as of `block`. Only the elected sender writes."""
    number = _count(session) + 1
    session.add(LostMatchRow(number=number, offer=offer, reason=reason, block=block))
    session.flush()
    session.execute(delete(LostMatchRow).where(LostMatchRow.number <= number - KEPT))


def fetch_lost_matches(
    session: Session, account: Address, *, limit: int
) -> tuple[int, list[LostMatchView]]:
    """Return how many were lost ever, and the newest with whoever but `account` matched the offer
    next, as far as that is indexed."""
    query = (
        select(
            LostMatchRow,
            _next_match(DealChangeRow.by, account).label("winner"),
            _next_match(DealChangeRow.block_number, account).label("won_in"),
        )
        .order_by(LostMatchRow.number.desc())
        .limit(limit)
    )
    lost = [
        LostMatchView(row.offer, row.reason, row.block, winner, won_in)
        for row, winner, won_in in session.execute(query)
    ]
    return _count(session), lost


def _count(session: Session) -> int:
    return session.scalar(select(func.max(LostMatchRow.number))) or 0


def _next_match(column: Any, account: Address) -> ColumnElement[Any]:
    """Return in SQL a column of the first match by another behind a lost one's block."""
    return (
        select(column)
        .join(DealRow, DealRow.id == DealChangeRow.deal)
        .where(
            DealRow.offer == LostMatchRow.offer,
            DealChangeRow.kind == DealChangeKind.MATCHED,
            DealChangeRow.by != account,
            DealChangeRow.block_number > LostMatchRow.block,
        )
        .order_by(DealChangeRow.block_number, DealChangeRow.log_index)
        .limit(1)
        .correlate(LostMatchRow)
        .scalar_subquery()
    )
