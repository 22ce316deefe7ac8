"""Say whether there is room for one more offer of an account, or from an address.

How many rows there are is counted first, by an index alone: it bounds how many hold. Only where
that reaches the limit, those that hold are counted.
"""

from typing import Any

from sqlalchemy import ColumnElement, Select, bindparam, func, select
from sqlalchemy.orm import Session

from wasmarket.kernel.units import Address, Timestamp
from wasmarket.store.matching.live_offers import holds
from wasmarket.store.tables import AccountRow, DeveloperOfferRow, ProviderOfferRow

_ASK, _BID = ProviderOfferRow, DeveloperOfferRow


def is_room_for_ask(
    session: Session,
    provider: Address,
    client: str,
    now: Timestamp,
    per_account: int,
    per_client: int,
) -> str:
    """Return why a provider may not post one more offer, empty if it may. Limits of 0: none."""
    return _why_not(session, _ASKS_OF, provider, client, now, (per_account, per_client))


def is_room_for_bid(
    session: Session,
    developer: Address,
    client: str,
    now: Timestamp,
    per_account: int,
    per_client: int,
) -> str:
    """Return why a developer may not post one more offer, empty if it may. Limits of 0: none."""
    return _why_not(session, _BIDS_OF, developer, client, now, (per_account, per_client))


class _Count:
    """Two statements, built once: all rows, at most so many, and those of them that hold."""

    def __init__(self, row: Any, account: Any, mine: ColumnElement[bool]) -> None:
        some = select(row.sequence).where(mine).limit(bindparam("most")).subquery()
        self._all: Select[int] = select(func.count()).select_from(some)
        self._holding: Select[int] = (
            select(func.count())
            .select_from(row)
            .outerjoin(AccountRow, AccountRow.address == account)
            .where(mine, row.valid_until >= bindparam("now"), *holds(row, account))
        )

    def all(self, session: Session, key: str, most: int) -> int:
        """Return how many rows there are, counting no further than `most`."""
        return session.scalar(self._all, {"key": key, "most": most}) or 0

    def holding(self, session: Session, key: str, now: Timestamp) -> int:
        """Return how many offers hold."""
        return session.scalar(self._holding, {"key": key, "now": now}) or 0


_ASKS_OF = _Count(_ASK, _ASK.provider, _ASK.provider == bindparam("key"))
_BIDS_OF = _Count(_BID, _BID.developer, _BID.developer == bindparam("key"))
_FROM_CLIENT = (
    _Count(_ASK, _ASK.provider, _ASK.client == bindparam("key")),
    _Count(_BID, _BID.developer, _BID.client == bindparam("key")),
)


def _why_not(
    session: Session,
    own: _Count,
    account: Address,
    client: str,
    now: Timestamp,
    limits: tuple[int, int],
) -> str:
    per_account, per_client = limits
    if per_account and own.all(session, account, per_account) >= per_account:
        held = own.holding(session, account, now)
        if held >= per_account:
            return f"{held} live offers of this account are here already"
    if per_client and client:
        most = sum(count.all(session, client, per_client) for count in _FROM_CLIENT)
        if most >= per_client:
            held = sum(count.holding(session, client, now) for count in _FROM_CLIENT)
            if held >= per_client:
                return f"{held} live offers came from your address already"
    return ""
