"""Whether the money of a town adds up when everything has ended."""

from dataclasses import dataclass

from sqlalchemy import func, select

from wasmarket.kernel.errors import Conflict
from wasmarket.store.chain.assignments import fetch_assignments
from wasmarket.store.chain.deals import fetch_deals
from wasmarket.store.chain.state import fetch_indexed
from wasmarket.store.database import Database
from wasmarket.store.tables import AccountRow


@dataclass(frozen=True, slots=True)
class Money:
    """USDC base units: what the contract holds, and what the store says whose it is."""

    held: int
    free: int
    in_deals: int
    paid: int
    refunded: int

    def check(self) -> None:
        """Raises Conflict unless the contract holds exactly what it owes."""
        if self.held != self.free + self.in_deals:
            raise Conflict(
                f"Market holds {self.held} base units, of accounts {self.free},"
                f" of deals {self.in_deals}"
            )


def count_money(database: Database, held: int) -> Money:
    """Add up what the store knows; `held` is the token's balance of Market."""
    with database.read() as session:
        at = fetch_indexed(session)
        free = session.scalar(select(func.sum(AccountRow.free))) or 0
        deals = fetch_deals(session, at, limit=None)
        assignments = fetch_assignments(session, at, limit=None)
    return Money(
        held,
        int(free),
        sum(deal.balance for deal in deals if not deal.stopped),
        sum(view.paid for view in assignments),
        sum(view.refunded for view in assignments),
    )
