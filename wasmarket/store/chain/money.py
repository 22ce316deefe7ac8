"""Read what moved, by whose it was and since when: claims, vouchers, changes of deals."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.orm import Session

from wasmarket.kernel.units import Address
from wasmarket.store.audit_views import RedemptionView
from wasmarket.store.chain.deals import view_change
from wasmarket.store.chain.history import page_by_place, view_claim, view_redemption
from wasmarket.store.chain.state import Place
from wasmarket.store.chain.table_scan import find_block_since
from wasmarket.store.tables import ClaimRow, DealChangeRow, DealRow, RedemptionRow
from wasmarket.store.views import ClaimView, DealChangeView

FEW = 200
"""Deals of one developer that are asked for by number."""


@dataclass(frozen=True, slots=True)
class MoneyChoice:
    """What to read; None chooses all. `since`: chain time, seconds."""

    deal: int | None = None
    developer: Address | None = None
    provider: Address | None = None
    since: int = 0

    def narrow(self, session: Session, kind: Any) -> Select[Any]:
        """Return the query of a table's rows that are chosen."""
        query = select(kind)
        if self.deal is not None:
            query = query.where(kind.deal == self.deal)
        if self.developer is not None:
            query = query.where(_of_developer(session, kind, self.developer))
        if self.provider is not None:
            query = query.where(kind.provider == self.provider)
        if self.since:
            # The tables are in the order of blocks, which is that of time.
            first = find_block_since(session, kind, self.since)
            query = query.where(kind.block_number >= first, kind.timestamp >= self.since)
        return query


def _of_developer(session: Session, kind: Any, developer: Address) -> ColumnElement[bool]:
    """Return what chooses the rows of a developer's deals: of few by their numbers, of many while
    reading on, for then they are soon found."""
    own = select(DealRow.id).where(DealRow.developer == developer)
    few = session.scalars(own.limit(FEW + 1)).all()
    if len(few) <= FEW:
        chosen: ColumnElement[bool] = kind.deal.in_(few)
        return chosen
    return own.where(DealRow.id == kind.deal).exists()


def fetch_claims_of(
    session: Session, chosen: MoneyChoice, after: Place | None, limit: int
) -> list[ClaimView]:
    """Return claims in the order of the chain."""
    query = page_by_place(chosen.narrow(session, ClaimRow), ClaimRow, after, limit)
    return [view_claim(row) for row in session.scalars(query)]


def fetch_redemptions_of(
    session: Session, chosen: MoneyChoice, after: Place | None, limit: int
) -> list[RedemptionView]:
    """Return redeemed vouchers in the order of the chain."""
    query = page_by_place(chosen.narrow(session, RedemptionRow), RedemptionRow, after, limit)
    return [view_redemption(row) for row in session.scalars(query)]


def fetch_deal_changes_of(
    session: Session, chosen: MoneyChoice, after: Place | None, limit: int
) -> list[DealChangeView]:
    """Return what changed deals, in the order of the chain; of no provider's."""
    query = page_by_place(chosen.narrow(session, DealChangeRow), DealChangeRow, after, limit)
    return [view_change(row) for row in session.scalars(query)]
