"""Count offers that hold, for the limits at a matcher's door."""

from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from wasmarket.kernel.units import Address, Timestamp
from wasmarket.store.matching.live_offers import holds
from wasmarket.store.tables import AccountRow, DeveloperOfferRow, ProviderOfferRow


def count_asks(session: Session, provider: Address, now: Timestamp) -> int:
    """Return how many of a provider's asks hold; `now` is chain time."""
    row = ProviderOfferRow
    return _count(session, row, row.provider, row.provider == provider, now)


def count_bids(session: Session, developer: Address, now: Timestamp) -> int:
    """Return how many of a developer's bids hold; `now` is chain time."""
    row = DeveloperOfferRow
    return _count(session, row, row.developer, row.developer == developer, now)


def count_posted_by(session: Session, client: str, now: Timestamp) -> int:
    """Return how many offers that hold, of either kind, were posted from an address."""
    ask, bid = ProviderOfferRow, DeveloperOfferRow
    return _count(session, ask, ask.provider, ask.client == client, now) + _count(
        session, bid, bid.developer, bid.client == client, now
    )


def _count(
    session: Session, row: Any, account: Any, mine: ColumnElement[bool], now: Timestamp
) -> int:
    query = (
        select(func.count())
        .select_from(row)
        .outerjoin(AccountRow, AccountRow.address == account)
        .where(mine, row.valid_until >= now, *holds(row, account))
    )
    return session.scalar(query) or 0
