"""Tell which matches were lost to others, why, and who won them."""

from typing import Any

from wasmarket.kernel.units import Address
from wasmarket.store.database import Database
from wasmarket.store.matching.lost_matches import fetch_lost_matches

TOLD = 20


class Races:
    """The latest lost matches, from the store: no restart forgets them, every process tells."""

    def __init__(self, database: Database, account: Address) -> None:
        """`account` is the matcher's own."""
        self._database = database
        self._account = account

    def read(self) -> dict[str, Any]:
        """Return how many were lost, and the latest as JSON, newest first."""
        with self._database.read() as session:
            count, lost = fetch_lost_matches(session, self._account, limit=TOLD)
        latest = [
            {
                "offer": entry.offer,
                "reason": entry.reason,
                "block": entry.block,
                "winner": entry.winner,
                "won_in": entry.won_in,
            }
            for entry in lost
        ]
        return {"count": count, "latest": latest}
