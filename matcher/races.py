"""Remember the matches that were lost to others, and who won them."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from kernel.units import Address, Hash
from store.database import Session
from store.deals import fetch_deal_changes, fetch_deal_of_offer
from store.views import Indexed
from store.words import DealChangeKind

REMEMBERED = 20
LOOKED_AT = 50
"""Lines of a deal's history in which the winner is looked for."""


@dataclass(frozen=True, slots=True)
class Lost:
    """A match that the chain refused: why, computed as of which block, and who was faster."""

    offer: Hash
    reason: str
    block: int
    winner: Address | None = None
    won_in: int | None = None


class Races:
    """The latest lost matches, newest last. One thread writes; copies are given to others."""

    def __init__(self, account: Address) -> None:
        """`account` is the matcher's own."""
        self._account = account
        self._lost: deque[Lost] = deque(maxlen=REMEMBERED)
        self.count = 0

    def lose(self, offer: Hash, reason: str, block: int) -> None:
        """Note a refused match."""
        self._lost.append(Lost(offer, reason, block))
        self.count += 1

    def find_winners(self, session: Session, at: Indexed) -> None:
        """Look in the deals' histories for who matched instead, as far as that is indexed."""
        for place, entry in enumerate(self._lost):
            if entry.winner is None:
                self._lost[place] = self._judge(session, at, entry)

    def _judge(self, session: Session, at: Indexed, entry: Lost) -> Lost:
        deal = fetch_deal_of_offer(session, at, entry.offer)
        if deal is None:
            return entry
        for change in fetch_deal_changes(
            session, deal.id, after=(entry.block, 2**62), limit=LOOKED_AT
        ):
            if change.kind == DealChangeKind.MATCHED and change.by not in (None, self._account):
                return replace(entry, winner=Address(str(change.by)), won_in=change.block)
        return entry

    def list(self) -> Sequence[dict[str, Any]]:
        """Return them as JSON, newest first."""
        return [
            {
                "offer": entry.offer,
                "reason": entry.reason,
                "block": entry.block,
                "winner": entry.winner,
                "won_in": entry.won_in,
            }
            for entry in reversed(tuple(self._lost))
        ]
