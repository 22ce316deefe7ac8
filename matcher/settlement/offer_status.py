"""Tell developers what became of the last attempt at their offers, once for each piece of news."""

from collections.abc import Collection, Mapping

from wasmarket.kernel.units import BlockNumber, Hash
from wasmarket.store.database import Database
from wasmarket.store.enums import BookState
from wasmarket.store.leader import Leader
from wasmarket.store.matching.offers import set_offer_state

Word = tuple[BookState, tuple[str, ...]]


class OfferStatusWriter:
    """Writes states and reasons into the store, where they differ from what it last said."""

    def __init__(self, database: Database, leader: Leader) -> None:
        """Write as `leader`, who may lose the lead at any time."""
        self._database = database
        self._leader = leader
        self._said: dict[Hash, Word] = {}

    def begin(self) -> None:
        """Forget what was said: another process may have spoken since."""
        self._said.clear()

    def keep(self, offers: Collection[Hash]) -> None:
        """Forget what was said of all other offers."""
        for hash_ in [name for name in self._said if name not in offers]:
            del self._said[hash_]

    def unsay(self, offer: Hash) -> None:
        """Forget what was said of one offer: a match of it was sent."""
        self._said.pop(offer, None)

    def tell(
        self,
        told: Mapping[Hash, tuple[str, ...]],
        block: int,
        state: BookState = BookState.UNMATCHED,
    ) -> None:
        """Say of each offer why it has no more units as of `block`. Raises LeadershipLost."""
        news = {h: reasons for h, reasons in told.items() if self._said.get(h) != (state, reasons)}
        if not news:
            return
        with self._database.write() as session:
            self._leader.check(session)
            for hash_, reasons in news.items():
                set_offer_state(
                    session, hash_, state, reasons=reasons, tried_block=BlockNumber(block)
                )
        self._said.update((hash_, (state, reasons)) for hash_, reasons in news.items())
